import { type Layout, unitsOfBatch } from './batch-plan.ts';
import { type AnalyzeOutput, RETRY, type StreamState } from './contracts.ts';
import { handlingOf, isFailureCode } from './failures.ts';
import { addProgress, NO_PROGRESS, type Progress } from './progress.ts';

/** A stream before its first batch. */
export const FRESH_STREAM: StreamState = {
  nextBatch: 0,
  deferred: [],
  resumeAtMs: 0,
  stopsInRow: 0,
  stopped: null,
  progress: NO_PROGRESS,
};

/** After so many failures in a row that would be the same for every issue, a stream stops. */
const STOPS_TO_GIVE_UP = 3;

/**
 * Takes the next units of a stream: those put back first, then its next own batch.
 *
 * @returns the units (none left: empty) and the state without them
 */
export function draw(layout: Layout, stream: number, state: StreamState): { units: number[]; state: StreamState } {
  if (state.deferred.length > 0) return { units: state.deferred, state: { ...state, deferred: [] } };
  const units = unitsOfBatch(layout, stream, state.nextBatch);
  return { units, state: { ...state, nextBatch: state.nextBatch + 1 } };
}

/**
 * Folds the results of a batch into a stream's state.
 *
 * @param results - by unit, in order; null where the activity threw in spite of its retries
 * @param nextAtMs - when the pause after this batch is over
 */
export function fold(
  state: StreamState,
  units: readonly number[],
  results: readonly (AnalyzeOutput | null)[],
  nextAtMs: number,
): StreamState {
  const deferred = units.filter((_, i) => results[i]?.kind === 'deferred');
  const notBefore = results.map(result => (result?.kind === 'deferred' ? result.notBeforeMs : 0));
  const progress = results
    .map(progressOf)
    .reduce(addProgress, addProgress(state.progress, { ...NO_PROGRESS, batches: 1 }));
  let { stopsInRow, stopped } = state;
  for (const result of results) {
    const code = stopCodeOf(result);
    stopsInRow = code === null ? 0 : stopsInRow + 1;
    if (stopsInRow >= STOPS_TO_GIVE_UP) stopped ??= { reason: 'fatal', code };
  }
  return { ...state, deferred, resumeAtMs: Math.max(nextAtMs, ...notBefore), stopsInRow, stopped, progress };
}

function stopCodeOf(result: AnalyzeOutput | null): string | null {
  if (result?.kind !== 'settled' || !isFailureCode(result.code)) return null;
  return handlingOf(result.code) === 'stop' ? result.code : null;
}

function progressOf(result: AnalyzeOutput | null): Progress {
  if (result === null) return { ...NO_PROGRESS, failed: 1 };
  if (result.kind === 'deferred') return { ...NO_PROGRESS, deferrals: 1 };
  const { outcome, copies, calls, usage, costUsd } = result;
  const coalesced = outcome === 'succeeded' ? copies : 0;
  return { ...NO_PROGRESS, calls, usage, costUsd, coalesced, [outcome]: 1 + copies };
}

/** Events that a history gains by a batch, as an estimate: four a task, eight a retry. */
export function historyEventsOf(results: readonly (AnalyzeOutput | null)[]): number {
  return results.reduce((sum, result) => sum + 4 + retriesOf(result) * 8, 0);
}

/** An activity that threw to the end has used up its retries. */
function retriesOf(result: AnalyzeOutput | null): number {
  if (result === null) return RETRY.maxAttempts - 1;
  return result.kind === 'settled' ? result.failedAttempts : 0;
}

/** From so many events on, a stream continues as new, so that no history grows with the run. */
export const MAX_HISTORY_EVENTS = 800;
