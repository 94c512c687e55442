import type { Clock } from '../../local/engine/clock.ts';
import type { Worker } from '../../local/engine/protocol/worker.ts';
import { isFinished, type Store } from '../../local/engine/store/store.ts';
import type { EngineParts } from '../../local/host/host.ts';

/** What an engine has spent since the meter was reset; milliseconds, and the host's thread where nothing else is said. */
export interface Spent {
  /** In the store. */
  readonly sqliteMs: number;
  /** In the engine's own steps: the walk through histories, and the JSON of what is sent and stored. */
  readonly replayMs: number;
  /** In handing calls over to the channel of a worker process. */
  readonly sendMs: number;
  readonly callCount: number;
  /** In worker processes: from the begin of each call to its end, and of that the calls of orchestrators. Calls overlap. */
  readonly ranMs: number;
  readonly orchestratorMs: number;
  /** Between processes, of all calls together: round trips less what the calls took in their process. Calls overlap. */
  readonly betweenMs: number;
  /** Of each answer of an activity: from its commit to the call of the orchestrator that waits for it. */
  readonly wakeMs: readonly number[];
}

/** Looks on while an engine works. */
export interface Meter {
  decorate(parts: EngineParts): EngineParts;
  reset(): void;
  spent(): Spent;
  /** Is told each orchestration that ends. Default: nobody. */
  onEnd: (instanceId: string, status: string) => void;
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };
type Tally = Mutable<Omit<Spent, 'wakeMs'>> & { readonly wakeMs: number[] };

const emptyTally = (): Tally => ({
  sqliteMs: 0,
  replayMs: 0,
  sendMs: 0,
  callCount: 0,
  ranMs: 0,
  orchestratorMs: 0,
  betweenMs: 0,
  wakeMs: [],
});

/**
 * Makes a meter. A step of the engine is synchronous: it begins where the clock is asked, and ends where store or worker are.
 */
export function createMeter(): Meter {
  let tally = emptyTally();
  let stepBegunMs: number | undefined;
  let completedAtMs: number | undefined;

  function endStep(): number {
    const nowMs = performance.now();
    if (stepBegunMs !== undefined) tally.replayMs += nowMs - stepBegunMs;
    stepBegunMs = undefined;
    return nowMs;
  }

  const meteredClock = (clock: Clock): Clock => ({
    callAt: clock.callAt,
    nowMs() {
      stepBegunMs = endStep();
      return clock.nowMs();
    },
  });

  /** A method of the store that adds its time. */
  function timed<Input extends readonly unknown[], Output>(method: (...input: Input) => Output) {
    return (...input: Input): Output => {
      const begunMs = endStep();
      try {
        return method(...input);
      } finally {
        tally.sqliteMs += performance.now() - begunMs;
      }
    };
  }

  function meteredStore(store: Store): Store {
    const metered = Object.fromEntries(Object.entries(store).map(([name, method]) => [name, timed(method)]));
    const { commitEpisode, completeActivity, ...rest } = metered as unknown as Store;
    return {
      ...rest,
      commitEpisode(commit) {
        const woken = commitEpisode(commit);
        const { instanceId, runtimeStatus } = commit.instance;
        if (isFinished(commit.instance)) meter.onEnd(instanceId, runtimeStatus);
        return woken;
      },
      completeActivity(task, event, dueAtMs) {
        const hasMessage = completeActivity(task, event, dueAtMs);
        completedAtMs = performance.now();
        return hasMessage;
      },
    };
  }

  function meteredWorker(worker: Worker): Worker {
    const kinds = new Map(worker.functions.map(({ name, kind }) => [name.toLowerCase(), kind]));
    return {
      functions: worker.functions,
      async invoke(name, trigger, metadata) {
        const begunMs = endStep();
        const isOrchestrator = kinds.get(name.toLowerCase()) === 'orchestrator';
        if (isOrchestrator && completedAtMs !== undefined) {
          tally.wakeMs.push(begunMs - completedAtMs);
          completedAtMs = undefined;
        }
        const answer = worker.invoke(name, trigger, metadata);
        tally.sendMs += performance.now() - begunMs;
        const outcome = await answer;
        const { ranMs = 0 } = outcome;
        tally.callCount += 1;
        tally.ranMs += ranMs;
        tally.betweenMs += performance.now() - begunMs - ranMs;
        if (isOrchestrator) tally.orchestratorMs += ranMs;
        return outcome;
      },
    };
  }

  const meter: Meter = {
    decorate: ({ store, worker, clock }) => ({
      store: meteredStore(store),
      worker: meteredWorker(worker),
      clock: meteredClock(clock),
    }),
    reset() {
      tally = emptyTally();
    },
    spent: () => tally,
    onEnd: () => {},
  };
  return meter;
}
