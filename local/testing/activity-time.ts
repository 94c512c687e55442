import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type { Clock } from '../engine/clock.ts';

/** One invocation under way. */
interface Visit {
  readonly clock: Clock;
  /** For each delay that it waits for, what withdraws it from the clock. */
  readonly delays: Set<() => void>;
  /** Called when it falls asleep or wakes. */
  readonly onChange: () => void;
}

const visits = new AsyncLocalStorage<Visit>();

function currentVisit(caller: string): Visit {
  const visit = visits.getStore();
  if (!visit) throw new Error(`${caller} is for activities while they run in a test hub`);
  return visit;
}

/**
 * The virtual time, for an activity that runs in a test hub; milliseconds since 1970.
 *
 * @throws outside of one
 */
export function activityNowMs(): number {
  return currentVisit('activityNowMs()').clock.nowMs();
}

/**
 * Lets an activity that runs in a test hub take virtual time: `await delay(5_000)` ends when the hub's clock has gone on by
 * five seconds, while other activities and timers go on beside it.
 *
 * @param delayMs - `Infinity` = for ever, like an activity that hangs
 * @throws outside of an activity in a test hub
 */
export function delay(delayMs: number): Promise<void> {
  const { clock, delays, onChange } = currentVisit('delay()');
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => {
    delays.delete(withdraw);
    onChange();
    resolve();
  };
  const withdraw = Number.isFinite(delayMs) ? clock.callAt(clock.nowMs() + delayMs, end) : () => {};
  delays.add(withdraw);
  onChange();
  return promise;
}

/**
 * Lets an activity that runs in a test hub wait for what another one brings about, such as a permit: virtual time goes on
 * meanwhile, as during {@link delay}.
 *
 * @throws outside of an activity in a test hub, and whatever the promise rejects with
 */
export async function idleUntil<T>(promise: Promise<T>): Promise<T> {
  const { delays, onChange } = currentVisit('idleUntil()');
  const wake = () => {};
  delays.add(wake);
  onChange();
  try {
    return await promise;
  } finally {
    delays.delete(wake);
    onChange();
  }
}

/** Knows which invocations are under way, and which of them sleep in {@link delay}. */
export interface Attendance {
  /** Runs an invocation. */
  attend<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Whether any has not ended. */
  isAnyonePresent(): boolean;
  /** Resolves when every invocation has ended or sleeps, after one turn of the event loop for what follows from that. */
  nobodyAwake(): Promise<void>;
}

/** @param clock - by which delays are measured */
export function createAttendance(clock: Clock): Attendance {
  const present = new Set<Visit>();
  let change = Promise.withResolvers<void>();
  function onChange(): void {
    change.resolve();
    change = Promise.withResolvers();
  }
  return {
    async attend(work) {
      const visit: Visit = { clock, delays: new Set(), onChange };
      present.add(visit);
      try {
        return await visits.run(visit, work);
      } finally {
        present.delete(visit);
        // A delay that lost a race is nothing to wait for.
        for (const withdraw of visit.delays) withdraw();
        onChange();
      }
    },
    isAnyonePresent: () => present.size > 0,
    async nobodyAwake() {
      for (;;) {
        await turnOfEventLoop();
        if ([...present].every(({ delays }) => delays.size > 0)) return;
        await change.promise;
      }
    },
  };
}
