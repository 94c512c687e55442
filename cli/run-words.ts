import { countText, usdText } from '../src/core/format.ts';
import type { RunStatus } from '../src/core/run-status.ts';

const WAITING: Readonly<Record<NonNullable<RunStatus['waitingFor']>, string>> = {
  tokens: 'waits for tokens',
  requests: 'waits for requests',
  service: 'waits for the service',
  budget: 'waits for its budget',
  paused: 'paused',
};

/** What a run stands still for, as told or as its streams say; null if for nothing. */
export function waitingText({ status, waitingFor }: Pick<RunStatus, 'status' | 'waitingFor'>): string | null {
  if (status === 'paused' || status === 'cancelling') return status;
  return waitingFor && WAITING[waitingFor];
}

/** How much of a run's cap all of its attempts have taken, by the cap that is nearer; null without one. */
export function takenText({ taken, caps }: Pick<RunStatus, 'taken' | 'caps'>): string | null {
  const { maxCostUsd, maxTokens } = caps;
  const { tokens, usd } = taken;
  const ofTokens = maxTokens === null ? -1 : tokens / maxTokens;
  if (maxCostUsd !== null && usd !== null && usd / maxCostUsd >= ofTokens) {
    return `${usdText(usd)} of ${usdText(maxCostUsd)} taken`;
  }
  return maxTokens === null ? null : `${countText(tokens)} of ${countText(maxTokens)} tokens taken`;
}
