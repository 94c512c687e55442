/** What a deployment admits. Both figures are per minute; a slice is a shorter window that allows its share of them. */
export interface Limits {
  readonly tokensPerMinute: number;
  readonly requestsPerMinute: number;
  /** Length of the request slice, 1 to 60 s. */
  readonly sliceSeconds: number;
  /** Length of the token slice, 1 to 60 s; 60 = the minute alone counts. */
  readonly tokenSliceSeconds: number;
}

/** State of one limit as the rate-limit headers tell it: of the current minute. */
export interface Level {
  readonly limit: number;
  readonly remaining: number;
  readonly resetMs: number;
}

/** The answer to one call at the door. `limitedBy` is undefined when it is let in. */
export interface Verdict {
  readonly limitedBy?: 'tokens' | 'requests';
  /** How long until the window that refused is over; 0 when let in. */
  readonly retryAfterMs: number;
  readonly tokens: Level;
  readonly requests: Level;
}

/** The door in front of the model. */
export interface Admission {
  /**
   * Admits or refuses a call before it is answered; a refused call uses nothing up.
   *
   * @param estimatedTokens ceil(prompt characters / 4) + max_completion_tokens
   */
  admit(nowMs: number, estimatedTokens: number): Verdict;
}

const MINUTE_MS = 60_000;

/** Counts in fixed windows (aligned to the clock), which begin again at zero. */
function createWindow(lengthMs: number, capacity: number) {
  let index = -1;
  let used = 0;
  const enter = (nowMs: number) => {
    const current = Math.floor(nowMs / lengthMs);
    if (current !== index) [index, used] = [current, 0];
  };
  return {
    /** A slice lets one oversized call through when nothing else is in it; the minute never does. */
    hasRoom(nowMs: number, amount: number): boolean {
      enter(nowMs);
      return used + amount <= capacity || (lengthMs < MINUTE_MS && used === 0);
    },
    take(nowMs: number, amount: number): void {
      enter(nowMs);
      used += amount;
    },
    remaining(nowMs: number): number {
      enter(nowMs);
      return Math.max(0, capacity - used);
    },
    msToEnd: (nowMs: number): number => (Math.floor(nowMs / lengthMs) + 1) * lengthMs - nowMs,
  };
}

function createMeter(perMinute: number, sliceSeconds: number) {
  const minute = createWindow(MINUTE_MS, perMinute);
  const slice = createWindow(sliceSeconds * 1000, Math.ceil((perMinute * sliceSeconds) / 60));
  const windows = sliceSeconds < 60 ? [slice, minute] : [minute];
  return {
    /** Milliseconds until the amount may be asked for again; 0 = there is room now. */
    waitMs: (nowMs: number, amount: number): number =>
      Math.max(0, ...windows.filter(window => !window.hasRoom(nowMs, amount)).map(window => window.msToEnd(nowMs))),
    take: (nowMs: number, amount: number): void => {
      for (const window of windows) window.take(nowMs, amount);
    },
    level: (nowMs: number): Level => ({
      limit: perMinute,
      remaining: minute.remaining(nowMs),
      resetMs: minute.msToEnd(nowMs),
    }),
  };
}

/** Makes the door: tokens and requests are both counted on arrival, requests in slices, the tokens by the minute. */
export function createAdmission(limits: Limits): Admission {
  const tokens = createMeter(limits.tokensPerMinute, limits.tokenSliceSeconds);
  const requests = createMeter(limits.requestsPerMinute, limits.sliceSeconds);
  return {
    admit(nowMs, estimatedTokens) {
      const tokenWaitMs = tokens.waitMs(nowMs, estimatedTokens);
      const requestWaitMs = requests.waitMs(nowMs, 1);
      const retryAfterMs = Math.max(tokenWaitMs, requestWaitMs);
      if (retryAfterMs === 0) {
        tokens.take(nowMs, estimatedTokens);
        requests.take(nowMs, 1);
      }
      const levels = { tokens: tokens.level(nowMs), requests: requests.level(nowMs) };
      if (retryAfterMs === 0) return { retryAfterMs, ...levels };
      return { limitedBy: tokenWaitMs >= requestWaitMs ? 'tokens' : 'requests', retryAfterMs, ...levels };
    },
  };
}
