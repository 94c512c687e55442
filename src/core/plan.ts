import { admittedLimits } from './admitted-limits.ts';
import { analysisNamed } from './analyses.ts';
import { answerRoom } from './capacity/answer-room.ts';
import { type Hold, holdOfCall } from './capacity/budget.ts';
import { capacityView } from './capacity/capacity.ts';
import { isContending } from './capacity/fair-share.ts';
import type { CapacityView } from './capacity/messages.ts';
import type { CapacityState } from './capacity/state.ts';
import type { Estimate } from './estimate.ts';
import { type Forecast, forecast, type Overheads } from './forecast/forecast.ts';
import { LIMITS, type PlanReply } from './plan-reply.ts';
import { planSettings } from './plan-settings.ts';
import { affordableCalls, planWarnings } from './plan-warnings.ts';
import type { ChosenPlan, Origin, RunPlan } from './run-request.ts';
import type { Settings } from './settings.ts';
import { costUsd } from './usage.ts';

/** What a plan is made of. */
export interface PlanFacts {
  readonly chosen: ChosenPlan;
  readonly settings: Pick<Settings, 'ceiling' | 'workerProcesses'>;
  readonly service: PlanReply['service'];
  readonly counts: Pick<PlanReply, 'issues' | 'distinct' | 'answered' | 'cached'>;
  /** Over the distinct issues that are not answered. */
  readonly estimate: Estimate;
  readonly capacity: CapacityState;
  /** In milliseconds since 1970. */
  readonly nowMs: number;
}

/** Of small models, while nothing is known of the deployment's own. */
const USUAL_CALL_MS = { mean: 4_000, cv: 0.6 };
/** So many calls tell more of a deployment than what is usual. */
const ENOUGH_CALLS = 5;
/** How much the lengths of answers differ: standard deviation over mean. */
const ANSWERS_CV = 0.25;
/** As measured on a local host. Queues on Azure add up to some seconds between batches, which other streams hide. */
const OVERHEAD_MS: Overheads = { call: 20, batch: 300, run: 700 };

/** Puts a plan together. */
export function planReply(facts: PlanFacts): PlanReply {
  const { chosen, settings, service, counts, estimate, capacity, nowMs } = facts;
  const { plan } = chosen;
  const view = capacityView(capacity);
  const calls = estimate.calls - counts.cached;
  const others = Object.values(capacity.runs).filter(run => isContending(run, nowMs)).length;
  const outlook = outlookOf(facts, view, others);
  const expected = expectedOf(facts, outlook, calls);
  const capped = cappedOf(facts, outlook, calls, expected);
  const limits = limitsOf(chosen, view);
  const closedForMs = closedForMsOf(view, nowMs);
  return {
    analysis: plan.analysis,
    deployment: plan.deployment,
    service,
    ...counts,
    empty: estimate.empty,
    calls,
    expected,
    concurrencyScope: plan.concurrencyScope,
    settings: planSettings(chosen, calls),
    limits,
    warnings: planWarnings({ plan, calls, expected, capped, limits, known: view, others, settings, closedForMs }),
  };
}

function closedForMsOf({ closedUntilMs }: CapacityView, nowMs: number): number {
  return closedUntilMs === null ? 0 : Math.max(0, closedUntilMs - nowMs);
}

/** How any number of the run's calls would go. */
interface Outlook {
  readonly basis: PlanReply['expected']['basis'];
  readonly answers: PlanReply['expected']['answers'];
  /** Of an answer, in the mean. */
  readonly completionTokensEach: number;
  readonly forecastOf: (calls: number) => Forecast;
}

function outlookOf(facts: PlanFacts, view: CapacityView, others: number): Outlook {
  const { chosen, estimate, capacity, nowMs } = facts;
  const { plan } = chosen;
  const observedEach = view.meanCompletionTokens[plan.analysis];
  const completionTokensEach = observedEach ?? analysisNamed(plan.analysis).typicalCompletionTokens;
  const observedMs = view.callMs && view.callMs.count >= ENOUGH_CALLS ? view.callMs : null;
  const input = {
    plan: sharedPlan({ ...plan, ...admittedLimits(plan, view) }, others),
    capacity,
    ...placesOf(facts),
    callMs: observedMs ?? USUAL_CALL_MS,
    promptTokens: estimate.admission,
    promptTokensMost: estimate.admissionMost,
    completionTokens: { mean: completionTokensEach, cv: ANSWERS_CV },
    overheadMs: OVERHEAD_MS,
    nowMs,
  };
  return {
    basis: observedMs ? 'observed' : 'assumed',
    answers: observedEach === undefined ? 'typical' : 'observed',
    completionTokensEach,
    forecastOf: units => forecast({ ...input, units }),
  };
}

function expectedOf({ chosen, estimate }: PlanFacts, outlook: Outlook, calls: number): PlanReply['expected'] {
  const { basis, answers, completionTokensEach, forecastOf } = outlook;
  const promptTokens = Math.round((estimate.promptTokens * calls) / Math.max(1, estimate.calls));
  const completionTokens = Math.round(calls * completionTokensEach);
  const { durationMs, boundBy, admissionTokens } = forecastOf(calls);
  return {
    promptTokens,
    completionTokens,
    admissionTokens,
    costUsd: costUsd({ promptTokens, completionTokens, cachedTokens: 0 }, chosen.plan.deployment),
    durationMs,
    boundBy,
    basis,
    answers,
    countedShare: estimate.countedShare,
  };
}

/** What the run's caps leave of it; null where they stop nothing. */
function cappedOf(facts: PlanFacts, { forecastOf }: Outlook, calls: number, expected: PlanReply['expected']) {
  const hold = holdOf(facts);
  const affordable = affordableCalls(facts.chosen.plan, { calls, ...expected, hold });
  return affordable < calls ? { calls: affordable, durationMs: forecastOf(affordable).durationMs, hold } : null;
}

/** What the run's first call is held for. */
function holdOf({ chosen: { plan }, estimate: { admission, admissionMost }, capacity }: PlanFacts): Hold {
  const prompts = { promptTokensEach: admission.mean, promptTokensMost: admissionMost, price: plan.price };
  return holdOfCall(prompts, answerRoom(capacity.answers[plan.analysis] ?? {}, plan.maxCompletionTokens));
}

/** Calls in flight, and activities, at one time: the ceiling holds for an instance, a run's number for each process. */
function placesOf({ chosen: { plan }, settings: { ceiling, workerProcesses } }: PlanFacts) {
  const { concurrency, concurrencyScope } = plan;
  const calls = concurrencyScope === 'run' ? concurrency : Math.min(ceiling, concurrency * workerProcesses);
  return { concurrency: calls, activities: ceiling };
}

/** Runs under one limit have equal shares of it. */
function sharedPlan(plan: RunPlan, others: number): RunPlan {
  const share = (perMinute: number | null) => perMinute && perMinute / (1 + others);
  return {
    ...plan,
    tokensPerMinute: share(plan.tokensPerMinute),
    requestsPerMinute: share(plan.requestsPerMinute),
  };
}

function limitsOf({ origins }: ChosenPlan, view: CapacityView): PlanReply['limits'] {
  const learned = {
    tokensPerMinute: { value: view.tokensPerMinute, from: 'the deployment' },
    requestsPerMinute: { value: view.requestsPerMinute, from: 'the deployment' },
    bufferPercent: { value: Math.round(view.bufferPercent), from: 'default, shrinking as estimates prove right' },
  };
  return LIMITS.map(name => {
    const { value, from } = origins.find(origin => origin.name === name) as Origin;
    if (value !== null) return { name, value, from };
    return learned[name].value === null ? { name, value: null, from: 'not known yet' } : { name, ...learned[name] };
  });
}
