import { z } from 'zod';
import type { RunSummary } from './contracts.ts';
import { integer, invalid } from './problems.ts';
import { type RunPlan, RunRequestSchema } from './run-request.ts';
import { costForCaps } from './usage.ts';

const { maxCostUsd, maxTokens, deadlineSeconds } = RunRequestSchema.shape;

/** The body of `POST /api/runs/{runId}/retry`. What is left out stays as it was. */
export const RetryRequestSchema = z.strictObject(
  {
    /**
     * The attempt that is wanted: the next one, or the present one if this request may have been heard before. Default:
     * the present one where that is under way and was made by a retry, else the next.
     */
    attempt: integer(2, 1_000_000).optional(),
    maxCostUsd,
    maxTokens,
    deadlineSeconds,
  },
  'a JSON object, or none',
);
export type RetryRequest = z.infer<typeof RetryRequestSchema>;

/** What a retry may change of a run's plan. */
type Changes = Pick<RunPlan, 'maxCostUsd' | 'maxTokens' | 'deadlineMs'>;

function changesOf(plan: RunPlan, request: RetryRequest): Changes {
  return {
    maxCostUsd: request.maxCostUsd ?? plan.maxCostUsd,
    maxTokens: request.maxTokens ?? plan.maxTokens,
    deadlineMs: request.deadlineSeconds === undefined ? plan.deadlineMs : request.deadlineSeconds * 1_000,
  };
}

/** Whether a retry asks for nothing that the plan does not have: then it may be the one that made it. */
export function isAskedAgain(plan: RunPlan, request: RetryRequest): boolean {
  const wanted = changesOf(plan, request);
  return (['maxCostUsd', 'maxTokens', 'deadlineMs'] as const).every(name => wanted[name] === plan[name]);
}

/**
 * The plan of a run's next attempt.
 *
 * @param last - of the attempt before; null where it came to none
 * @throws {InvalidInputError} for a cap that the run has used up, or as good as: one that leaves less than is held for a
 *   call (where that is not known, than a call took in the mean), or that has stopped the run and is not raised; also for a
 *   cap in dollars where the price is not known
 */
export function retriedPlan(plan: RunPlan, request: RetryRequest, last: RunSummary | null): RunPlan {
  if (request.maxCostUsd !== undefined && plan.price === null) {
    const allowed = `no value here: the price of ${plan.deployment} is not known; use maxTokens`;
    throw invalid('maxCostUsd', request.maxCostUsd, allowed);
  }
  const spent = last === null ? plan.spent : spentIn(last, plan);
  const changes = changesOf(plan, request);
  for (const cap of CAPS) checkCap(cap, { plan, changes, spent, last });
  return { ...plan, ...changes, spent };
}

/**
 * What a run has taken so far. An attempt that could not read the issues has no figures of the ones before.
 */
function spentIn({ tokens, costUsd }: RunSummary, { deployment, spent }: RunPlan): RunPlan['spent'] {
  return {
    tokens: Math.max(spent.tokens, tokens.totalTokens),
    usd: Math.max(spent.usd, costForCaps(costUsd, tokens, deployment)),
  };
}

/** The caps with what counts for them, and how exactly that is told. */
const CAPS = [
  { name: 'maxCostUsd', unit: 'usd', digits: 6, taken: 'cost' },
  { name: 'maxTokens', unit: 'tokens', digits: 0, taken: 'taken' },
] as const;

function checkCap(
  { name, unit, digits, taken }: (typeof CAPS)[number],
  of: {
    readonly plan: RunPlan;
    readonly changes: Changes;
    readonly spent: RunPlan['spent'];
    readonly last: RunSummary | null;
  },
): void {
  const { plan, changes, spent, last } = of;
  const cap = changes[name];
  if (cap === null) return;
  const stoppedAt = last?.stopped?.reason === 'budget' && nearerCap(plan, spent) === name ? Number(plan[name]) : 0;
  const hold = last?.callHold?.[unit] ?? null;
  const mean = last && last.calls > 0 ? spent[unit] / last.calls : 0;
  const each = hold ?? mean;
  const least = Math.max(rounded(spent[unit] + each, digits), stoppedAt);
  if (cap > least) return;
  const facts = [
    `the run has ${taken} ${rounded(spent[unit], digits)} so far`,
    ...(each > 0 ? [`${hold === null ? '' : 'up to '}${rounded(each, digits)} a call`] : []),
    ...(stoppedAt > 0 ? ['and this cap stopped it'] : []),
  ];
  throw invalid(name, cap, `more than ${least}: ${facts.join(', ')}`);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** The cap of which the larger share is taken. */
function nearerCap({ maxCostUsd: ofUsd, maxTokens: ofTokens }: RunPlan, spent: RunPlan['spent']): keyof Changes {
  const shareUsd = ofUsd === null ? -1 : spent.usd / ofUsd;
  return shareUsd >= (ofTokens === null ? -1 : spent.tokens / ofTokens) ? 'maxCostUsd' : 'maxTokens';
}

/** Whether an attempt left issues that another one might do: failed ones, or ones that were not started. */
export function isWorthRetrying(last: RunSummary | null): boolean {
  return last === null || last.status === 'failed' || last.failed > 0 || last.notStarted > 0;
}
