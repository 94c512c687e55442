import { admittedLimits } from './admitted-limits.ts';
import { holdOfCall } from './capacity/budget.ts';
import type { ReportInput, StreamEnd } from './contracts.ts';
import { NO_TIME, type SpentMs } from './ledger.ts';
import { doneIn, NO_PROGRESS } from './progress.ts';
import type { ResultLine } from './report.ts';
import type { RunFigures, Spread } from './run-figures.ts';
import { createSeries, meanOf, nearestRank, overlapOf, type Series } from './series.ts';

/** What a summary counts, and these figures are shares of. */
interface Counts {
  readonly succeeded: number;
  readonly calls: number;
  readonly admittedTokens: number;
  readonly costUsd: number | null;
}

const MINUTE_MS = 60_000;

/** In which order the ends of streams decide about the run's. */
const ENDS: readonly StreamEnd['kind'][] = ['cancelled', 'budget', 'fatal', 'deadline', 'died', 'drained'];

/**
 * The end of a run: of its streams' ends the one that says most; drained if there was no stream.
 *
 * Of a fatal error one stream knows the code; the others were told to stop.
 */
export function endOfRun(ends: readonly StreamEnd[]): StreamEnd {
  const kind = ENDS.find(candidate => ends.some(end => end.kind === candidate)) ?? 'drained';
  const code = ends.find(end => end.kind === kind && end.code !== null)?.code ?? null;
  return { kind, code };
}

/** Gathers the figures of a run from its result lines; of each line some numbers are kept, never the line. */
export function createFigures(input: ReportInput) {
  const callMs = createSeries();
  const [starts, ends] = [createSeries(), createSeries()];
  const completions = createSeries();
  let [spent, askedFor, withoutCall, left] = [NO_TIME, 0, 0, 0];

  return {
    add(line: ResultLine): void {
      if (isLeft(line, input.attempt)) left += 1;
      if (line.calls > 0) askedFor += 1;
      spent = addTime(spent, line.spentMs);
      if (line.callMs !== null && line.answeredAtMs !== null) {
        callMs.add(line.callMs);
        if (line.attempt === input.attempt) {
          starts.add(line.answeredAtMs - line.callMs);
          ends.add(line.answeredAtMs);
        }
      }
      if (line.outcome !== 'succeeded') return;
      if (line.cached || line.coalescedWith !== null) withoutCall += 1;
      else if (line.calls === 1) completions.add(line.usage.completionTokens);
    },
    build(counts: Counts): Omit<RunFigures, 'verdict'> {
      const { succeeded, costUsd } = counts;
      const stopped = stopOf(input);
      const progress = input.loaded?.progress ?? NO_PROGRESS;
      const { throttled, longestRetryAfterMs, waitedMs, storage } = progress;
      const done = doneIn(progress);
      return {
        stopped,
        incomplete: left > 0 ? (stopped?.reason ?? null) : null,
        hitRate: succeeded === 0 ? null : withoutCall / succeeded,
        costPerIssueUsd: succeeded === 0 || costUsd === null ? null : costUsd / succeeded,
        admittedTokens: counts.admittedTokens,
        completionTokens: completionsOf(completions, input),
        callHold: callHoldOf(input),
        throttled,
        longestRetryAfterMs,
        streams: input.loaded?.ends.length ?? 0,
        waitedMs,
        callMs: spreadOf(callMs),
        spentMs: { total: spent, mean: askedFor === 0 ? NO_TIME : timesOver(spent, askedFor) },
        storage: { ...storage, perIssue: done === 0 ? 0 : storage.operations / done },
        ...ratesOf(input, counts, starts, ends),
      };
    },
  };
}

/** Whether the run's attempt did not get to the issue; what failed in an earlier one stays failed until then. */
function isLeft({ outcome, code, attempt }: ResultLine, current: number): boolean {
  if (outcome === 'not_started' || code === 'stream_failed') return true;
  return outcome === 'failed' && attempt !== null && attempt < current;
}

function stopOf({ loaded }: ReportInput): RunFigures['stopped'] {
  const { kind, code } = endOfRun(loaded?.ends ?? []);
  return kind === 'drained' ? null : { reason: kind, code };
}

type Rates = Pick<RunFigures, 'inFlight' | 'newCalls' | 'tokensPerMinute' | 'requestsPerMinute' | 'bufferPercent'>;

/** What this attempt achieved. Streams know it; of a first attempt the rows know it too, also where a stream has died. */
function ratesOf({ attempt, plan, loaded }: ReportInput, counts: Counts, starts: Series, ends: Series): Rates {
  const inFlight = overlapOf(starts.sorted(), ends.sorted());
  const { calls, admittedTokens } = attempt === 1 ? counts : (loaded?.progress ?? NO_PROGRESS);
  const achieved = (count: number) => (count * MINUTE_MS) / Math.max(MINUTE_MS, inFlight.overMs);
  const { capacity = null } = loaded ?? {};
  const { tokensPerMinute, requestsPerMinute } = admittedLimits(plan, capacity);
  const isLimited = tokensPerMinute !== null || requestsPerMinute !== null;
  return {
    newCalls: calls,
    inFlight,
    tokensPerMinute: { achieved: achieved(admittedTokens), allowed: tokensPerMinute },
    requestsPerMinute: { achieved: achieved(calls), allowed: requestsPerMinute },
    bufferPercent: isLimited ? (plan.bufferPercent ?? capacity?.bufferPercent ?? null) : null,
  };
}

function completionsOf(completions: Series, input: ReportInput): RunFigures['completionTokens'] {
  const sorted = completions.sorted();
  if (sorted.length === 0) return null;
  return {
    mean: Math.round(meanOf(sorted)),
    p995: nearestRank(sorted, 99.5),
    max: nearestRank(sorted, 100),
    reserved: roomOf(input),
  };
}

/** Tokens that a call might have for its answer, at the end. */
function roomOf({ plan, loaded }: ReportInput): number {
  const room = loaded?.capacity?.maxCompletionTokens[plan.analysis] ?? plan.maxCompletionTokens;
  return Math.min(room, plan.maxCompletionTokens);
}

function callHoldOf(input: ReportInput): RunFigures['callHold'] {
  if (input.loaded === null) return null;
  const { billedTokensEach, costUsdEach } = holdOfCall(
    { ...input.loaded.loaded, price: input.plan.price },
    roomOf(input),
  );
  return { tokens: billedTokensEach, usd: costUsdEach };
}

function spreadOf(series: Series): Spread | null {
  const sorted = series.sorted();
  if (sorted.length === 0) return null;
  const rank = (percent: number) => nearestRank(sorted, percent);
  return { mean: Math.round(meanOf(sorted)), p50: rank(50), p95: rank(95), p99: rank(99), max: rank(100) };
}

function addTime(a: SpentMs, b: SpentMs): SpentMs {
  return {
    queue: a.queue + b.queue,
    model: a.model + b.model,
    throttle: a.throttle + b.throttle,
    retry: a.retry + b.retry,
  };
}

function timesOver({ queue, model, throttle, retry }: SpentMs, parts: number): SpentMs {
  const each = (ms: number) => Math.round(ms / parts);
  return { queue: each(queue), model: each(model), throttle: each(throttle), retry: each(retry) };
}
