import { streamsFor } from '../batch-plan.ts';
import type { CapacityState } from '../capacity/state.ts';
import { termsOf } from '../capacity/terms.ts';
import { NO_PROGRESS } from '../progress.ts';
import type { RunPlan } from '../run-request.ts';
import { FULL, LONG_WAIT, MOST, NEARLY_FULL, USED_UP } from '../verdict-bounds.ts';
import { createLogNormal, type Distribution } from './log-normal.ts';
import { play } from './play.ts';
import { createReservations, type WaitedMs } from './reservations.ts';

/** What a forecast goes by. */
export interface ForecastInput {
  readonly plan: RunPlan;
  /** Distinct issues that are to be asked. */
  readonly units: number;
  /** Calls in flight at one time, in all processes together. */
  readonly concurrency: number;
  /** Activities at one time: those with a call in flight, and those that wait for their instant or for a permit. */
  readonly activities: number;
  /** Of a call, in milliseconds. */
  readonly callMs: Distribution;
  /** A prompt, by the service's rule of admission. */
  readonly promptTokens: Distribution;
  /** The largest of them. */
  readonly promptTokensMost: number;
  /** An answer. */
  readonly completionTokens: Distribution;
  readonly overheadMs: Overheads;
  /** What is known of the deployment. */
  readonly capacity: CapacityState;
  /** When the run would start, in milliseconds since 1970. */
  readonly nowMs: number;
}

/** What the app itself takes, in milliseconds. */
export interface Overheads {
  /** Beside the model's time, while a call has its permit. */
  readonly call: number;
  /** From the end of a batch to the next one, beside the pause. */
  readonly batch: number;
  /** For reading the issues and writing the report. */
  readonly run: number;
}

/** What may hold a run back most. */
export const FORECAST_BOUNDS = [
  'concurrency',
  'tokens',
  'requests',
  'service',
  'latency',
  'batches',
  'nothing',
] as const;
export type ForecastBound = (typeof FORECAST_BOUNDS)[number];

/** How a run would go. */
export interface Forecast {
  /** From the start to the report; 0 without a call. */
  readonly durationMs: number;
  readonly boundBy: ForecastBound;
  /** Tokens that the service would count for admission. */
  readonly admissionTokens: number;
}

/** Of a larger run so many calls are played at most; the rest goes on as the second half of these did. */
const MOST_PLAYED = 20_000;
const MINUTE_MS = 60_000;

/**
 * Plays a run in virtual time. The right to start calls is asked of the capacity entity's own rules, so that pace, buffer
 * and what is learned of the answers on the way are those of the run.
 *
 * The same input gives the same forecast. Caps, other runs and failures are not part of it.
 */
export function forecast(input: ForecastInput): Forecast {
  const { plan, units, promptTokens, promptTokensMost, completionTokens, callMs, concurrency, overheadMs } = input;
  if (units === 0) return { durationMs: 0, boundBy: 'nothing', admissionTokens: 0 };
  const offered = Math.min(units, MOST_PLAYED);
  const prompts = { promptTokensEach: promptTokens.mean, promptTokensMost };
  const loaded = { total: offered, units: offered, kept: NO_PROGRESS, ...prompts };
  const reservations = createReservations(input.capacity, {
    terms: { ...termsOf(plan, loaded), maxTokens: null, maxCostUsd: null },
    batchSize: plan.batchSize,
    promptCv: promptTokens.cv,
    callSeconds: callMs.mean / 1_000,
    completionTokens,
  });
  const timeOf = createLogNormal(callMs);
  const stage = {
    streams: streamsFor(offered, plan),
    concurrency,
    activities: Math.max(input.activities, concurrency),
    callMs: (n: number) => timeOf(n) + overheadMs.call,
    pauseMs: plan.batchDelayMs + overheadMs.batch,
    startMs: input.nowMs,
  };
  const endsMs = play(stage, reservations);
  const { admissionTokens, waitedMs, buffer } = reservations.totals();
  const played = endsMs.length;
  const lastMs = endsMs.at(-1) ?? 0;
  const playedMs = lastMs + (units - played) * steadyMs(endsMs);
  const allTokens = (admissionTokens / Math.max(1, played)) * units;
  const atLimitMs = admissionMs(input, allTokens, units);
  // The service begins with a whole minute's room.
  const leastMs = Math.max(atLimitMs.tokens, atLimitMs.requests) - MINUTE_MS;
  return {
    durationMs: Math.round(Math.max(playedMs, leastMs) + overheadMs.run),
    boundBy: boundOf({
      ...stage,
      lastMs: Math.max(1, lastMs),
      timesMs: endsMs.map((_, n) => timeOf(n)),
      waitedMs,
      admittedMs: admissionMs(input, admissionTokens / (1 - buffer), played / (1 - buffer)),
    }),
    admissionTokens: Math.round(allTokens),
  };
}

/** From one end to the next, when the run has its pace and does not yet run out of work. */
function steadyMs(endsMs: readonly number[]): number {
  const end = (n: number) => endsMs[n] as number;
  const [from, to] = [Math.floor(endsMs.length / 2), Math.floor((endsMs.length * 3) / 4)];
  return from === to ? 0 : (end(to) - end(from)) / (to - from);
}

/** How long the limits take to admit so much; 0 where they are not known. */
function admissionMs({ plan, capacity }: ForecastInput, tokens: number, requests: number): ByLimit {
  const tokensPerMinute = plan.tokensPerMinute ?? capacity.tokens.perMinute ?? Number.POSITIVE_INFINITY;
  const requestsPerMinute = plan.requestsPerMinute ?? capacity.requests.perMinute ?? Number.POSITIVE_INFINITY;
  return { tokens: (tokens / tokensPerMinute) * MINUTE_MS, requests: (requests / requestsPerMinute) * MINUTE_MS };
}

type ByLimit = Readonly<Record<'tokens' | 'requests', number>>;

/** By the rules of a report's verdict and in their order, so that the two can be compared. */
function boundOf(run: {
  readonly lastMs: number;
  readonly timesMs: readonly number[];
  readonly waitedMs: WaitedMs;
  /** What the limits alone took, by what they leave to the run. */
  readonly admittedMs: ByLimit;
  readonly streams: number;
  readonly concurrency: number;
}): ForecastBound {
  const { lastMs, timesMs, waitedMs, admittedMs, streams, concurrency } = run;
  const inFlight = timesMs.reduce((sum, ms) => sum + ms, 0) / lastMs / concurrency;
  const longestMs = timesMs.reduce((longest, ms) => Math.max(longest, ms), 0);
  const longWaitMs = LONG_WAIT * streams * lastMs;
  if (waitedMs.service >= longWaitMs) return 'service';
  // A report reckons with a minute at least.
  const usedUp = limitFrom(USED_UP * Math.max(MINUTE_MS, lastMs), admittedMs);
  if (usedUp) return usedUp;
  if (inFlight >= FULL) return 'concurrency';
  const awaited = limitFrom(longWaitMs, waitedMs);
  if (awaited) return awaited;
  if (longestMs >= MOST * lastMs) return 'latency';
  return inFlight >= NEARLY_FULL ? 'concurrency' : 'batches';
}

/** The limit that took longer, if it took so long; null if it did not. */
function limitFrom(leastMs: number, { tokens, requests }: ByLimit): keyof ByLimit | null {
  if (Math.max(tokens, requests) < leastMs) return null;
  return tokens >= requests ? 'tokens' : 'requests';
}
