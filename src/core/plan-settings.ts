import { deadlineMsFor } from './batch-plan.ts';
import { PLANNED, type PlannedSetting } from './plan-reply.ts';
import type { ChosenPlan, RunPlan } from './run-request.ts';
import { SETTINGS } from './settings.ts';

const GIVEN = 'the request';
const DEFAULT = 'default';
const DERIVED = '15 min, and what it takes if each call needs its whole timeout';

/**
 * What a run goes by, except the limits of its deployment, and where each value comes from.
 *
 * @param calls - to be made; a deadline that nobody gave is derived from their number
 */
export function planSettings({ plan, origins }: ChosenPlan, calls: number): PlannedSetting[] {
  const all = [
    ...origins,
    { name: 'deadlineSeconds', value: deadlineMsFor(calls, plan) / 1_000, from: plan.deadlineMs ? GIVEN : DERIVED },
    { name: 'maxCostUsd', value: plan.maxCostUsd, from: plan.maxCostUsd ? GIVEN : DEFAULT },
    { name: 'maxTokens', value: plan.maxTokens, from: plan.maxTokens ? GIVEN : DEFAULT },
    { name: 'useCache', value: plan.useCache, from: cacheFrom(plan) },
  ];
  return PLANNED.flatMap(name =>
    all.filter(each => each.name === name).map(({ value, from }) => ({ name, value, from })),
  );
}

/** No setting turns the cache on where answers are never used again. */
function cacheFrom({ useCache, cacheTtlMs }: RunPlan): string {
  if (cacheTtlMs === 0) return SETTINGS.cacheTtlSeconds.env;
  return useCache ? DEFAULT : GIVEN;
}
