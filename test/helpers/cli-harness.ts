import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../../cli/context.ts';
import { runCli } from '../../cli/program.ts';
import { plain } from '../../cli/terminal.ts';
import { NOON_MS } from './factories.ts';

/** A CLI in this process, with time that only passes when it is waited for. */
export interface CliHarness {
  readonly context: Context;
  readonly out: string[];
  readonly err: string[];
  /** Lengths of all waits so far, in milliseconds. */
  readonly waits: number[];
  /** Ctrl-C. */
  interrupt(): void;
  /** Runs a command and answers its exit code. */
  run(...args: readonly string[]): Promise<number>;
}

/** What a test may set. */
export interface HarnessOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Answers questions; default: nobody can be asked. */
  readonly confirm?: (question: string) => Promise<boolean>;
  /** Called with each line of standard output. */
  readonly onOut?: (line: string) => void;
  /** Called at each wait with the sum of all waits. */
  readonly onWait?: (waitedMs: number) => void | Promise<void>;
}

/** Makes one; nothing is started by it. */
export function createCliHarness({ env = {}, confirm, onOut, onWait }: HarnessOptions = {}): CliHarness {
  const interruption = new AbortController();
  const [out, err, waits]: [string[], string[], number[]] = [[], [], []];
  let waitedMs = 0;
  const context: Context = {
    env,
    signal: interruption.signal,
    nowMs: () => NOON_MS + waitedMs,
    async wait(delayMs, signal) {
      waits.push(delayMs);
      waitedMs += delayMs;
      await onWait?.(waitedMs);
      signal.throwIfAborted();
    },
    terminal: {
      out(line) {
        out.push(line);
        onOut?.(line);
      },
      err: line => err.push(line),
      paint: plain,
      write: async bytes => out.push(Buffer.from(bytes).toString()) > 0,
      confirm: confirm ?? null,
      barStream: null,
    },
  };
  return { context, out, err, waits, interrupt: () => interruption.abort(), run: (...args) => runCli(args, context) };
}

/** A folder that is gone after the test, with a CSV file of issues in it. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string; readonly csv: string }> {
  const path = await mkdtemp(join(tmpdir(), 'fanfold-test-'));
  const csv = join(path, 'issues.csv');
  await writeFile(csv, 'key,title\nAPP-1,Save fails\n');
  return { path, csv, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

const MAIN = join(import.meta.dirname, '../../cli/main.ts');

/** The CLI as a process of its own, its standard input and outputs no terminals. */
export function spawnCli(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', chunk => {
      text[name] += chunk;
    });
  }
  const ended = once(child, 'close').then(([exitCode, signal]) => ({
    exitCode: (exitCode ?? signal) as number | NodeJS.Signals,
    ...text,
  }));
  return { child, ended };
}
