/** Where the engine takes time from, so that a test can skip days. */
export interface Clock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
  /** Calls back once at or after the instant; returns a function that withdraws the call. */
  callAt(instantMs: number, callback: () => void): () => void;
}

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The machine's clock. Instants more than 24 days away are reached in several timeouts (`setTimeout` takes 31 bits). */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  callAt(instantMs, callback) {
    let timeout: NodeJS.Timeout;
    const arm = () => {
      const waitMs = instantMs - Date.now();
      timeout = setTimeout(
        () => (waitMs > LONGEST_TIMEOUT_MS ? arm() : callback()),
        Math.min(Math.max(waitMs, 0), LONGEST_TIMEOUT_MS),
      );
    };
    arm();
    return () => clearTimeout(timeout);
  },
};

/** Waits by the clock, or until the signal. */
export async function pause(clock: Clock, lengthMs: number, signal: AbortSignal): Promise<void> {
  if (lengthMs === 0 || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const withdraw = clock.callAt(clock.nowMs() + lengthMs, () => resolve(undefined));
  signal.addEventListener('abort', resolve, { once: true });
  await promise;
  withdraw();
  signal.removeEventListener('abort', resolve);
}

/** A wait that doubles with each failure, from the first one's up to the longest. */
export function backoffMs(failures: number, firstMs: number, longestMs: number): number {
  return Math.min(firstMs * 2 ** (failures - 1), longestMs);
}
