import type { RunSummary } from './contracts.ts';
import { countOf, countText, durationText, percentText, usdText } from './format.ts';
import type { Rate, Verdict } from './run-figures.ts';
import type { RunPlan } from './run-request.ts';

type Figures = Omit<RunSummary, 'verdict'>;
type Rule = (figures: Figures, plan: RunPlan) => Verdict | null;

/** Streams that stand still for so much of their time hold the run back: overlap hides less than that. */
const LONG_WAIT = 0.2;
/** So much of what a limit leaves to the run is as good as all of it. */
const USED_UP = 0.85;
/** With so many of the permitted calls in flight in the mean, permits are what is short. */
const FULL = 0.9;
const NEARLY_FULL = 0.75;
/** No service that will answer again soon asks for so long a wait. */
const ABSURD_WAIT_MS = 600_000;
/** From this share of the whole on, a part dominates it. */
const MOST = 0.5;

/**
 * What bounded a run, by rules from the plainest to the last resort, and what to change.
 *
 * @returns null for a run whose issues could not be read
 */
export function verdictOf(figures: Figures, plan: RunPlan): Verdict | null {
  if (figures.status === 'failed') return null;
  const verdict = firstOf(RULES, figures, plan) ?? batches(figures, plan);
  if (figures.incomplete !== 'deadline') return verdict;
  const left = `The deadline came with ${leftOver(figures)}.`;
  return { ...verdict, sentence: `${left} ${verdict.sentence}` };
}

function firstOf(rules: readonly Rule[], figures: Figures, plan: RunPlan): Verdict | null {
  for (const rule of rules) {
    const verdict = rule(figures, plan);
    if (verdict) return verdict;
  }
  return null;
}

const stop: Rule = (figures, plan) => {
  switch (figures.incomplete) {
    case 'cancelled':
      return boundBy('cancelled', `The run was cancelled with ${leftOver(figures)}; retrying it goes on from there.`);
    case 'budget':
      return boundBy(
        'budget',
        `Stopped by its cap of ${capText(figures, plan)}, with ${leftOver(figures)}; retrying it with a higher cap goes on from there.`,
      );
    case 'fatal':
      return boundBy(
        'fatal',
        `Stopped by an error that is the same for every issue (${figures.stopped?.code ?? 'see the errors'}), with ` +
          `${leftOver(figures)}; mend its cause, then retry the run.`,
      );
    case 'died':
      return boundBy(
        'died',
        "A stream's orchestration ended early and left issues behind; see its instance in the task hub, then retry the run.",
      );
    default:
      return null;
  }
};

const nothingBought: Rule = ({ newCalls, incomplete, succeeded, cached }) => {
  if (newCalls > 0 || succeeded === 0 || incomplete !== null) return null;
  const origin = cached === succeeded ? 'cached' : 'cached or kept from an earlier attempt';
  return boundBy('cached', `Nothing was bought: all ${countText(succeeded)} answers were ${origin}.`);
};

const nothingAsked: Rule = ({ newCalls, skipped, total }) => {
  if (newCalls > 0) return null;
  const why = skipped === total ? 'no issue had anything to read' : 'see the errors';
  return boundBy('nothing', `Nothing was asked: ${why}.`);
};

const absurdWait: Rule = ({ longestRetryAfterMs }, { deployment }) =>
  longestRetryAfterMs < ABSURD_WAIT_MS
    ? null
    : boundBy(
        'service',
        `The service asked to wait ${durationText(longestRetryAfterMs)}, as it does when a quota is used up or zero; ` +
          `check the quota of ${deployment}.`,
      );

/** Pauses, and a service that was to be left alone: nothing else could have helped. */
const stoodStill: Rule = figures => {
  const { throttled, longestRetryAfterMs } = figures;
  const paused = waitedShare(figures, 'paused');
  const service = waitedShare(figures, 'service');
  const budget = waitedShare(figures, 'budget');
  if (Math.max(paused, service, budget) < LONG_WAIT) return null;
  if (paused >= Math.max(service, budget)) {
    return boundBy('paused', `The run was paused for ${percentText(paused)} of its time.`);
  }
  if (budget > service) {
    const cause = 'until calls in flight had shown what they cost';
    return boundBy(
      'budget',
      `Bound by its cap: streams waited ${percentText(budget)} of the time ${cause}; a higher cap lets them go on.`,
    );
  }
  const still = `streams stood still ${percentText(service)} of the time`;
  return throttled > 0
    ? boundBy(
        'service',
        `Bound by the service, which refused ${countOf(throttled, 'request')} and asked to wait up to ` +
          `${durationText(longestRetryAfterMs)}; ${still}. Raise the quota, or keep other apps off the deployment.`,
      )
    : boundBy('service', `Bound by a failing service: ${still} until it answered again; see its health page.`);
};

const failedCalls: Rule = ({ inFlight, throttled, spentMs: { total } }) => {
  if (inFlight.most === 0) return boundBy('service', 'No call brought an answer; see the errors.');
  const waited = total.throttle + total.retry;
  const share = waited / Math.max(1, waited + total.queue + total.model);
  if (share < MOST) return null;
  const cause =
    throttled > 0 ? `waits after ${countOf(throttled, 'refused request')}` : 'waits before calls made again';
  const advice = throttled > 0 ? 'raise the quota, or keep other apps off the deployment' : 'see its health page';
  return boundBy(
    'service',
    `Bound by the service: ${percentText(share)} of the issues' time went into ${cause}; ${advice}.`,
  );
};

/** Of the time of all streams. */
function waitedShare({ waitedMs, streams, durationMs }: Figures, bound: keyof Figures['waitedMs']): number {
  return waitedMs[bound] / Math.max(1, streams * durationMs);
}

const fullConcurrency: Rule = (figures, plan) => concurrencyFrom(FULL, figures, plan);
const nearlyFullConcurrency: Rule = (figures, plan) => concurrencyFrom(NEARLY_FULL, figures, plan);

function concurrencyFrom(least: number, figures: Figures, { concurrency }: RunPlan): Verdict | null {
  const { most, mean } = figures.inFlight;
  const { calls, processes } = permitted(most, concurrency);
  if (mean / calls < least) return null;
  const each = processes > 1 ? ` (${concurrency} in each of ${processes} processes)` : '';
  const headroom = headroomOf(figures);
  const admits = headroom === null || headroom < 1.1 ? '' : `; the limits admit ${headroom.toFixed(1)} times as much`;
  return boundBy(
    'concurrency',
    `Bound by concurrency: ${meanText(mean)} of ${calls} calls${each} were in flight on average; raise ` +
      `MAX_CONCURRENT_AI_CALLS and, where it is no higher, the host's ceiling${admits}.`,
  );
}

/** Calls that may be in flight in all processes that took part, judged by how many were; clocks differ a little. */
function permitted(most: number, concurrency: number): { calls: number; processes: number } {
  const processes = Math.max(1, Math.ceil(most / (1.1 * concurrency)));
  return { calls: processes * concurrency, processes };
}

/** How many times as much the limits admit, of what is known of them; null = nothing is. */
function headroomOf({ tokensPerMinute, requestsPerMinute, bufferPercent }: Figures): number | null {
  const used = Math.max(usedShare(tokensPerMinute, bufferPercent), usedShare(requestsPerMinute, bufferPercent));
  return used === 0 ? null : 1 / used;
}

/** Of what a limit admits beside its buffer; 0 where none is known. */
function usedShare({ achieved, allowed }: Rate, bufferPercent: number | null): number {
  return allowed === null ? 0 : achieved / (allowed * (1 - (bufferPercent ?? 0) / 100));
}

const usedUpLimit: Rule = (figures, plan) => {
  const tokens = usedShare(figures.tokensPerMinute, figures.bufferPercent);
  const requests = usedShare(figures.requestsPerMinute, figures.bufferPercent);
  return limitFrom(USED_UP, { tokens, requests }, figures, plan);
};

/** Also where the run did not get all of a limit, which other runs share. */
const awaitedLimit: Rule = (figures, plan) => {
  const [tokens, requests] = [waitedShare(figures, 'tokens'), waitedShare(figures, 'requests')];
  return limitFrom(LONG_WAIT, { tokens, requests }, figures, plan);
};

function limitFrom(
  least: number,
  { tokens, requests }: { tokens: number; requests: number },
  figures: Figures,
  plan: RunPlan,
): Verdict | null {
  if (Math.max(tokens, requests) < least) return null;
  return limitVerdict(tokens >= requests ? 'tokens' : 'requests', figures, plan);
}

function limitVerdict(unit: 'tokens' | 'requests', figures: Figures, plan: RunPlan): Verdict {
  const { achieved, allowed } = figures[`${unit}PerMinute`];
  const share =
    allowed === null ? '' : ` (${percentText(achieved / allowed)} of ${countText(allowed)} used by this run)`;
  const isSet = plan[`${unit}PerMinute`] !== null;
  const variable = unit === 'tokens' ? 'AI_TOKENS_PER_MINUTE' : 'AI_REQUESTS_PER_MINUTE';
  const advice = [
    'raise its quota',
    ...(isSet ? [`set ${variable} to what it admits`] : []),
    ...(plan.bufferPercent ? [`lower RATE_LIMIT_BUFFER (${plan.bufferPercent} %)`] : []),
  ];
  return boundBy(unit, `Bound by the deployment's ${unit} per minute${share}: ${advice.join(', or ')}.`);
}

const latency: Rule = ({ callMs, inFlight: { overMs } }) =>
  callMs === null || callMs.max < MOST * overMs || callMs.max > overMs
    ? null
    : boundBy(
        'latency',
        `Bound by the service's latency: the longest call took ${durationText(callMs.max)} of ${durationText(overMs)}; ` +
          'only a faster deployment shortens that.',
      );

const storage: Rule = ({ storage: { operations, perIssue, ms }, spentMs }) => {
  const eachMs = (ms * perIssue) / Math.max(1, operations);
  const { model } = spentMs.mean;
  return eachMs <= model
    ? null
    : boundBy(
        'storage',
        `Bound by storage: ${perIssue.toFixed(1)} operations took ${durationText(eachMs)} an issue, its calls ` +
          `${durationText(model)}; raise STORAGE_TABLE_SHARDS, or use faster storage.`,
      );
};

function batches(figures: Figures, plan: RunPlan): Verdict {
  const { most, mean } = figures.inFlight;
  const { concurrency, concurrencyScope, streams, batchSize, batchDelayMs } = plan;
  const inFlight = `${meanText(mean)} of ${permitted(most, concurrency).calls} calls were in flight on average`;
  return concurrencyScope === 'run'
    ? boundBy(
        'batches',
        `Bound by drawing issues one by one: ${inFlight}; concurrencyScope "process" draws whole batches.`,
      )
    : boundBy(
        'batches',
        `Bound by its batches: ${inFlight}, and nothing else held them back; raise AI_BATCH_STREAMS (${streams}) or ` +
          `AI_BATCH_SIZE (${batchSize}), or lower AI_BATCH_DELAY_MS (${countText(batchDelayMs)}).`,
      );
}

const RULES: readonly Rule[] = [
  stop,
  nothingBought,
  absurdWait,
  stoodStill,
  nothingAsked,
  failedCalls,
  usedUpLimit,
  fullConcurrency,
  awaitedLimit,
  latency,
  nearlyFullConcurrency,
  storage,
];

function boundBy(bound: Verdict['bound'], sentence: string): Verdict {
  return { bound, sentence };
}

function leftOver({ notStarted, total }: Figures): string {
  return `${countText(notStarted)} of ${countOf(total, 'issue')} not started`;
}

/** The caps, and how much of each is gone. */
function capText({ costUsd, tokens: { totalTokens } }: Figures, { maxCostUsd, maxTokens }: RunPlan): string {
  return [
    ...(maxCostUsd === null ? [] : [`${usdText(maxCostUsd)} (${usdText(costUsd ?? 0)} taken)`]),
    ...(maxTokens === null ? [] : [`${countText(maxTokens)} tokens (${countText(totalTokens)} taken)`]),
  ].join(' and ');
}

function meanText(mean: number): string {
  return mean.toFixed(mean < 100 ? 1 : 0);
}
