import type { Clock } from '../../engine/clock.ts';
import type { Log } from '../log.ts';
import { forkWorker } from './fork-worker.ts';
import { type Inspect, inspectAddress, inspectArguments } from './inspect.ts';
import { readNodeArguments } from './node-arguments.ts';
import { startWorkerPool, type WorkerPool } from './worker-pool.ts';

/** How to run an app. */
export interface AppWorkersOptions {
  readonly appFolder: string;
  /** The app's settings: the whole environment of the processes. */
  readonly environment: NodeJS.ProcessEnv;
  readonly processCount: number;
  /** Payload of every `durableClient` input. */
  readonly durableClientJson: string;
  /** Infinity = no limit. */
  readonly functionTimeoutMs: number;
  /** Opens the processes to debuggers. Nothing times out then: a breakpoint would. */
  readonly inspect: Inspect | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Starts the worker processes of an app.
 *
 * @throws what the app throws while it loads
 */
export function startAppWorkers(options: AppWorkersOptions): Promise<WorkerPool> {
  const { appFolder, environment, processCount, durableClientJson, functionTimeoutMs, inspect, clock, log } = options;
  const nodeArgs = readNodeArguments(environment);
  if (inspect) {
    const addresses = Array.from({ length: processCount }, (_, index) => inspectAddress(inspect, index));
    const waits = inspect.waits ? ', for which the app waits' : '';
    log('information', 'host', `debuggers can attach at ${addresses.join(', ')}${waits}; functionTimeout is off`);
  }
  return startWorkerPool({
    processCount,
    startProcess: index =>
      forkWorker({ env: environment, nodeArgs, args: inspect ? inspectArguments(inspect, index) : [], log }),
    start: { type: 'start', appFolder, durableClientJson },
    functionTimeoutMs: inspect ? Number.POSITIVE_INFINITY : functionTimeoutMs,
    clock,
    log,
  });
}
