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
