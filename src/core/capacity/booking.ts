import { answerRoom } from './answer-room.ts';
import { standingOf } from './fair-share.ts';
import { bufferOf } from './learning.ts';
import type { Bound, RunTerms } from './messages.ts';
import { type Pace, paceOf } from './pace.ts';
import type { CapacityState, Gap, Meter, RunShare } from './state.ts';

/** Calls of a grant start within so long; a batch waits for its last call's instant in its activities. */
const LONGEST_SPAN_MS = 5_000;
/** A start that lies further ahead is not booked yet: whoever waits for it asks again. */
export const HORIZON_MS = 30_000;
/** A run that is ahead of others is looked at again so soon. */
const TURN_MS = 2_000;
/** Requests are judged in slices of a second by some deployments; what holds there holds in any longer slice. */
const REQUEST_SLICE_MS = 1_000;
/** Bounds within which a booking makes up for what earlier ones were wrong by; in slices, no pace is faster than its own. */
const LEAST_STRETCH = 0.5;
const LARGEST_STRETCH = 3;

/** Tokens that a call of the run may have for its answer. */
export function roomOf({ answers }: CapacityState, { analysis, maxCompletionTokens }: RunTerms): number {
  return answerRoom(answers[analysis] ?? {}, maxCompletionTokens);
}

/** The paces of both meters for a run's calls. */
export function pacesOf(state: CapacityState, terms: RunTerms, tokensEach: number): { tokens: Pace; requests: Pace } {
  const buffer = bufferOf(state, terms.bufferPercent);
  const recent = recentSizes(state);
  const largest = recent.every(size => size === tokensEach) ? null : Math.max(tokensEach, ...recent);
  const tokensPerMinute = terms.tokensPerMinute ?? state.tokens.perMinute;
  const requestsPerMinute = terms.requestsPerMinute ?? state.requests.perMinute;
  const { tokenSliceMs: sliceMs } = terms;
  return {
    tokens: paceOf({ perMinute: tokensPerMinute, buffer, sliceMs }, tokensEach, largest),
    requests: paceOf({ perMinute: requestsPerMinute, buffer, sliceMs: REQUEST_SLICE_MS }, 1, null),
  };
}

const MINUTE_MS = 60_000;

/** Sizes of the calls in the minute before the last booked one. */
function recentSizes({ sizes, nowMs }: CapacityState): number[] {
  return sizes.filter(({ atMs }) => atMs > nowMs - MINUTE_MS).map(({ tokens }) => tokens);
}

/**
 * Tokens that the calls of the last minute leave no room for, although a call of this size needs it: calls of one size are
 * packed without any, calls of several sizes leave room for the largest of them.
 */
function missingRoom(recent: readonly number[], tokensEach: number): number {
  if (recent.every(size => size === tokensEach)) return 0;
  return Math.max(tokensEach, ...recent) - (recent.length === 1 ? 0 : Math.max(...recent));
}

/**
 * Time that was given back, as far as calls of this size may use it.
 *
 * Calls around it may be packed: in time that was booked for another size, room for the largest call stays free before and
 * after these.
 */
function usableGap(state: CapacityState, tokensEach: number, spacingMs: number, tokenMs: number) {
  const recent = recentSizes(state);
  const usable = state.gaps.map(gap => {
    const roomMs = gap.tokensEach === tokensEach ? 0 : tokenMs * Math.max(tokensEach, gap.tokensEach, ...recent);
    return { gap, fromMs: Math.max(gap.fromMs, state.nowMs) + roomMs, toMs: gap.toMs - roomMs };
  });
  return usable.find(({ fromMs, toMs }) => toMs - fromMs >= spacingMs) ?? null;
}

/** So many calls from an instant on, or a time to ask again. */
export type Slot =
  | {
      readonly kind: 'free';
      readonly units: number;
      readonly startAtMs: number;
      readonly spacingMs: number;
      readonly tag: number;
      readonly bound: Bound;
      /** The state with the slot booked. */
      readonly state: CapacityState;
    }
  | { readonly kind: 'later'; readonly atMs: number; readonly bound: Bound };

/**
 * Books calls of a run on both meters: in time that was given back, if there is some, else at their end.
 *
 * @param units - wanted; as many as start within 5 s are booked
 */
export function book(state: CapacityState, runId: string, run: RunShare, terms: RunTerms, units: number): Slot {
  const { nowMs } = state;
  const { tokensEach } = run;
  const paces = pacesOf(state, terms, tokensEach);
  const leastStretch = terms.tokenSliceMs < MINUTE_MS ? 1 : LEAST_STRETCH;
  const stretch = clamp(1 + state.carriedTokens / (units * tokensEach), leastStretch, LARGEST_STRETCH);
  const tokenSpacingMs = paces.tokens.spacingMs * stretch;
  const spacingMs = Math.max(tokenSpacingMs, paces.requests.spacingMs);
  const isLimited = spacingMs > 0;
  const bound: Bound = isLimited ? (tokenSpacingMs >= paces.requests.spacingMs ? 'tokens' : 'requests') : null;
  const { tag, lead } = standingOf(state, runId);
  if (isLimited && lead > (LONGEST_SPAN_MS / spacingMs) * tokensEach) {
    return { kind: 'later', atMs: nowMs + Math.min(TURN_MS, (lead / tokensEach) * spacingMs), bound };
  }
  const most = isLimited ? Math.min(units, 1 + Math.floor(LONGEST_SPAN_MS / spacingMs)) : units;
  const calls: Calls = { most, tokensEach, paces, tokenSpacingMs, spacingMs };
  const place = isLimited ? (placeInGap(state, calls) ?? placeAtEnd(state, calls)) : placeNow(state, calls);
  const { count, startAtMs, lastAtMs, isAtEnd, booked } = place;
  if (startAtMs > nowMs + HORIZON_MS) return { kind: 'later', atMs: startAtMs, bound };
  return {
    kind: 'free',
    units: count,
    startAtMs,
    spacingMs,
    tag: tag + count * tokensEach,
    bound: startAtMs > nowMs ? bound : null,
    state: {
      ...state,
      ...booked,
      carriedTokens: state.carriedTokens - count * (stretch - 1) * tokensEach,
      servedTag: tag,
      sizes: withSize(state.sizes, tokensEach, lastAtMs, isAtEnd),
    },
  };
}

/** Calls of one size that are to be booked. */
interface Calls {
  readonly most: number;
  readonly tokensEach: number;
  readonly paces: ReturnType<typeof pacesOf>;
  /** By the pace of tokens, with what earlier bookings were wrong by. */
  readonly tokenSpacingMs: number;
  /** By both paces: the greater one. */
  readonly spacingMs: number;
}

/** Where calls can be booked. */
interface Place {
  readonly count: number;
  readonly startAtMs: number;
  readonly lastAtMs: number;
  readonly isAtEnd: boolean;
  readonly booked: Partial<Pick<CapacityState, 'tokens' | 'requests' | 'gaps'>>;
}

/** Calls that no limit holds back. */
function placeNow({ nowMs }: CapacityState, { most }: Calls): Place {
  return { count: most, startAtMs: nowMs, lastAtMs: nowMs, isAtEnd: true, booked: {} };
}

function placeInGap(state: CapacityState, { most, tokensEach, paces, spacingMs }: Calls): Place | null {
  const usable = usableGap(state, tokensEach, spacingMs, paces.tokens.spacingMs / tokensEach);
  if (!usable) return null;
  const { gap, fromMs: startAtMs, toMs } = usable;
  const count = Math.min(most, Math.floor((toMs - startAtMs) / spacingMs));
  const lastAtMs = startAtMs + (count - 1) * spacingMs;
  const rest: Gap = { fromMs: lastAtMs + spacingMs, toMs, tokensEach };
  const gaps = state.gaps.map(each => (each === gap ? rest : each));
  return { count, startAtMs, lastAtMs, isAtEnd: false, booked: { gaps } };
}

function placeAtEnd(state: CapacityState, { most: count, tokensEach, paces, tokenSpacingMs, spacingMs }: Calls): Place {
  const { nowMs, tokens, requests } = state;
  const roomMs = missingRoom(recentSizes(state), tokensEach) * (paces.tokens.spacingMs / tokensEach);
  const startAtMs = Math.max(earliest(tokens, paces.tokens, nowMs) + roomMs, earliest(requests, paces.requests, nowMs));
  const lastAtMs = startAtMs + (count - 1) * spacingMs;
  const after = (meter: Meter, ownSpacingMs: number): Meter =>
    ownSpacingMs === 0 ? meter : { ...meter, nextAtMs: lastAtMs + ownSpacingMs };
  const booked = { tokens: after(tokens, tokenSpacingMs), requests: after(requests, paces.requests.spacingMs) };
  return { count, startAtMs, lastAtMs, isAtEnd: true, booked };
}

/** The last instants with a size's in it; a size that only fills time that was given back had no room left at the end. */
function withSize(
  sizes: CapacityState['sizes'],
  tokens: number,
  atMs: number,
  isAtEnd: boolean,
): CapacityState['sizes'] {
  const known = sizes.find(size => size.tokens === tokens);
  if (!known && !isAtEnd) return sizes;
  return [...sizes.filter(size => size !== known), { tokens, atMs: Math.max(known?.atMs ?? atMs, atMs) }];
}

/** When a meter allows the next call; a late caller may start a little in the past. */
function earliest({ nextAtMs }: Meter, { spacingMs, toleranceMs }: Pace, nowMs: number): number {
  return spacingMs === 0 ? Number.NEGATIVE_INFINITY : Math.max(nextAtMs, nowMs - toleranceMs);
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
