import { deadlineMsFor } from './batch-plan.ts';
import type { Hold } from './capacity/budget.ts';
import type { CapacityView } from './capacity/messages.ts';
import { countOf, countText, durationText, percentText, usdText } from './format.ts';
import type { PlanReply } from './plan-reply.ts';
import type { RunPlan } from './run-request.ts';
import type { Settings } from './settings.ts';
import { costUsd } from './usage.ts';

/** What a plan says of a run, as its warnings need it. */
interface Planned extends Pick<PlanReply, 'calls' | 'expected' | 'limits'> {
  readonly plan: RunPlan;
  /** How many calls the run's caps pay for, how long these take, and what one is held for; null where no cap stops it. */
  readonly capped: { readonly calls: number; readonly durationMs: number; readonly hold: Hold } | null;
  /** What the deployment is known to admit; null = not known. */
  readonly known: Pick<CapacityView, 'tokensPerMinute' | 'requestsPerMinute'>;
  readonly settings: Pick<Settings, 'ceiling' | 'workerProcesses'>;
  /** Runs that use up the deployment's limits now. */
  readonly others: number;
  /** How long the service is still left alone, because it failed or asked for it. */
  readonly closedForMs: number;
}

/** Calls, what all of them together are billed, and what one is held for. */
interface Billed extends Pick<PlanReply['expected'], 'promptTokens' | 'completionTokens'> {
  readonly calls: number;
  readonly hold: Hold;
}

/**
 * How many of so many calls a run's caps pay for: one more as long as they leave what it is held for.
 *
 * @returns infinity without a cap, or without calls
 */
export function affordableCalls(plan: RunPlan, { calls, promptTokens, completionTokens, hold }: Billed): number {
  const usd = costUsd({ promptTokens, completionTokens, cachedTokens: 0 }, plan.deployment) ?? 0;
  const within = (cap: number | null, held: number, all: number) => {
    if (cap === null || calls === 0) return Number.POSITIVE_INFINITY;
    return cap < held ? 0 : 1 + Math.floor(((cap - held) * calls) / all);
  };
  const byCost = within(plan.maxCostUsd, hold.costUsdEach, usd);
  return Math.min(byCost, within(plan.maxTokens, hold.billedTokensEach, promptTokens + completionTokens));
}

/** What whoever starts the run should know before. */
export function planWarnings(planned: Planned): string[] {
  return [cap, deadline, tooHighLimits, unknownLimits, otherRuns, closed, processes, unknownPrice, uncounted].flatMap(
    warning => warning(planned) ?? [],
  );
}

type Warning = (planned: Planned) => string | null;

const cap: Warning = ({ plan: { maxCostUsd, maxTokens }, capped, calls, expected }) => {
  if (!capped) return null;
  const caps = amountsText(maxCostUsd, maxTokens);
  if (capped.calls === 0) {
    const { costUsdEach, billedTokensEach } = capped.hold;
    const most = amountsText(maxCostUsd && roundedUp(costUsdEach), maxTokens && Math.ceil(billedTokensEach));
    return `A cap of ${caps} stops the run before its first call, which may take up to ${most}`;
  }
  const parts = [
    ...(expected.costUsd === null ? [] : [usdText((expected.costUsd * capped.calls) / calls)]),
    durationText(capped.durationMs),
  ].join(' and ');
  return `A cap of ${caps} stops the run after about ${countText(capped.calls)} of ${countOf(calls, 'call')}: about ${parts}`;
};

/** Dollars and tokens, where they are capped: null = they are not. */
function amountsText(usd: number | null, tokens: number | null): string {
  const amounts = [usd === null ? null : usdText(usd), tokens === null ? null : countOf(tokens, 'token')];
  return amounts.filter(amount => amount !== null).join(' and ');
}

/** To the digits that are shown, so that a cap of so much is enough. */
function roundedUp(usd: number): number {
  return Math.ceil(usd * 1e4) / 1e4;
}

const deadline: Warning = ({ plan, capped, calls: all, expected }) => {
  const { calls, durationMs } = capped ?? { calls: all, durationMs: expected.durationMs };
  const deadlineMs = deadlineMsFor(all, plan);
  // One that nobody asked for is put off by waits for the deployment's limits.
  const isPutOff = plan.deadlineMs === null && (expected.boundBy === 'tokens' || expected.boundBy === 'requests');
  if (durationMs <= deadlineMs || isPutOff) return null;
  const late = Math.round(calls * (1 - deadlineMs / durationMs));
  return (
    `The deadline of ${durationText(deadlineMs)} comes before the expected end: about ${countOf(late, 'call')} would not ` +
    'be made; give more deadlineSeconds'
  );
};

const tooHighLimits: Warning = ({ plan, known }) => {
  const tooHigh = (['tokensPerMinute', 'requestsPerMinute'] as const).flatMap(name => {
    const [set, admitted] = [plan[name], known[name]];
    return set === null || admitted === null || set <= admitted
      ? []
      : [`${name} is ${countText(set)}, but ${plan.deployment} admits ${countText(admitted)}`];
  });
  return tooHigh.length === 0
    ? null
    : `${tooHigh.join('; ')}: requests beyond that are refused; the expected time goes by what it admits`;
};

const unknownLimits: Warning = ({ calls, limits, plan: { deployment } }) => {
  const [tokens, requests] = (['tokensPerMinute', 'requestsPerMinute'] as const).map(limit =>
    limits.some(({ name, value }) => name === limit && value === null),
  );
  if (calls === 0 || !(tokens || requests)) return null;
  if (tokens && requests) return `The limits of ${deployment} are not known yet: the expected time leaves them out`;
  const unit = tokens ? 'tokens' : 'requests';
  return `The limit of ${deployment} in ${unit} a minute is not known yet: the expected time leaves it out`;
};

const otherRuns: Warning = ({ calls, others }) =>
  calls === 0 || others === 0
    ? null
    : `${countOf(others, 'other run')} ${others === 1 ? 'uses' : 'use'} up the limits now: each has its share, as the ` +
      'expected time takes into account';

const closed: Warning = ({ calls, closedForMs }) =>
  calls === 0 || closedForMs === 0
    ? null
    : `The service is left alone for ${durationText(closedForMs)} more, because it failed or asked for it`;

const processes: Warning = ({ plan, settings: { ceiling, workerProcesses } }) => {
  const { concurrency, concurrencyScope } = plan;
  if (workerProcesses === 1 || concurrencyScope === 'run') return null;
  const inAll = Math.min(ceiling, workerProcesses * concurrency);
  return (
    `${workerProcesses} processes on each instance make up to ${inAll} calls at a time; concurrencyScope "run" bounds all ` +
    'instances together'
  );
};

const unknownPrice: Warning = ({ plan, calls, expected: { costUsd: usd } }) =>
  calls === 0 || usd !== null
    ? null
    : `The price of ${plan.deployment} is not known; it is if the deployment is named like its model`;

const uncounted: Warning = ({ expected: { countedShare } }) =>
  countedShare === 1
    ? null
    : `Tokens were counted in ${percentText(countedShare)} of the text; the rest is taken to be like that`;
