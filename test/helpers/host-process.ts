import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../local/host/main.ts');

/** The host's command as a process of its own. */
export interface HostProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it has written so far. */
  output(): { readonly stdout: string; readonly stderr: string };
  /** The URL of its readiness line; throws with its output when it ends before. */
  ready(): Promise<string>;
  /** Its exit code, or the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>;
}

/**
 * Runs `local/host/main.ts`; `await using` kills it.
 *
 * @param args - its arguments
 * @param environment - on top of this process's
 * @param options.folder - where it runs. Default: the project's folder
 * @param options.hasGroup - whether it leads a process group, as a command in a terminal does. Default false
 */
export function spawnHost(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  { folder = process.cwd(), hasGroup = false }: { folder?: string; hasGroup?: boolean } = {},
): HostProcess {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    detached: hasGroup,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', chunk => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', chunk => {
    text.stderr += chunk;
  });
  const end = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  return {
    child,
    output: () => ({ ...text }),
    ended: () => end,
    async ready() {
      for (;;) {
        const [, url] = /^Functions host ready: (\S+) /m.exec(text.stdout) ?? [];
        if (url) return url;
        const hasEnded = await Promise.race([once(child.stdout, 'data').then(() => false), end.then(() => true)]);
        if (hasEnded) throw new Error(`The host ended before it was ready:\n${text.stdout}${text.stderr}`);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await end;
    },
  };
}
