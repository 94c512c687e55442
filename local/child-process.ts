import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { LocalError } from './errors.ts';

const GUARD = new URL('./exit-with-parent.ts', import.meta.url).href;
const GRACE_MS = 10_000;
const READY_TIMEOUT_MS = 60_000;
/** Lines of output that are kept to explain an unexpected end. */
const TAIL_LINES = 12;

/** What to run. */
export interface ChildOptions<T> {
  /** As named in messages: "the host". */
  readonly name: string;
  /** The script and its arguments; it runs under this process's Node. */
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Looks at each line of output until it gives what the caller needs to know; then the child is ready. */
  readonly readyFrom: (line: string) => T | undefined;
  /** Gets every line of output. */
  readonly onLine?: (line: string) => void;
  /** Time from SIGTERM to SIGKILL. Default 10,000. */
  readonly graceMs?: number;
  /** Aborting ends the child while it is starting. */
  readonly signal?: AbortSignal | undefined;
}

/** A child process that is ready. */
export interface Child<T> {
  readonly pid: number;
  readonly ready: T;
  /** Resolves when the process has ended, with a line that says how. */
  readonly ended: Promise<string>;
  /** Ends the process: SIGTERM, then SIGKILL after the grace. Resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a child process and waits until it says that it is ready.
 *
 * The child is in a process group of its own, so that Ctrl-C in a terminal reaches this process alone, which ends its
 * children in order. It ends by itself when this process is gone.
 *
 * @throws {LocalError} when it ends before, or is not ready after 60 s, with its last lines of output
 */
export async function startChild<T>(options: ChildOptions<T>): Promise<Child<T>> {
  const { name, command, env, readyFrom, onLine, graceMs = GRACE_MS, signal } = options;
  signal?.throwIfAborted();
  const child = spawn(process.execPath, ['--import', GUARD, ...command], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    windowsHide: true,
  });
  // The pipe is only held open; a child that ends first breaks it.
  child.stdin.on('error', () => {});
  const tail: string[] = [];
  const ready = Promise.withResolvers<T>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', line => {
      onLine?.(line);
      tail.push(line);
      if (tail.length > TAIL_LINES) tail.shift();
      const found = readyFrom(line);
      if (found !== undefined) ready.resolve(found);
    });
  }
  const ended = endOf(child, name, tail);
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const kill = setTimeout(() => child.kill('SIGKILL'), graceMs);
    await exited;
    clearTimeout(kill);
  };
  try {
    const value = await withinStart({ name, ready: ready.promise, ended, signal });
    return { pid: child.pid ?? 0, ready: value, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function endOf(child: ChildProcess, name: string, tail: readonly string[]): Promise<string> {
  const [exitCode, signal]: (number | string | null)[] = await once(child, 'close');
  const how = typeof signal === 'string' ? `was ended by ${signal}` : `ended with exit code ${exitCode}`;
  return `${name} ${how}${tail.length > 0 ? `; its last output:\n${tail.join('\n')}` : ''}`;
}

async function withinStart<T>(start: {
  name: string;
  ready: Promise<T>;
  ended: Promise<string>;
  signal: AbortSignal | undefined;
}): Promise<T> {
  const { name, ready, ended, signal } = start;
  const timeout = AbortSignal.timeout(READY_TIMEOUT_MS);
  const givenUp = signal ? AbortSignal.any([signal, timeout]) : timeout;
  const gaveUp = Promise.withResolvers<never>();
  const onAbort = () =>
    gaveUp.reject(
      timeout.aborted ? new LocalError(`${name} was not ready after ${READY_TIMEOUT_MS / 1_000} s`) : givenUp.reason,
    );
  givenUp.addEventListener('abort', onAbort, { once: true });
  try {
    const endedEarly = ended.then(how => {
      throw new LocalError(how);
    });
    return await Promise.race([ready, endedEarly, gaveUp.promise]);
  } finally {
    givenUp.removeEventListener('abort', onAbort);
  }
}
