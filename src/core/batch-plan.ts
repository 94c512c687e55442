import type { RunPlan } from './run-request.ts';

/** How a run's units (distinct issues) lie in batches and streams. */
export interface Layout {
  readonly units: number;
  readonly batchSize: number;
  readonly streams: number;
}

/** Lays units out: no stream without a batch. */
export function layoutOf(units: number, { batchSize, streams }: Pick<RunPlan, 'batchSize' | 'streams'>): Layout {
  return { units, batchSize, streams: Math.min(streams, Math.ceil(units / batchSize)) };
}

/**
 * The units of a stream's n-th batch: of all batches in input order, stream k takes every S-th one, from the k-th on.
 *
 * @returns ascending unit numbers; empty when the stream has no n-th batch
 */
export function unitsOfBatch({ units, batchSize, streams }: Layout, stream: number, n: number): number[] {
  const first = (n * streams + stream) * batchSize;
  return Array.from({ length: Math.max(0, Math.min(batchSize, units - first)) }, (_, i) => first + i);
}

/** The stream that a unit belongs to. */
export function streamOfUnit({ batchSize, streams }: Layout, unit: number): number {
  return Math.floor(unit / batchSize) % streams;
}

const LEAST_DEADLINE_MS = 15 * 60_000;

/**
 * How long a run may take: a quarter of an hour, and what it would take if every call used its whole timeout and no
 * pause between batches were hidden by another stream.
 */
export function deadlineMsFor(units: number, plan: RunPlan): number {
  if (plan.deadlineMs !== null) return plan.deadlineMs;
  const callsMs = Math.ceil(units / plan.concurrency) * plan.requestTimeoutMs;
  const pausesMs = Math.ceil(units / plan.batchSize) * plan.batchDelayMs;
  return LEAST_DEADLINE_MS + callsMs + pausesMs;
}
