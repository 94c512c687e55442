import type { Clock } from '../engine/clock.ts';
import type { Log } from './log.ts';
import type { WorkerPool } from './worker/worker-pool.ts';

/** How long work in flight may go on after the host has begun to close. With a second for hooks, all takes less than 5 s. */
const GRACE_MS = 3_500;

/** How long clients have to send the rest of a request and to take their answer. */
export const SLOW_CLIENT_MS = 200;

/** How a host comes to its end. */
export interface Shutdown {
  /** Aborted at the beginning: waits of clients end. */
  readonly closing: AbortSignal;
  /** Aborted when the work in flight is broken off. */
  readonly breakingOff: AbortSignal;
  /**
   * Ends the work of the host.
   *
   * @param stops - each takes no more work and resolves when the work in flight has ended
   * @param lastStops - the same, for what that work may still need
   */
  run(stops: readonly Stop[], lastStops: readonly Stop[]): Promise<void>;
}

type Stop = () => Promise<void>;

/** Resolves when the work has ended or the time is over; says which. */
async function endsWithin(clock: Clock, lengthMs: number, work: Promise<unknown>): Promise<boolean> {
  const { promise: isLate, resolve } = Promise.withResolvers<false>();
  const withdraw = clock.callAt(clock.nowMs() + lengthMs, () => resolve(false));
  const hasEnded = await Promise.race([work.then(() => true), isLate]);
  withdraw();
  return hasEnded;
}

/**
 * Prepares the end of a host.
 *
 * @param options.isGraceful - whether work in flight has a time to end; else it is broken off at once and runs again later
 */
export function createShutdown(options: {
  readonly isGraceful: boolean;
  readonly worker: Pick<WorkerPool, 'release'>;
  readonly clock: Clock;
  readonly log: Log;
}): Shutdown {
  const { isGraceful, worker, clock, log } = options;
  const closing = new AbortController();
  const breakingOff = new AbortController();
  const stopAll = (stops: readonly Stop[]) => Promise.all(stops.map(stop => stop()));
  return {
    closing: closing.signal,
    breakingOff: breakingOff.signal,
    async run(stops, lastStops) {
      closing.abort();
      const stopped = stopAll(stops);
      if (isGraceful && !(await endsWithin(clock, GRACE_MS, stopped)))
        log('warning', 'host', `work that has not ended after ${GRACE_MS} ms is broken off and runs again later`);
      worker.release();
      breakingOff.abort();
      await stopped;
      await stopAll(lastStops);
    },
  };
}
