import { z } from 'zod';
import { type RunSummary, RunSummarySchema, StreamStateSchema } from './contracts.ts';
import { addProgress, doneIn, NO_PROGRESS, type Progress } from './progress.ts';

/** Custom status of the root orchestration. */
export const RootStatusSchema = z.object({
  phase: z.enum(['loading', 'analyzing', 'reporting']),
  total: z.int(),
  units: z.int(),
  streams: z.int(),
});
export type RootStatus = z.infer<typeof RootStatusSchema>;

/** Custom status of a stream's orchestration. */
export const StreamStatusSchema = StreamStateSchema.pick({ progress: true, resumeAtMs: true, stopped: true });
export type StreamStatus = z.infer<typeof StreamStatusSchema>;

/** An orchestration as the durable client shows it; null where there is no such instance. */
export type InstanceView = {
  /** By the names of the durable management API. */
  readonly runtimeStatus: string;
  readonly customStatus?: unknown;
  readonly output?: unknown;
} | null;

/** Where a run stands. */
export interface RunStatus {
  readonly runId: string;
  /** `completed` means that each issue has an outcome; how many failed is in the summary. */
  readonly status: 'starting' | 'running' | 'suspended' | 'completed' | 'failed' | 'terminated';
  readonly phase: RootStatus['phase'] | null;
  readonly analysis: string;
  readonly deployment: string;
  readonly createdAt: string;
  readonly progress: Progress & { readonly total: number | null; readonly done: number };
  /** Null until the end. */
  readonly summary: RunSummary | null;
  /** Why the run failed; null otherwise. */
  readonly error: string | null;
}

const STATUS_BY_RUNTIME: Readonly<Record<string, RunStatus['status']>> = {
  Pending: 'starting',
  Running: 'running',
  ContinuedAsNew: 'running',
  Suspended: 'suspended',
  Completed: 'completed',
  Failed: 'failed',
  Canceled: 'terminated',
  Terminated: 'terminated',
};

/** Whether a run in that status can still change by itself. */
export function isUnderWay(status: RunStatus['status']): boolean {
  return status === 'starting' || status === 'running' || status === 'suspended';
}

/** From the insertion of a run's row to its orchestration. */
const LONGEST_START_MS = 300_000;
const LOST =
  'There is no orchestration of this run: its start was interrupted, or its history was purged before its end. ' +
  'The same request with the same id or Idempotency-Key starts it again.';

/**
 * Merges what the run row, the root orchestration and the streams know.
 *
 * A run without an orchestration is `starting` for five minutes, then `failed`.
 *
 * @param row - facts of the start, and the summary once the report is written
 */
export function runStatusOf(
  row: { runId: string; analysis: string; deployment: string; createdAtMs: number; summary: RunSummary | null },
  root: InstanceView,
  streams: readonly InstanceView[],
  nowMs: number,
): RunStatus {
  const ended = RunSummarySchema.safeParse(row.summary ?? root?.output).data ?? null;
  const live = RootStatusSchema.safeParse(root?.customStatus).data;
  const isLost = ended === null && root === null && nowMs - row.createdAtMs > LONGEST_START_MS;
  const liveStatus = STATUS_BY_RUNTIME[root?.runtimeStatus ?? 'Pending'] ?? 'running';
  const status = row.summary?.status ?? (isLost ? 'failed' : liveStatus);
  const progress = ended ? progressOf(ended) : streams.map(streamProgress).reduce(addProgress, NO_PROGRESS);
  return {
    runId: row.runId,
    status,
    phase: isUnderWay(status) ? (live?.phase ?? null) : null,
    analysis: row.analysis,
    deployment: row.deployment,
    createdAt: new Date(row.createdAtMs).toISOString(),
    progress: {
      ...progress,
      total: ended?.total ?? live?.total ?? null,
      done: doneIn(progress) + (ended?.notStarted ?? 0),
    },
    summary: ended,
    error: status === 'failed' ? (ended?.error ?? (isLost ? LOST : textOf(root?.output))) : null,
  };
}

function textOf(output: unknown): string | null {
  return typeof output === 'string' ? output : null;
}

function streamProgress(stream: InstanceView): Progress {
  return StreamStatusSchema.safeParse(stream?.customStatus).data?.progress ?? NO_PROGRESS;
}

function progressOf(summary: RunSummary): Progress {
  const { succeeded, failed, skipped, coalesced, cached, batches, deferrals, calls, costUsd } = summary;
  const { promptTokens, completionTokens, cachedTokens } = summary.tokens;
  const usage = { promptTokens, completionTokens, cachedTokens };
  return { succeeded, failed, skipped, coalesced, cached, deferrals, calls, costUsd, usage, batches };
}
