import type { BatchUse, Bound, Grant } from './capacity/messages.ts';
import { type AnalyzeOutput, RETRY, type Seen, type StreamState } from './contracts.ts';
import { FAILURES, handlingOf, isFailureCode } from './failures.ts';
import { addProgress, NO_PROGRESS, type Progress } from './progress.ts';
import { costForCaps } from './usage.ts';

/** A stream before its first batch. */
export const FRESH_STREAM: StreamState = {
  deferred: [],
  resumeAtMs: 0,
  hasMore: true,
  used: null,
  stopsInRow: 0,
  stopped: null,
  progress: NO_PROGRESS,
};

/** After so many failures in a row that would be the same for every issue, a stream stops. */
const STOPS_TO_GIVE_UP = 3;

/** What a stream does next. */
export type NextStep =
  | { readonly kind: 'reserve'; readonly fresh: boolean; readonly want: number }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'end' };

/** What to do next: wait for the pause to end, take what was put back and is due, then what nobody has drawn, then wait. */
export function nextStep({ deferred, hasMore, resumeAtMs }: StreamState, batchSize: number, nowMs: number): NextStep {
  if (deferred.length === 0 && !hasMore) return { kind: 'end' };
  if (resumeAtMs > nowMs) return { kind: 'wait', untilMs: resumeAtMs };
  const due = deferred.filter(({ notBeforeMs }) => notBeforeMs <= nowMs).length;
  if (due > 0) return { kind: 'reserve', fresh: false, want: Math.min(due, batchSize) };
  if (hasMore) return { kind: 'reserve', fresh: true, want: batchSize };
  return { kind: 'wait', untilMs: Math.min(...deferred.map(({ notBeforeMs }) => notBeforeMs)) };
}

/**
 * Takes the units that a grant allows.
 *
 * @returns the units, none if it allows none, and the state without them and with the capacity entity told of the last batch
 */
export function take(
  state: StreamState,
  fresh: boolean,
  { granted, from, left }: Grant,
  nowMs: number,
): { readonly units: readonly number[]; readonly state: StreamState } {
  const told = { ...state, used: null, hasMore: left > 0 };
  if (fresh) return { units: Array.from({ length: granted }, (_, i) => from + i), state: told };
  const due = state.deferred.filter(({ notBeforeMs }) => notBeforeMs <= nowMs).slice(0, granted);
  return {
    units: due.map(({ unit }) => unit),
    state: { ...told, deferred: state.deferred.filter(each => !due.includes(each)) },
  };
}

/** The state after a wait for what held the stream back. */
export function waited(state: StreamState, bound: Bound, waitMs: number): StreamState {
  if (bound === null) return state;
  const waitedMs = { ...NO_PROGRESS.waitedMs, [bound]: waitMs };
  return { ...state, progress: addProgress(state.progress, { ...NO_PROGRESS, waitedMs }) };
}

/**
 * Folds the results of a batch into a stream's state.
 *
 * @param results - by unit, in order; null where the activity threw in spite of its retries
 * @param by.nextAtMs - when the pause after this batch is over
 * @param by.deployment - whose price counts for answers of a model without a known one
 */
export function fold(
  state: StreamState,
  units: readonly number[],
  results: readonly (AnalyzeOutput | null)[],
  { nextAtMs, deployment }: { readonly nextAtMs: number; readonly deployment: string },
): StreamState {
  const putBack = units.flatMap((unit, i) => {
    const result = results[i];
    return result?.kind === 'deferred' ? [{ unit, notBeforeMs: result.notBeforeMs }] : [];
  });
  const progress = results
    .map(progressOf)
    .reduce(addProgress, addProgress(state.progress, { ...NO_PROGRESS, batches: 1 }));
  let { stopsInRow, stopped } = state;
  for (const result of results) {
    const code = stopCodeOf(result);
    stopsInRow = code === null ? 0 : stopsInRow + 1;
    if (stopsInRow >= STOPS_TO_GIVE_UP) stopped ??= { reason: 'fatal', code };
    if (result?.kind === 'not_started') stopped ??= { reason: result.reason, code: null };
  }
  const used = useOf(results, deployment, stopped?.code ?? null);
  // Where all of a batch was put back without a call, other units would be too.
  const isInVain = putBack.length === units.length && used.calls === 0;
  const againAtMs = isInVain ? Math.min(...putBack.map(({ notBeforeMs }) => notBeforeMs)) : 0;
  return {
    ...state,
    deferred: [...state.deferred, ...putBack],
    resumeAtMs: Math.max(nextAtMs, againAtMs),
    used,
    stopsInRow,
    stopped,
    progress,
  };
}

function stopCodeOf(result: AnalyzeOutput | null): string | null {
  if (result?.kind !== 'settled' || !isFailureCode(result.code)) return null;
  return handlingOf(result.code) === 'stop' ? result.code : null;
}

function progressOf(result: AnalyzeOutput | null): Progress {
  if (result === null) return { ...NO_PROGRESS, failed: 1 };
  const { retryAfterMs, limits: _, lastUsage: __, ...told } = result.seen;
  const seen = { ...told, longestRetryAfterMs: retryAfterMs ?? 0 };
  if (result.kind === 'deferred') return { ...NO_PROGRESS, ...seen, deferrals: 1 };
  if (result.kind === 'not_started') return { ...NO_PROGRESS, ...seen };
  const { outcome, cached, copies } = result;
  const isSuccess = outcome === 'succeeded';
  return {
    ...NO_PROGRESS,
    ...seen,
    coalesced: isSuccess ? copies : 0,
    cached: isSuccess && cached ? 1 + copies : 0,
    withoutCall: isSuccess ? copies + (cached ? 1 : 0) : 0,
    [outcome]: 1 + copies,
  };
}

/** What a batch came to, as the capacity entity needs it. */
function useOf(results: readonly (AnalyzeOutput | null)[], deployment: string, fatal: string | null): BatchUse {
  const known = results.filter(result => result !== null);
  const settled = known.filter(result => result.kind === 'settled');
  const deferred = known.filter(result => result.kind === 'deferred');
  const answered = settled.filter(isAnswered).length;
  // A refusal without a time says nothing of how long; but where nobody is answered, others need not try.
  const refused = deferred.filter(({ seen }) => seen.throttled > 0 && (seen.retryAfterMs !== null || answered === 0));
  const failures = known.filter(result => 'code' in result && isServiceFailure(result.code));
  const answers = settled.flatMap(answerOf);
  const callSeconds = settled.flatMap(({ callMs }) => (callMs === null ? [] : [callMs / 1_000]));
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const limits = known.flatMap(({ seen }) => seen.limits ?? []).sort((a, b) => b.atMs - a.atMs);
  return {
    calls: sum(known.map(({ seen }) => seen.calls)),
    admittedTokens: sum(known.map(({ seen }) => seen.admittedTokens)),
    answered,
    // Units that an open breaker turned away tell of the service only beside one that called.
    failed: failures.some(({ seen }) => seen.calls > 0) ? failures.length : 0,
    throttled: sum(known.map(({ seen }) => seen.throttled)),
    retryAtMs: refused.length === 0 ? null : Math.max(...refused.map(({ notBeforeMs }) => notBeforeMs)),
    billedTokens: sum(known.map(({ seen: { usage } }) => usage.promptTokens + usage.completionTokens)),
    costUsd: sum(known.map(({ seen }) => costForCaps(seen.costUsd, seen.usage, deployment))),
    callCount: callSeconds.length,
    callSeconds: sum(callSeconds),
    callSecondsSquared: sum(callSeconds.map(seconds => seconds ** 2)),
    completions: answers.map(({ completionTokens }) => completionTokens),
    promptTokens: sum(answers.map(({ promptTokens }) => promptTokens)),
    limits: limits[0] ?? null,
    fatal,
  };
}

type Settled = Extract<AnalyzeOutput, { kind: 'settled' }>;

/** Whether the service itself brought the issue to its end, be it by a refusal: that shows it alive. */
function isAnswered({ code, cached, seen }: Settled): boolean {
  return seen.calls > 0 && !cached && code !== 'worker_lost' && !isServiceFailure(code);
}

/** What was billed for the complete answer alone, without calls that were cut or failed before it; empty without one. */
function answerOf({ outcome, cached, seen: { lastUsage } }: Settled): NonNullable<Seen['lastUsage']>[] {
  return outcome === 'succeeded' && !cached && lastUsage ? [lastUsage] : [];
}

/** Codes that stand for a service that does not answer as it should. */
function isServiceFailure(code: string | null): boolean {
  return code === 'breaker_open' || (isFailureCode(code) && FAILURES[code].handling === 'retry');
}

/** Events that a history gains by a reservation and the timers around it, as an estimate. */
export const EVENTS_OF_A_RESERVATION = 8;

/**
 * Events that a history gains by a batch, as an estimate: four a task, eight a retry.
 *
 * @param retries - of each task
 */
export function historyEventsOf(retries: readonly number[]): number {
  return retries.reduce((sum, count) => sum + 4 + count * 8, 0);
}

/** Events that one unit can add: its task and all its retries. */
export const MOST_EVENTS_OF_A_TASK = 4 + (RETRY.maxAttempts - 1) * 8;

/** No history is longer, whatever goes wrong. */
export const LARGEST_HISTORY_EVENTS = 2_000;

/** From so many events on, a stream continues as new, so that no history grows with the run. */
export const MAX_HISTORY_EVENTS = 800;
