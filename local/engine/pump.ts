import type { Dispatcher } from './dispatcher.ts';
import type { EngineServices } from './services.ts';

/** Drives a dispatcher whenever something may be due. */
export interface Pump {
  start(): void;
  /** Starts nothing more; resolves when what runs has ended. */
  stop(): Promise<void>;
  /** Says that something may be due. */
  wake(): void;
  /** Resolves when nothing runs and nothing is due; rejects when the pump has failed. */
  idle(): Promise<void>;
}

/**
 * Makes a pump. Each round runs on a turn of the event loop of its own, so that quick activities do not keep servers in the
 * same process from answering, and results that come together are taken by one episode.
 *
 * @param onFatal - called once, when the dispatcher throws; the pump has stopped then
 */
export function createPump(
  { store, clock, log }: Pick<EngineServices, 'store' | 'clock' | 'log'>,
  dispatcher: Dispatcher,
  onFatal: (error: unknown) => void,
): Pump {
  const running = new Set<Promise<void>>();
  const waiters: PromiseWithResolvers<void>[] = [];
  let isStarted = false;
  let isRoundPending = false;
  let failure: { readonly error: unknown } | undefined;
  let withdrawAlarm = () => {};

  function release(settle: (waiter: PromiseWithResolvers<void>) => void): void {
    for (const waiter of waiters.splice(0)) settle(waiter);
  }

  function fail(error: unknown): void {
    if (failure) return;
    failure = { error };
    isStarted = false;
    withdrawAlarm();
    log(
      'critical',
      'engine',
      `the engine has stopped: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    release(waiter => waiter.reject(error));
    onFatal(error);
  }

  function wake(): void {
    if (!isStarted || isRoundPending) return;
    isRoundPending = true;
    setImmediate(runRound);
  }

  function track(work: Promise<void>): void {
    const tracked = work.then(wake, fail).finally(() => running.delete(tracked));
    running.add(tracked);
  }

  function runRound(): void {
    isRoundPending = false;
    if (!isStarted) return;
    try {
      for (const work of dispatcher.dispatch()) track(work);
      const timerAtMs = store.nextTimerAtMs();
      withdrawAlarm();
      withdrawAlarm = timerAtMs === undefined ? () => {} : clock.callAt(timerAtMs, wake);
    } catch (error) {
      fail(error);
      return;
    }
    if (!dispatcher.isBusy()) release(waiter => waiter.resolve());
  }

  return {
    start() {
      isStarted = true;
      wake();
    },
    async stop() {
      isStarted = false;
      withdrawAlarm();
      await Promise.all(running);
      release(waiter => waiter.resolve());
    },
    wake,
    idle() {
      if (failure) return Promise.reject(failure.error);
      const waiter = Promise.withResolvers<void>();
      waiters.push(waiter);
      wake();
      return waiter.promise;
    },
  };
}
