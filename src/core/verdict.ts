import { countOf, countText, durationText, percentText, usdText } from './format.ts';
import type { Verdict } from './run-figures.ts';
import type { RunPlan } from './run-request.ts';
import { costForCaps } from './usage.ts';
import {
  awaitedLimit,
  batches,
  boundBy,
  type Figures,
  fullConcurrency,
  hostPlaces,
  hostTime,
  LONG_WAIT,
  latency,
  lowerLimits,
  MOST,
  nearlyFullConcurrency,
  type Rule,
  storage,
  usedUpLimit,
  waitedShare,
} from './verdict-bounds.ts';

/** No service that will answer again soon asks for so long a wait. */
const ABSURD_WAIT_MS = 600_000;

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
const stoodStill: Rule = (figures, plan) => {
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
          `${durationText(longestRetryAfterMs)}; ${still}: ${quotaAdvice(figures, plan)}.`,
      )
    : boundBy('service', `Bound by a failing service: ${still} until it answered again; see its health page.`);
};

/** What helps where the service refuses: first not to ask for more than it admits. */
function quotaAdvice(figures: Figures, plan: RunPlan): string {
  const lower = lowerLimits(figures, plan, ['tokens', 'requests']);
  return lower === null ? 'raise the quota, or keep other apps off the deployment' : `${lower}, or raise the quota`;
}

const failedCalls: Rule = (figures, plan) => {
  const { inFlight, throttled, spentMs } = figures;
  const { total } = spentMs;
  if (inFlight.most === 0) return boundBy('service', 'No call brought an answer; see the errors.');
  const waited = total.throttle + total.retry;
  const share = waited / Math.max(1, waited + total.queue + total.model);
  if (share < MOST) return null;
  const cause =
    throttled > 0 ? `waits after ${countOf(throttled, 'refused request')}` : 'waits before calls made again';
  const advice = throttled > 0 ? quotaAdvice(figures, plan) : 'see its health page';
  return boundBy(
    'service',
    `Bound by the service: ${percentText(share)} of the issues' time went into ${cause}; ${advice}.`,
  );
};

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
  hostPlaces,
  hostTime,
  latency,
  nearlyFullConcurrency,
  storage,
];

function leftOver({ notStarted, total }: Figures): string {
  return `${countText(notStarted)} of ${countOf(total, 'issue')} not started`;
}

/** The caps, and how much of each is gone. */
function capText({ costUsd, tokens }: Figures, { maxCostUsd, maxTokens, deployment }: RunPlan): string {
  const takenUsd = costForCaps(costUsd, tokens, deployment);
  return [
    ...(maxCostUsd === null ? [] : [`${usdText(maxCostUsd)} (${usdText(takenUsd)} taken)`]),
    ...(maxTokens === null ? [] : [`${countText(maxTokens)} tokens (${countText(tokens.totalTokens)} taken)`]),
  ].join(' and ');
}
