import type { Clock } from './clock.ts';
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

/** One outstanding call of a clock, moved as often as one likes. */
function createAlarm(clock: Clock, callback: () => void): (instantMs: number | undefined) => void {
  let withdraw = () => {};
  return instantMs => {
    withdraw();
    withdraw = instantMs === undefined ? () => {} : clock.callAt(instantMs, callback);
  };
}

/** Runs the callback on the next turn of the event loop, once however often it is asked for till then. */
function createTurn(callback: () => void): () => void {
  let isPending = false;
  return () => {
    if (isPending) return;
    isPending = true;
    setImmediate(() => {
      isPending = false;
      callback();
    });
  };
}

/** Those who wait for one event, which may come again. */
function createWaiters() {
  const waiters: PromiseWithResolvers<void>[] = [];
  return {
    wait(): Promise<void> {
      const waiter = Promise.withResolvers<void>();
      waiters.push(waiter);
      return waiter.promise;
    },
    resolve(): void {
      for (const waiter of waiters.splice(0)) waiter.resolve();
    },
    reject(error: unknown): void {
      for (const waiter of waiters.splice(0)) waiter.reject(error);
    },
  };
}

/**
 * Makes a pump. Each round runs on a turn of the event loop of its own, so that quick activities do not keep servers in the
 * same process from answering, and results that come together are taken by one episode.
 *
 * @param onFatal - called once, when the dispatcher throws; the pump has stopped then
 */
export function createPump(
  { clock, log }: Pick<EngineServices, 'clock' | 'log'>,
  dispatcher: Dispatcher,
  onFatal: (error: unknown) => void,
): Pump {
  const running = new Set<Promise<void>>();
  const idleWaiters = createWaiters();
  const setAlarm = createAlarm(clock, wake);
  const askForRound = createTurn(runRound);
  let isStarted = false;
  let failure: { readonly error: unknown } | undefined;

  function fail(error: unknown): void {
    if (failure) return;
    failure = { error };
    isStarted = false;
    setAlarm(undefined);
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    log('critical', 'engine', `the engine has stopped: ${text}`);
    idleWaiters.reject(error);
    onFatal(error);
  }

  function wake(): void {
    if (isStarted) askForRound();
  }

  function runRound(): void {
    if (!isStarted) return;
    try {
      for (const work of dispatcher.dispatch()) {
        const tracked = work.then(wake, fail).finally(() => running.delete(tracked));
        running.add(tracked);
      }
      setAlarm(dispatcher.nextDueAtMs());
      if (!dispatcher.isBusy()) idleWaiters.resolve();
    } catch (error) {
      fail(error);
    }
  }

  return {
    start() {
      isStarted = failure === undefined;
      wake();
    },
    async stop() {
      isStarted = false;
      setAlarm(undefined);
      await Promise.all(running);
      idleWaiters.resolve();
    },
    wake,
    idle() {
      wake();
      return failure ? Promise.reject(failure.error) : idleWaiters.wait();
    },
  };
}
