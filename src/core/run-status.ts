import { z } from 'zod';
import { type Bound, BoundSchema } from './capacity/messages.ts';
import { type RunSummary, RunSummarySchema, StreamStateSchema } from './contracts.ts';
import { type FiguresSoFar, figuresOfSummary, figuresSoFar } from './figures-so-far.ts';
import { addProgress, doneIn, NO_PROGRESS, type Progress, ProgressSchema } from './progress.ts';
import type { Wish } from './run-control.ts';
import type { RunPlan } from './run-request.ts';
import { addCost, costForCaps, priceOf } from './usage.ts';

/** Custom status of the root orchestration. */
export const RootStatusSchema = z.object({
  phase: z.enum(['loading', 'analyzing', 'reporting']),
  total: z.int(),
  units: z.int(),
  streams: z.int(),
  /** What had its outcome before the streams began. */
  kept: ProgressSchema,
});
export type RootStatus = z.infer<typeof RootStatusSchema>;

/** Custom status of a stream's orchestration. */
export const StreamStatusSchema = StreamStateSchema.pick({ progress: true, resumeAtMs: true, stopped: true }).extend({
  /** What holds the stream back now; null = nothing. */
  waitingFor: BoundSchema.default(null),
});
export type StreamStatus = z.infer<typeof StreamStatusSchema>;

/** An orchestration as the durable client shows it; null where there is no such instance. */
export type InstanceView = {
  /** By the names of the durable management API. */
  readonly runtimeStatus: string;
  readonly customStatus?: unknown;
  readonly input?: unknown;
  readonly output?: unknown;
} | null;

type Caps = Pick<RunPlan, 'maxCostUsd' | 'maxTokens'>;

/** One start of a run: the first, or a retry. */
export const RunAttemptSchema = z.object({
  /** 1 for the first. */
  attempt: z.int(),
  startedAtMs: z.number(),
  /** Null until its end, and for one that ended without a report. */
  summary: RunSummarySchema.nullable(),
});
export type RunAttempt = z.infer<typeof RunAttemptSchema>;

/** What a run's row knows of it, as far as its status tells. */
export interface RunFacts {
  readonly runId: string;
  readonly analysis: string;
  readonly deployment: string;
  readonly createdAtMs: number;
  readonly control: Wish;
  readonly attempt: number;
  /** The current one last. */
  readonly attempts: readonly RunAttempt[];
  /** Of the current attempt, once its report is written. */
  readonly summary: RunSummary | null;
  readonly caps?: Caps;
  /** What earlier attempts took; nothing unless given. */
  readonly spent?: RunPlan['spent'];
  /** What was set; null = learned. */
  readonly limits?: Pick<RunPlan, 'tokensPerMinute'>;
}

/** Where a run stands. */
export interface RunStatus {
  readonly runId: string;
  /**
   * `completed` means that each issue has an outcome; how many failed is in the summary. A run that is `cancelling` does
   * what is in flight, then its report.
   */
  readonly status:
    | 'starting'
    | 'running'
    | 'paused'
    | 'cancelling'
    | 'suspended'
    | 'completed'
    | 'failed'
    | 'terminated';
  readonly phase: RootStatus['phase'] | null;
  readonly analysis: string;
  readonly deployment: string;
  readonly createdAt: string;
  /** `done` are those that succeeded, failed or were skipped; what was not started is not among them. */
  readonly progress: Progress & { readonly total: number | null; readonly done: number };
  readonly figures: FiguresSoFar;
  /** What more than half of the streams wait for; null if there is no such thing. */
  readonly waitingFor: Bound;
  /** What the run was told; null also once it has ended. */
  readonly control: Wish;
  /** 1 for the first start of the run, 2 for its first retry. */
  readonly attempt: number;
  /** All of them, the current one last. */
  readonly attempts: readonly {
    readonly attempt: number;
    readonly startedAt: string;
    readonly summary: RunSummary | null;
  }[];
  /** What the run may take at most in all its attempts; null = no cap. */
  readonly caps: Caps;
  /**
   * What counts for the caps: of all attempts that have ended by themselves, also while issues are loaded again. No cost
   * where neither the model nor the deployment has a known price.
   */
  readonly taken: { readonly tokens: number; readonly usd: number | null };
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
  return !HAS_ENDED.has(status);
}

const HAS_ENDED: ReadonlySet<RunStatus['status']> = new Set(['completed', 'failed', 'terminated']);

/** Whether an orchestration is there and has not ended. */
export function isLive(instance: InstanceView): boolean {
  return instance !== null && isUnderWay(STATUS_BY_RUNTIME[instance.runtimeStatus] ?? 'running');
}

const AttemptSchema = z.object({ attempt: z.int() });

/** A run's root orchestration if it is that of an attempt; that of another attempt counts as none. */
export function rootOfAttempt(root: InstanceView, attempt: number): InstanceView {
  const given = AttemptSchema.safeParse(root?.input).data?.attempt ?? attempt;
  return given === attempt ? root : null;
}

/** From the insertion of a run's row, or from its retry, to its orchestration. */
const LONGEST_START_MS = 300_000;
const LOST =
  'There is no orchestration of this run: its start was interrupted, or its history was purged before its end.';
const HOW_TO_START = 'The same request with the same id or Idempotency-Key starts it again.';
const HOW_TO_RETRY = 'A retry starts it again.';

/**
 * Merges what the run row, the root orchestration and the streams know.
 *
 * A run without an orchestration is `starting` for five minutes, then `failed`.
 *
 * @param root - of the current attempt, and so the streams
 */
export function runStatusOf(
  row: RunFacts,
  root: InstanceView,
  streams: readonly InstanceView[],
  nowMs: number,
): RunStatus {
  const ended = RunSummarySchema.safeParse(row.summary ?? root?.output).data ?? null;
  const live = RootStatusSchema.safeParse(root?.customStatus).data ?? null;
  const startedAtMs = row.attempts.at(-1)?.startedAtMs ?? row.createdAtMs;
  const isLost = ended === null && root === null && nowMs - startedAtMs > LONGEST_START_MS;
  const status = row.summary?.status ?? (isLost ? 'failed' : liveStatusOf(row, root, live));
  const known = streams.flatMap(stream => StreamStatusSchema.safeParse(stream?.customStatus).data ?? []);
  const own = known.map(stream => stream.progress);
  const kept = ended ? progressOf(ended) : (live?.kept ?? NO_PROGRESS);
  const progress = ended ? kept : own.reduce(addProgress, kept);
  const elapsedMs = isUnderWay(status) ? nowMs - startedAtMs : null;
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
      done: doneIn(progress),
    },
    figures: ended
      ? figuresOfSummary(ended)
      : figuresSoFar(progress, own, elapsedMs, row.limits?.tokensPerMinute ?? null),
    waitingFor: ended || !isUnderWay(status) ? null : commonBound(known.map(stream => stream.waitingFor)),
    control: isUnderWay(status) ? row.control : null,
    attempt: row.attempt,
    attempts: row.attempts.map(({ attempt, startedAtMs, summary }) => ({
      attempt,
      startedAt: new Date(startedAtMs).toISOString(),
      summary: attempt === row.attempt ? ended : summary,
    })),
    caps: { maxCostUsd: row.caps?.maxCostUsd ?? null, maxTokens: row.caps?.maxTokens ?? null },
    taken: takenBy(progress, kept, row),
    summary: ended,
    error: status === 'failed' ? (ended?.error ?? (isLost ? lossOf(row) : textOf(root?.output))) : null,
  };
}

const NOTHING_SPENT: RunPlan['spent'] = { tokens: 0, usd: 0 };

/** What earlier attempts took and is not, or not yet, in what was kept, comes on top of the progress. */
function takenBy(progress: Progress, kept: Progress, { deployment, spent = NOTHING_SPENT }: RunFacts) {
  const usdOf = ({ costUsd, usage }: Progress) => costForCaps(costUsd, usage, deployment);
  const isKnown = progress.costUsd !== null || priceOf(deployment) !== null;
  return {
    tokens: tokensIn(progress) + Math.max(0, spent.tokens - tokensIn(kept)),
    usd: isKnown ? addCost(usdOf(progress), Math.max(0, spent.usd - usdOf(kept))) : null,
  };
}

function tokensIn({ usage }: Progress): number {
  return usage.promptTokens + usage.completionTokens;
}

/** By the root, and by what the run was told where that makes a difference: a report is written also while paused. */
function liveStatusOf({ control }: RunFacts, root: InstanceView, live: RootStatus | null): RunStatus['status'] {
  const status = STATUS_BY_RUNTIME[root?.runtimeStatus ?? 'Pending'] ?? 'running';
  if (status !== 'starting' && status !== 'running') return status;
  if (control === 'cancelled') return 'cancelling';
  return control === 'paused' && live?.phase !== 'reporting' ? 'paused' : status;
}

function lossOf({ attempt }: RunFacts): string {
  return `${LOST} ${attempt === 1 ? HOW_TO_START : HOW_TO_RETRY}`;
}

function textOf(output: unknown): string | null {
  return typeof output === 'string' ? output : null;
}

/** What more than half of the streams wait for; null if there is no such thing. */
function commonBound(bounds: readonly Bound[]): Bound {
  return bounds.find(bound => bounds.filter(other => other === bound).length * 2 > bounds.length) ?? null;
}

function progressOf(summary: RunSummary): Progress {
  const { totalTokens: _, ...usage } = summary.tokens;
  const withoutCall = Math.round((summary.hitRate ?? 0) * summary.succeeded);
  return ProgressSchema.parse({ ...summary, usage, withoutCall });
}
