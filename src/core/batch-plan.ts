import type { RunPlan } from './run-request.ts';

/** Streams that a run has: no stream without a batch. */
export function streamsFor(units: number, { batchSize, streams }: Pick<RunPlan, 'batchSize' | 'streams'>): number {
  return Math.min(streams, Math.ceil(units / batchSize));
}

const LEAST_DEADLINE_MS = 15 * 60_000;

/**
 * How long a run may take: a quarter of an hour, and what it would take if every call used its whole timeout and no
 * pause between batches were hidden by another stream.
 */
export function deadlineMsFor(units: number, plan: RunPlan): number {
  if (plan.deadlineMs !== null) return plan.deadlineMs;
  const inFlight = Math.min(plan.concurrency, plan.streams * plan.batchSize);
  const callsMs = Math.ceil(units / inFlight) * plan.requestTimeoutMs;
  const pausesMs = Math.ceil(units / plan.batchSize) * plan.batchDelayMs;
  return LEAST_DEADLINE_MS + callsMs + pausesMs;
}
