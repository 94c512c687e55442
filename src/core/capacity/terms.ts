import type { Loaded } from '../contracts.ts';
import type { RunPlan } from '../run-request.ts';
import { costForCaps } from '../usage.ts';
import type { RunTerms } from './messages.ts';

/** What a run tells the capacity entity of itself. */
export function termsOf(
  plan: RunPlan,
  { units, kept, promptTokensEach, promptTokensMost }: Omit<Loaded, 'openList'>,
): RunTerms {
  const { analysis, maxCompletionTokens, price, maxTokens, maxCostUsd, requestTimeoutMs } = plan;
  const { tokensPerMinute, requestsPerMinute, bufferPercent, tokenSliceMs } = plan;
  return {
    units,
    analysis,
    promptTokensEach,
    promptTokensMost,
    maxCompletionTokens,
    price: price && { inputUsd: price.inputUsd, outputUsd: price.outputUsd },
    maxTokens,
    maxCostUsd,
    spentTokens: Math.max(plan.spent.tokens, kept.usage.promptTokens + kept.usage.completionTokens),
    spentUsd: Math.max(plan.spent.usd, costForCaps(kept.costUsd, kept.usage, plan.deployment)),
    tokensPerMinute,
    requestsPerMinute,
    bufferPercent,
    tokenSliceMs,
    requestTimeoutMs,
    probe: Math.ceil(plan.concurrency / plan.streams),
  };
}
