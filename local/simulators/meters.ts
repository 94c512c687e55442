import type { Limits } from './admission.ts';

/** Calls that were let in, and the tokens that they were let in with: ceil(prompt characters / 4) + room for the answer. */
export interface Amount {
  readonly tokens: number;
  readonly requests: number;
}

/** What was let in. */
export interface AdmissionFigures {
  readonly total: Amount;
  /** The most in any one window of that length; minutes and slices are aligned to the clock, as the limits are. */
  readonly most: {
    readonly minute: Amount;
    /** Tokens in a slice of tokens, requests in a slice of requests. */
    readonly slice: Amount;
    /** In any 60 s, wherever they begin. */
    readonly slidingMinute: Amount;
  };
  /** Each aligned minute in which a call was let in, oldest first; only the newest 1,440. */
  readonly minutes: readonly (Amount & { readonly startMs: number })[];
}

/** Looks on as calls are let in. */
export interface AdmissionMeter {
  admitted(nowMs: number, tokens: number): void;
  figures(): AdmissionFigures;
}

const MINUTE_MS = 60_000;
/** A day: what lies longer ago is forgotten, so that a simulator may run for ever. */
const KEPT_MINUTES = 1_440;

const NOTHING: Amount = { tokens: 0, requests: 0 };
const plus = (a: Amount, b: Amount): Amount => ({ tokens: a.tokens + b.tokens, requests: a.requests + b.requests });
const larger = (a: Amount, b: Amount): Amount => ({
  tokens: Math.max(a.tokens, b.tokens),
  requests: Math.max(a.requests, b.requests),
});

/** The most in any window of a length that begins at a multiple of it. */
function createAlignedPeak(lengthMs: number) {
  let [index, current, most] = [Number.NaN, NOTHING, NOTHING];
  return {
    add(nowMs: number, amount: Amount): void {
      const entered = Math.floor(nowMs / lengthMs);
      current = entered === index ? plus(current, amount) : amount;
      index = entered;
      most = larger(most, current);
    },
    most: () => most,
  };
}

/** The most in any 60 s, both ends not included: two calls exactly 60 s apart are in no such window together. */
function createSlidingPeak() {
  // Those before `first` have left the window; they are cut off now and then.
  const recent: (Amount & { readonly atMs: number })[] = [];
  let first = 0;
  let [current, most] = [NOTHING, NOTHING];
  return {
    add(nowMs: number, amount: Amount): void {
      for (let oldest = recent[first]; oldest && oldest.atMs <= nowMs - MINUTE_MS; oldest = recent[++first]) {
        current = { tokens: current.tokens - oldest.tokens, requests: current.requests - oldest.requests };
      }
      if (first > recent.length / 2) {
        recent.splice(0, first);
        first = 0;
      }
      recent.push({ atMs: nowMs, ...amount });
      current = plus(current, amount);
      most = larger(most, current);
    },
    most: () => most,
  };
}

/** Makes a meter at zero; time must not go back. */
export function createAdmissionMeter({
  sliceSeconds,
  tokenSliceSeconds,
}: Pick<Limits, 'sliceSeconds' | 'tokenSliceSeconds'>): AdmissionMeter {
  const minute = createAlignedPeak(MINUTE_MS);
  const tokenSlice = createAlignedPeak(tokenSliceSeconds * 1_000);
  const requestSlice = createAlignedPeak(sliceSeconds * 1_000);
  const sliding = createSlidingPeak();
  const minutes = new Map<number, Amount>();
  let total = NOTHING;
  return {
    admitted(nowMs, tokens) {
      const amount = { tokens, requests: 1 };
      total = plus(total, amount);
      for (const peak of [minute, tokenSlice, requestSlice, sliding]) peak.add(nowMs, amount);
      const startMs = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
      minutes.set(startMs, plus(minutes.get(startMs) ?? NOTHING, amount));
      const [oldest] = minutes.keys();
      if (minutes.size > KEPT_MINUTES && oldest !== undefined) minutes.delete(oldest);
    },
    figures: () => ({
      total,
      most: {
        minute: minute.most(),
        slice: { tokens: tokenSlice.most().tokens, requests: requestSlice.most().requests },
        slidingMinute: sliding.most(),
      },
      minutes: [...minutes].map(([startMs, amount]) => ({ startMs, ...amount })),
    }),
  };
}

/** What the chat calls since the begin, or the last reset, have used and cost. */
export interface Meters {
  readonly admitted: AdmissionFigures;
  readonly answers: {
    /** Calls answered with 200. */
    readonly count: number;
    /** Prompt and completion tokens of them all. */
    readonly billedTokens: number;
    /** Of these, in answers to prompts that had a complete answer before. */
    readonly repeatedTokens: number;
    /** The drawn times to an answer of them all, added up; it is what one caller would have waited. */
    readonly latencySumMs: number;
    readonly latencyMaxMs: number;
  };
}

/** Adds up answers. */
export function createAnswerMeter() {
  let [count, billedTokens, repeatedTokens, latencySumMs, latencyMaxMs] = [0, 0, 0, 0, 0];
  return {
    answered({ tokens, latencyMs, isRepeated }: { tokens: number; latencyMs: number; isRepeated: boolean }): void {
      count += 1;
      billedTokens += tokens;
      if (isRepeated) repeatedTokens += tokens;
      latencySumMs += latencyMs;
      latencyMaxMs = Math.max(latencyMaxMs, latencyMs);
    },
    figures: (): Meters['answers'] => ({ count, billedTokens, repeatedTokens, latencySumMs, latencyMaxMs }),
  };
}
