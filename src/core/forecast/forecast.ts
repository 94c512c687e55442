import { streamsFor } from '../batch-plan.ts';
import type { CapacityState } from '../capacity/state.ts';
import { termsOf } from '../capacity/terms.ts';
import { NO_PROGRESS } from '../progress.ts';
import type { RunPlan } from '../run-request.ts';
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

/**
 * Plays a run in virtual time. The right to start calls is asked of the capacity entity's own rules, so that pace, buffer
 * and what is learned of the answers on the way are those of the run.
 *
 * The same input gives the same forecast. Caps, other runs and failures are not part of it.
 */
export function forecast(input: ForecastInput): Forecast {
  const { plan, units, promptTokens, completionTokens, callMs, concurrency, overheadMs } = input;
  if (units === 0) return { durationMs: 0, boundBy: 'nothing', admissionTokens: 0 };
  const offered = Math.min(units, MOST_PLAYED);
  const loaded = { total: offered, units: offered, kept: NO_PROGRESS, promptTokensEach: promptTokens.mean };
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
  const { admissionTokens, waitedMs } = reservations.totals();
  const timesMs = endsMs.map((_, n) => timeOf(n));
  const playedMs = (endsMs.at(-1) ?? 0) + (units - endsMs.length) * steadyMs(endsMs);
  const allTokens = (admissionTokens / endsMs.length) * units;
  return {
    durationMs: Math.round(Math.max(playedMs, admissionMs(input, allTokens)) + overheadMs.run),
    boundBy: boundOf({ ...stage, endsMs, timesMs, waitedMs }),
    admissionTokens: Math.round(allTokens),
  };
}

/** From one end to the next, when the run has its pace and does not yet run out of work. */
function steadyMs(endsMs: readonly number[]): number {
  const [from, to] = [Math.floor(endsMs.length / 2), Math.floor((endsMs.length * 3) / 4)];
  if (from === to) return (endsMs.at(-1) ?? 0) / endsMs.length;
  return ((endsMs[to] ?? 0) - (endsMs[from] ?? 0)) / (to - from);
}

/** What the limits alone ask for, if the service begins with a whole minute's room. */
function admissionMs({ plan, units, capacity }: ForecastInput, tokens: number): number {
  const tokensPerMinute = plan.tokensPerMinute ?? capacity.tokens.perMinute ?? Number.POSITIVE_INFINITY;
  const requestsPerMinute = plan.requestsPerMinute ?? capacity.requests.perMinute ?? Number.POSITIVE_INFINITY;
  return (Math.max(tokens / tokensPerMinute, units / requestsPerMinute) - 1) * 60_000;
}

/** With so many of the permitted calls in flight in the mean, permits are what is short. */
const FULL = 0.9;
const NEARLY_FULL = 0.75;
/** Streams that stand still for so much of their time hold the run back: overlap hides less than that. */
const LONG_WAIT = 0.2;
/** From this share of the whole on, a call dominates it. */
const MOST = 0.5;

/** By the same rules as a report's verdict, so that the two can be compared. */
function boundOf(run: {
  readonly endsMs: readonly number[];
  readonly timesMs: readonly number[];
  readonly waitedMs: WaitedMs;
  readonly streams: number;
  readonly concurrency: number;
}): ForecastBound {
  const { endsMs, timesMs, waitedMs, streams, concurrency } = run;
  const lastMs = Math.max(1, endsMs.at(-1) ?? 0);
  const inFlight = timesMs.reduce((sum, ms) => sum + ms, 0) / lastMs / concurrency;
  const longestMs = timesMs.reduce((longest, ms) => Math.max(longest, ms), 0);
  const { tokens, requests, service } = waitedMs;
  const waited = Math.max(tokens, requests, service) / (streams * lastMs);
  if (waited >= LONG_WAIT && service >= Math.max(tokens, requests)) return 'service';
  if (inFlight >= FULL) return 'concurrency';
  if (waited >= LONG_WAIT) return tokens >= requests ? 'tokens' : 'requests';
  if (longestMs >= MOST * lastMs) return 'latency';
  return inFlight >= NEARLY_FULL ? 'concurrency' : 'batches';
}
