import { z } from 'zod';
import { BoundSchema } from '../src/core/capacity/messages.ts';
import { RunSummarySchema } from '../src/core/contracts.ts';
import { ProgressSchema } from '../src/core/progress.ts';
import { WishSchema } from '../src/core/run-control.ts';
import { RunFiguresSchema } from '../src/core/run-figures.ts';

/** Answer of `POST /api/uploads`. */
export const UploadReplySchema = z.object({ uploadId: z.string(), issues: z.int(), distinct: z.int() });

/** Answer of `POST /api/runs`. */
export const StartReplySchema = z.object({ runId: z.string(), replayed: z.boolean() });
export type StartReply = z.infer<typeof StartReplySchema>;

const NO_FIGURES = { hitRate: null, storagePerIssue: 0, tokensPerMinute: null, streams: 0 };

/** Answer of `GET /api/runs/{id}`. */
export const RunStatusSchema = z.object({
  runId: z.string(),
  status: z.enum(['starting', 'running', 'paused', 'cancelling', 'suspended', 'completed', 'failed', 'terminated']),
  phase: z.enum(['loading', 'analyzing', 'reporting']).nullable(),
  analysis: z.string(),
  deployment: z.string(),
  createdAt: z.string(),
  progress: ProgressSchema.extend({ total: z.int().nullable(), done: z.int() }),
  figures: z
    .object({
      hitRate: z.number().nullable(),
      storagePerIssue: z.number(),
      tokensPerMinute: RunFiguresSchema.shape.tokensPerMinute.nullable(),
      streams: z.int(),
    })
    .default(NO_FIGURES),
  waitingFor: BoundSchema.default(null),
  caps: z
    .object({ maxCostUsd: z.number().nullable(), maxTokens: z.int().nullable() })
    .default({ maxCostUsd: null, maxTokens: null }),
  taken: z.object({ tokens: z.number(), usd: z.number().nullable() }).default({ tokens: 0, usd: null }),
  control: WishSchema,
  attempt: z.int(),
  attempts: z
    .array(z.object({ attempt: z.int(), startedAt: z.string(), summary: RunSummarySchema.nullable() }))
    .readonly(),
  summary: RunSummarySchema.nullable(),
  error: z.string().nullable(),
});

/** Answer of `POST /api/runs/{id}/retry`, as far as it is one for a start and for nothing to do. */
export const RetryReplySchema = z.object({ attempt: z.int(), replayed: z.boolean().default(false) });

/** Answer of `GET /api/runs`. */
export const RunListSchema = z.object({ runs: z.array(RunStatusSchema) });

const outcome = z.enum(['succeeded', 'failed', 'skipped', 'not_started']);

/** Answer of `GET /api/runs/{id}/report`. */
export const ReportSchema = RunSummarySchema.extend({
  deployment: z.string(),
  concurrency: z.int(),
  table: z.object({
    rows: z.string(),
    columns: z.string(),
    counts: z.record(z.string(), z.record(z.string(), z.int())),
  }),
  errors: z.array(
    z.object({ code: z.string(), outcome, count: z.int(), exampleIds: z.array(z.string()), advice: z.string() }),
  ),
});

const amount = { entries: z.int(), bytes: z.number(), oldestAt: z.string().nullable() };

/** Answer of `GET /api/cache`. */
export const CacheStatsSchema = z.object({
  ...amount,
  families: z.array(z.object({ ...amount, analysis: z.string(), version: z.int(), deployment: z.string() })),
});
export type CacheStats = z.infer<typeof CacheStatsSchema>;

/** Answer of `DELETE /api/cache`. */
export const CacheClearedSchema = z.object({ removed: z.int() });

/** What the CLI reads of `GET /api/health`. */
export const HealthSchema = z.object({ service: z.object({ simulator: z.boolean() }) });

/** An error document (RFC 9457), as far as it is one. */
export const ProblemSchema = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  violations: z.array(z.object({ field: z.string(), value: z.string(), allowed: z.string() })).optional(),
});
