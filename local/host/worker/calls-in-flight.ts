import type { Clock } from '../../engine/clock.ts';
import type { FunctionInfo, InvocationOutcome } from '../../engine/protocol/worker.ts';

/** The invocations that one worker process has been given and has not answered. */
export interface CallsInFlight {
  count(): number;
  /** Whether any has come to its end, if only by its timeout. */
  hasEnded(): boolean;
  /**
   * Notes an invocation; its time starts now.
   *
   * @returns the id by which its outcome will come, and that outcome; it never rejects
   */
  add(target: FunctionInfo): { readonly id: number; readonly outcome: Promise<InvocationOutcome> };
  /** Gives an invocation its outcome. An id that is not in flight, or has overrun, is passed over. */
  finish(id: number, outcome: InvocationOutcome): void;
  /** Ends every invocation as `closed`. */
  closeAll(): void;
  /**
   * Ends every invocation after the end of its process: the one that has overrun as `timedOut`, all others as `lost`.
   *
   * @param how - a clause after "the process"
   * @returns what is lost
   */
  loseAll(how: string): readonly FunctionInfo[];
}

interface Entry {
  readonly target: FunctionInfo;
  settle(outcome: InvocationOutcome): void;
}

/**
 * Keeps the invocations of one worker process.
 *
 * @param options.functionTimeoutMs - Infinity = no limit
 * @param options.onOverrun - told the first invocation that takes longer, once; then the process has to end
 */
export function createCallsInFlight(options: {
  readonly clock: Clock;
  readonly functionTimeoutMs: number;
  readonly onOverrun: (message: string) => void;
}): CallsInFlight {
  const { clock, functionTimeoutMs, onOverrun } = options;
  const entries = new Map<number, Entry>();
  let lastId = 0;
  let hasEnded = false;
  let overrun: { readonly id: number; readonly message: string } | undefined;

  function noteOverrun(id: number, { name }: FunctionInfo): void {
    if (overrun) return;
    hasEnded = true;
    const limit = `${functionTimeoutMs / 1_000} s`;
    overrun = { id, message: `Timeout value of ${limit} (functionTimeout) exceeded by function 'Functions.${name}'` };
    onOverrun(overrun.message);
  }

  return {
    count: () => entries.size,
    hasEnded: () => hasEnded,
    add(target) {
      lastId += 1;
      const id = lastId;
      const { promise: outcome, resolve } = Promise.withResolvers<InvocationOutcome>();
      const withdraw = Number.isFinite(functionTimeoutMs)
        ? clock.callAt(clock.nowMs() + functionTimeoutMs, () => noteOverrun(id, target))
        : () => {};
      const settle = (how: InvocationOutcome) => {
        withdraw();
        entries.delete(id);
        resolve(how);
      };
      entries.set(id, { target, settle });
      return { id, outcome };
    },
    finish(id, outcome) {
      if (id === overrun?.id) return;
      hasEnded = true;
      entries.get(id)?.settle(outcome);
    },
    closeAll() {
      for (const { settle } of [...entries.values()]) settle({ kind: 'closed' });
    },
    loseAll(how) {
      if (overrun) entries.get(overrun.id)?.settle({ kind: 'timedOut', message: overrun.message });
      const rest = [...entries.values()];
      for (const { target, settle } of rest)
        settle({ kind: 'lost', message: `The worker process that ran '${target.name}' ${how}` });
      return rest.map(({ target }) => target);
    },
  };
}
