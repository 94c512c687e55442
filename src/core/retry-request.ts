import { z } from 'zod';
import type { RunSummary } from './contracts.ts';
import { invalid } from './problems.ts';
import { type RunPlan, RunRequestSchema } from './run-request.ts';

const { maxCostUsd, maxTokens, deadlineSeconds } = RunRequestSchema.shape;

/** The body of `POST /api/runs/{runId}/retry`. What is left out stays as it was. */
export const RetryRequestSchema = z.strictObject({ maxCostUsd, maxTokens, deadlineSeconds }, 'a JSON object, or none');
export type RetryRequest = z.infer<typeof RetryRequestSchema>;

/**
 * The plan of a run's next attempt.
 *
 * @param last - of the attempt before; null where it came to none
 * @throws {InvalidInputError} for a cap that the run has used up already, or one in dollars where the price is not known
 */
export function retriedPlan(plan: RunPlan, request: RetryRequest, last: RunSummary | null): RunPlan {
  const spentUsd = last?.costUsd ?? 0;
  const spentTokens = last?.tokens.totalTokens ?? 0;
  if (request.maxCostUsd !== undefined && plan.price === null) {
    const allowed = `no value here: the price of ${plan.deployment} is not known; use maxTokens`;
    throw invalid('maxCostUsd', request.maxCostUsd, allowed);
  }
  if (request.maxCostUsd !== undefined && request.maxCostUsd <= spentUsd)
    throw invalid('maxCostUsd', request.maxCostUsd, `more than ${spentUsd}, what the run has cost so far`);
  if (request.maxTokens !== undefined && request.maxTokens <= spentTokens)
    throw invalid('maxTokens', request.maxTokens, `more than ${spentTokens}, what the run has taken so far`);
  return {
    ...plan,
    maxCostUsd: request.maxCostUsd ?? plan.maxCostUsd,
    maxTokens: request.maxTokens ?? plan.maxTokens,
    spent: last === null ? plan.spent : { tokens: spentTokens, usd: spentUsd },
    deadlineMs: request.deadlineSeconds === undefined ? plan.deadlineMs : request.deadlineSeconds * 1_000,
  };
}

/** Whether an attempt left issues that another one might do: failed ones, or ones that were not started. */
export function isWorthRetrying(last: RunSummary | null): boolean {
  return last === null || last.status === 'failed' || last.failed > 0 || last.notStarted > 0;
}
