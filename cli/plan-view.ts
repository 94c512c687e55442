import { countOf, countText, usdText } from './format.ts';
import type { PlanReply } from './replies.ts';

/** What a run would take, in lines. */
export function planView(plan: PlanReply): string[] {
  const { issues, distinct, calls, concurrency, batchSize, streams, analysis, deployment, service } = plan;
  const equal = issues - distinct;
  const equalText = equal > 0 ? `, ${countText(equal)} of them equal to another` : '';
  const pace = `up to ${concurrency} at a time, in batches of ${batchSize}, ${countOf(streams, 'stream')}`;
  const who = service.simulator ? 'the simulator (nothing is billed)' : `the real service ${service.endpoint}`;
  return [
    `${countOf(issues, 'issue')}${equalText}: ${countOf(calls, 'call')} for "${analysis}", ${pace}`,
    `Answered by ${who}, deployment ${deployment}`,
  ];
}

/** What a run would cost at the real service, in one sentence. */
export function costSentence(plan: PlanReply): string {
  const { service, deployment, calls, estimatedPromptTokens, estimatedCompletionTokens, estimatedCostUsd } = plan;
  const tokens = `about ${countText(estimatedPromptTokens)} prompt and ${countText(estimatedCompletionTokens)} completion tokens`;
  const cost =
    estimatedCostUsd === null ? `the price of ${deployment} is not known` : `about ${usdText(estimatedCostUsd)}`;
  return `This calls the real service ${service.endpoint}, deployment ${deployment}: ${countOf(calls, 'call')}, ${tokens}, ${cost}.`;
}
