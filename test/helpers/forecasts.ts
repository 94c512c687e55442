import { type CapacityState, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';
import type { ForecastInput } from '../../src/core/forecast/forecast.ts';
import { createLogNormal } from '../../src/core/forecast/log-normal.ts';
import type { RunPlan } from '../../src/core/run-request.ts';
import { NOON_MS, plan } from './factories.ts';

/** A deployment that has answered before, with these limits. */
export function knownCapacity(changes: Partial<CapacityState> = {}): CapacityState {
  return { ...FRESH_CAPACITY, isProbed: true, nowMs: NOON_MS - 60_000, ...changes };
}

/** The state of a meter that knows its limit. */
export function meter(perMinute: number): CapacityState['tokens'] {
  return { ...FRESH_CAPACITY.tokens, perMinute };
}

/**
 * 1,000 calls of 4 s (cv 0.6), 10 at a time in 3 streams of 20 without pauses, by a deployment without limits, and an app
 * that takes no time itself.
 */
export function forecastInput(
  changes: Partial<Omit<ForecastInput, 'plan'>> & { readonly plan?: Partial<RunPlan> } = {},
): ForecastInput {
  return {
    units: 1_000,
    concurrency: 10,
    activities: 10,
    callMs: { mean: 4_000, cv: 0.6 },
    promptTokens: { mean: 500, cv: 0.3 },
    promptTokensMost: 1_500,
    completionTokens: { mean: 180, cv: 0.25 },
    overheadMs: { call: 0, batch: 0, run: 0 },
    capacity: knownCapacity(),
    nowMs: NOON_MS,
    ...changes,
    plan: plan({ batchDelayMs: 0, ...changes.plan }),
  };
}

/** Times of a forecast's calls. */
export function callTimesOf({ units, callMs }: ForecastInput): number[] {
  const timeOf = createLogNormal(callMs);
  return Array.from({ length: units }, (_, n) => timeOf(n));
}

/** What no run can be faster than, for its calls alone. */
export function leastMs(input: ForecastInput): number {
  const times = callTimesOf(input);
  const sum = times.reduce((total, ms) => total + ms, 0);
  return Math.max(sum / input.concurrency, ...times);
}

/** The length of a run that hands each call to whoever is free first, without batches. */
export function listScheduled(input: ForecastInput): number {
  const free = Array.from({ length: input.concurrency }, () => 0);
  for (const ms of callTimesOf(input)) {
    const first = free.indexOf(Math.min(...free));
    free[first] = (free[first] ?? 0) + ms;
  }
  return Math.max(...free);
}
