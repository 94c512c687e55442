import type { Progress } from './progress.ts';
import type { RunPlan } from './run-request.ts';

/** Streams that a run has: no stream without a batch. */
export function streamsFor(units: number, { batchSize, streams }: Pick<RunPlan, 'batchSize' | 'streams'>): number {
  return Math.min(streams, Math.ceil(units / batchSize));
}

const LEAST_DEADLINE_MS = 15 * 60_000;

/**
 * How long a run may take: a quarter of an hour, and what it would take if every call used its whole timeout and no
 * pause between batches were hidden by another stream. Waits come on top, see {@link extensionMs}.
 */
export function deadlineMsFor(units: number, plan: RunPlan): number {
  if (plan.deadlineMs !== null) return plan.deadlineMs;
  const inFlight = Math.min(plan.concurrency, plan.streams * plan.batchSize);
  const callsMs = Math.ceil(units / inFlight) * plan.requestTimeoutMs;
  const pausesMs = Math.ceil(units / plan.batchSize) * plan.batchDelayMs;
  return LEAST_DEADLINE_MS + callsMs + pausesMs;
}

/**
 * By how much a stream's waits put its deadline off, in milliseconds: what the run was paused, and what the stream waited
 * for the deployment's limits, of which a derived deadline knows nothing. One that was asked for puts up with limits.
 */
export function extensionMs(waitedMs: Progress['waitedMs'], { deadlineMs }: Pick<RunPlan, 'deadlineMs'>): number {
  return waitedMs.paused + (deadlineMs === null ? waitedMs.tokens + waitedMs.requests : 0);
}
