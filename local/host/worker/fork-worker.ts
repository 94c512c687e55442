import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Log, LogLevel } from '../log.ts';
import { createMessageBatch } from './message-batch.ts';
import type { HostMessage, WorkerMessage } from './worker-messages.ts';

const WORKER_MAIN = join(import.meta.dirname, 'worker-main.ts');

/** A language worker process as its host sees it. */
export interface WorkerProcess {
  readonly pid: number;
  /** Sends a message; a process that is gone gets nothing, and says so by its exit. */
  send(message: HostMessage): void;
  onMessage(callback: (message: WorkerMessage) => void): void;
  /** Calls back once, after the last message, when the process is gone: `was ended by SIGKILL`, `ended with exit code 1`. */
  onExit(callback: (how: string) => void): void;
  /** Ends the process at once, whatever it does. */
  kill(): void;
}

/** How to start a worker process. */
export interface ForkOptionsOfWorker {
  /** The whole environment of the app. */
  readonly env: NodeJS.ProcessEnv;
  /** Arguments of Node. */
  readonly nodeArgs: readonly string[];
  /** Arguments of worker-main.ts. */
  readonly args: readonly string[];
  /** Gets each line that the process writes to its standard output and error. */
  readonly log: Log;
}

/** How grave a line on standard error is: by its words, as the Functions host does it. */
function levelOfErrorLine(line: string): LogLevel {
  if (/warn/i.test(line)) return 'warning';
  return /error|fail|severe|exception/i.test(line) ? 'error' : 'information';
}

function forwardOutput({ stdout, stderr }: ChildProcess, log: Log): void {
  if (stdout) createInterface({ input: stdout }).on('line', line => log('information', 'app', line));
  if (stderr) createInterface({ input: stderr }).on('line', line => log(levelOfErrorLine(line), 'app', line));
}

/** Calls back when the process has exited and everything that it had sent has been read. */
function watchExit(child: ChildProcess, callback: (how: string) => void): void {
  let how: string | undefined;
  let isReported = false;
  const report = () => {
    const isStillRead = child.connected && child.pid !== undefined;
    if (how === undefined || isStillRead || isReported) return;
    isReported = true;
    callback(how);
  };
  child.once('exit', (code, signal) => {
    how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    report();
  });
  child.once('disconnect', () => {
    // Whatever it does now, nobody learns of it.
    child.kill('SIGKILL');
    report();
  });
  child.on('error', error => {
    if (child.pid === undefined) how = `could not be started: ${error.message}`;
    report();
  });
}

/**
 * Starts a worker process. It has a process group of its own, so that Ctrl-C in a terminal reaches the host alone; it ends by
 * itself when this process is gone.
 */
export function forkWorker({ env, nodeArgs, args, log }: ForkOptionsOfWorker): WorkerProcess {
  const options: ForkOptions & { windowsHide: boolean } = {
    env,
    execArgv: [...nodeArgs],
    serialization: 'advanced',
    detached: true,
    windowsHide: true,
    // The last one is only held open: see watch-host.mjs.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc', 'pipe'],
  };
  const child = fork(WORKER_MAIN, [...args], options);
  child.stdio[4]?.on('error', () => {});
  forwardOutput(child, log);
  const { add: send } = createMessageBatch<HostMessage>(messages => void child.send([...messages], () => {}));
  return {
    pid: child.pid ?? 0,
    send,
    onMessage: callback => void child.on('message', messages => (messages as WorkerMessage[]).forEach(callback)),
    onExit: callback => watchExit(child, callback),
    kill: () => void child.kill('SIGKILL'),
  };
}
