/** Counts of the chat calls so far. `calls` = `completed` + `unanswered` + `inFlight`. */
export interface CallStats {
  readonly calls: number;
  /** Calls that got any HTTP answer. */
  readonly completed: number;
  /** Calls that ended without one: reset, timed out, or given up by the caller. */
  readonly unanswered: number;
  readonly inFlight: number;
  /** Most calls between arrival and answer at one time. */
  readonly maxInFlight: number;
  /** Calls answered with 429. */
  readonly throttled: number;
  readonly byStatus: Readonly<Record<string, number>>;
  /** Distinct prompts (model and messages) that got a complete answer. */
  readonly answeredPrompts: number;
  /** How many of them got one more than once, so were paid for twice. Answers cut by length do not count. */
  readonly answeredTwice: number;
}

/** Keeps the counts; holds fingerprints only, never text. */
export interface CallLog {
  arrived(): void;
  completed(status: number): void;
  unanswered(): void;
  /** A prompt got a complete answer; returns how many it has got. */
  answered(promptId: string): number;
  stats(): CallStats;
}

/** Makes a log at zero. */
export function createCallLog(): CallLog {
  let [calls, completed, unanswered, maxInFlight] = [0, 0, 0, 0];
  const byStatus = new Map<string, number>();
  const answers = new Map<string, number>();
  const inFlight = () => calls - completed - unanswered;
  return {
    arrived() {
      calls += 1;
      maxInFlight = Math.max(maxInFlight, inFlight());
    },
    completed(status) {
      completed += 1;
      byStatus.set(String(status), (byStatus.get(String(status)) ?? 0) + 1);
    },
    unanswered() {
      unanswered += 1;
    },
    answered(promptId) {
      const count = (answers.get(promptId) ?? 0) + 1;
      answers.set(promptId, count);
      return count;
    },
    stats: () => ({
      calls,
      completed,
      unanswered,
      inFlight: inFlight(),
      maxInFlight,
      throttled: byStatus.get('429') ?? 0,
      byStatus: Object.fromEntries(byStatus),
      answeredPrompts: answers.size,
      answeredTwice: [...answers.values()].filter(count => count > 1).length,
    }),
  };
}
