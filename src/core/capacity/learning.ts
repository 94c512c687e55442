import { withAnswers } from './answer-room.ts';
import type { BatchUse, RunTerms, ServiceLimits } from './messages.ts';
import { type CapacityState, FIRST_ERROR, type Meter } from './state.ts';

/** Weight of the newest batch in the mean error. */
const NEWEST = 0.1;
/** What a refusal for limits adds to the error, so that the buffer grows again. */
const REFUSAL_ERROR = 0.1;
const MINUTE_MS = 60_000;
const LEAST_BUFFER = 0.02;
const LARGEST_BUFFER = 0.2;
/** Calls beyond which older ones count half. */
const PLENTY_OF_CALLS = 2_000;
/** Two calls' worth of tokens that were reserved but not admitted is made good, not more: the rest has run out. */
const LARGEST_CREDIT_CALLS = 2;

/**
 * Share of the limits that stays unused, 0 to 1: what was set, else from 20 % down to 2 % as reservations prove right.
 */
export function bufferOf({ error }: CapacityState, bufferPercent: number | null): number {
  if (bufferPercent !== null) return bufferPercent / 100;
  return Math.min(LARGEST_BUFFER, LEAST_BUFFER + error / 2);
}

/**
 * What a batch taught: the service's figures, how wrong the reservation was, how long calls take and answers are.
 *
 * Where the service judges slices, tokens that were not admitted are gone with theirs: a later slice has no room for them.
 *
 * @param reserved - units and tokens each of the batch's grant; null where it was given up: what of its time was used stays
 *   booked, so that there is nothing to make up for
 */
export function learn(
  state: CapacityState,
  use: BatchUse,
  { analysis, tokenSliceMs }: Pick<RunTerms, 'analysis' | 'tokenSliceMs'>,
  reserved: { readonly units: number; readonly tokensEach: number } | null,
): CapacityState {
  const { calls, answers, carriedTokens, error } = state;
  const known = calls.count > PLENTY_OF_CALLS ? 0.5 : 1;
  const expected = reserved ? reserved.units * reserved.tokensEach : 0;
  const leastCarried = tokenSliceMs < MINUTE_MS || !reserved ? 0 : -LARGEST_CREDIT_CALLS * reserved.tokensEach;
  const isComparable = expected > 0 && use.admittedTokens > 0 && use.throttled === 0 && use.failed === 0;
  const deviation = isComparable ? Math.abs(use.admittedTokens - expected) / expected : error;
  return {
    ...state,
    isProbed: state.isProbed || use.answered > 0,
    error: Math.min(FIRST_ERROR, error + NEWEST * (deviation - error) + (use.throttled > 0 ? REFUSAL_ERROR : 0)),
    carriedTokens: reserved ? Math.max(carriedTokens + use.admittedTokens - expected, leastCarried) : carriedTokens,
    calls: {
      count: calls.count * known + use.callCount,
      seconds: calls.seconds * known + use.callSeconds,
      squares: calls.squares * known + use.callSecondsSquared,
    },
    answers: { ...answers, [analysis]: withAnswers(answers[analysis] ?? {}, use.completions) },
    ...(use.limits && {
      tokens: { ...state.tokens, perMinute: use.limits.tokensPerMinute ?? state.tokens.perMinute },
      requests: { ...state.requests, perMinute: use.limits.requestsPerMinute ?? state.requests.perMinute },
    }),
  };
}

/** Headers give whole seconds, and answers of one moment come in any order. */
const CORRECTION_SLACK_MS = 2_000;

/**
 * A meter pushed on where the service has less left than this app alone would leave: others call the deployment too.
 *
 * From the instant of the answer, the pace may use what remains until the window ends; what is missing is waited for once.
 * Limits are per minute, so that a window which is said to be longer is taken for a minute.
 *
 * @param ratePerMs - of the pace, in the meter's unit
 */
export function corrected(
  meter: Meter,
  { atMs, remaining, resetMs }: { atMs: number; remaining: number | null; resetMs: number | null },
  ratePerMs: number,
): Meter {
  if (remaining === null || resetMs === null || ratePerMs === 0) return meter;
  const leftMs = Math.min(resetMs, MINUTE_MS);
  const resetAtMs = atMs + resetMs;
  const missingMs = Math.max(0, leftMs - remaining / ratePerMs - CORRECTION_SLACK_MS);
  const isSameWindow = Math.abs(resetAtMs - meter.correction.resetAtMs) < CORRECTION_SLACK_MS;
  const doneMs = isSameWindow ? meter.correction.shiftMs : 0;
  if (missingMs <= doneMs) return meter;
  const nextAtMs = Math.min(Math.max(meter.nextAtMs, atMs) + missingMs - doneMs, atMs + leftMs);
  return { ...meter, nextAtMs: Math.max(meter.nextAtMs, nextAtMs), correction: { resetAtMs, shiftMs: missingMs } };
}

/** The figures of tokens, as {@link corrected} takes them. */
export function tokenFigures({ atMs, remainingTokens, tokensResetMs }: ServiceLimits) {
  return { atMs, remaining: remainingTokens, resetMs: tokensResetMs };
}

/** The figures of requests, as {@link corrected} takes them. */
export function requestFigures({ atMs, remainingRequests, requestsResetMs }: ServiceLimits) {
  return { atMs, remaining: remainingRequests, resetMs: requestsResetMs };
}
