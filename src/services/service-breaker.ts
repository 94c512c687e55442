/** Keeps this process from calling one deployment on and on while it fails. */
export interface ServiceBreaker {
  /**
   * Runs a task that calls, once it may.
   *
   * While failures come in a row, no more tasks run than it takes to make sure of it; the others wait for what becomes of
   * these. Once it is sure, tasks are refused for a time; then one goes first.
   *
   * @param refuse - stands in for the task while the breaker is open; gets the instant at which it may be tried again, in
   *   milliseconds since 1970
   */
  run<T>(task: () => Promise<T>, refuse: (untilMs: number) => T): Promise<T>;
  /**
   * Takes note of how a call ended: whatever the service answered by itself, if only a refusal, shows it alive. An answer
   * to a call that began before the service failed tells less: it makes up for one failure.
   *
   * @param beganAtMs - when the call began, in milliseconds since 1970; default now
   */
  note(sign: 'alive' | 'failed', beganAtMs?: number): void;
  /** Leaves the service alone for so long, because it asked for it; at most ten minutes. */
  hold(durationMs: number): void;
  /** The instant until which no call may be made, in milliseconds since 1970; null = calls may be made. */
  openUntilMs(): number | null;
  /** Whether a failed call may be made again at once: not when others failed just before. */
  mayRepeat(): boolean;
}

/** Failures in a row, with nothing alive between them, that open the breaker. */
const FAILURES_TO_OPEN = 8;
/** So many may be chance. */
const FAILURES_BY_CHANCE = 3;
const OPEN_MS = 10_000;
const LONGEST_HOLD_MS = 600_000;

/** One breaker for each deployment that is named. */
export function createServiceBreakers(nowMs: () => number): (deployment: string) => ServiceBreaker {
  const breakers = new Map<string, ServiceBreaker>();
  return deployment => {
    const breaker = breakers.get(deployment) ?? createServiceBreaker(nowMs);
    breakers.set(deployment, breaker);
    return breaker;
  };
}

/** A breaker that is closed, and of whose service nothing is known. */
export function createServiceBreaker(nowMs: () => number): ServiceBreaker {
  let [failures, failingSinceMs, running, failedUntilMs, heldUntilMs] = [0, 0, 0, 0, 0];
  const waiting: (() => void)[] = [];

  const openUntil = () => Math.max(failedUntilMs, heldUntilMs);
  const isOpen = () => nowMs() < openUntil();
  const hasRoom = () => failures < FAILURES_BY_CHANCE || running < FAILURES_TO_OPEN - failures;
  const letWaitingLook = () => {
    for (const look of waiting.splice(0)) look();
  };

  return {
    async run(task, refuse) {
      while (!isOpen() && !hasRoom()) await new Promise<void>(resolve => waiting.push(resolve));
      if (isOpen()) return refuse(openUntil());
      running += 1;
      try {
        return await task();
      } finally {
        running -= 1;
        letWaitingLook();
      }
    },

    note(sign, beganAtMs = nowMs()) {
      if (sign === 'alive') {
        const isFresh = beganAtMs >= failingSinceMs;
        failures = isFresh ? 0 : Math.max(0, failures - 1);
        if (isFresh) failedUntilMs = 0;
      } else {
        if (failures === 0) failingSinceMs = nowMs();
        failures += 1;
      }
      if (failures >= FAILURES_TO_OPEN) {
        failedUntilMs = nowMs() + OPEN_MS;
        // After that time one more failure is enough.
        failures = FAILURES_TO_OPEN - 1;
      }
      letWaitingLook();
    },

    hold(durationMs) {
      heldUntilMs = Math.max(heldUntilMs, nowMs() + Math.min(durationMs, LONGEST_HOLD_MS));
      letWaitingLook();
    },

    openUntilMs: () => (isOpen() ? openUntil() : null),
    mayRepeat: () => failures < FAILURES_BY_CHANCE && !isOpen(),
  };
}
