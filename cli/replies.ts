import { z } from 'zod';
import { RunSummarySchema } from '../src/core/contracts.ts';
import { ProgressSchema } from '../src/core/progress.ts';

/** Answer of `POST /api/uploads`. */
export const UploadReplySchema = z.object({ uploadId: z.string(), issues: z.int(), distinct: z.int() });

/** Answer of `POST /api/runs?plan=true`. */
export const PlanReplySchema = z.object({
  analysis: z.string(),
  deployment: z.string(),
  issues: z.int(),
  distinct: z.int(),
  calls: z.int(),
  estimatedPromptTokens: z.int(),
  estimatedCompletionTokens: z.int(),
  estimatedCostUsd: z.number().nullable(),
  concurrency: z.int(),
  batchSize: z.int(),
  streams: z.int(),
  service: z.object({ endpoint: z.string().nullable(), deployment: z.string().nullable(), simulator: z.boolean() }),
});
export type PlanReply = z.infer<typeof PlanReplySchema>;

/** Answer of `POST /api/runs`. */
export const StartReplySchema = z.object({ runId: z.string(), replayed: z.boolean() });
export type StartReply = z.infer<typeof StartReplySchema>;

/** Answer of `GET /api/runs/{id}`. */
export const RunStatusSchema = z.object({
  runId: z.string(),
  status: z.enum(['starting', 'running', 'suspended', 'completed', 'failed', 'terminated']),
  phase: z.enum(['loading', 'analyzing', 'reporting']).nullable(),
  analysis: z.string(),
  deployment: z.string(),
  createdAt: z.string(),
  progress: ProgressSchema.extend({ total: z.int().nullable(), done: z.int() }),
  summary: RunSummarySchema.nullable(),
  error: z.string().nullable(),
});

/** Answer of `GET /api/runs`. */
export const RunListSchema = z.object({ runs: z.array(RunStatusSchema) });

const outcome = z.enum(['succeeded', 'failed', 'skipped', 'not_started']);

/** Answer of `GET /api/runs/{id}/report`. */
export const ReportSchema = RunSummarySchema.extend({
  deployment: z.string(),
  concurrency: z.int(),
  latencyMs: z
    .object({ mean: z.number(), p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() })
    .nullable(),
  table: z.object({
    rows: z.string(),
    columns: z.string(),
    counts: z.record(z.string(), z.record(z.string(), z.int())),
  }),
  errors: z.array(
    z.object({ code: z.string(), outcome, count: z.int(), exampleIds: z.array(z.string()), advice: z.string() }),
  ),
});

/** What the CLI reads of `GET /api/health`. */
export const HealthSchema = z.object({ service: z.object({ simulator: z.boolean() }) });

/** An error document (RFC 9457), as far as it is one. */
export const ProblemSchema = z.object({
  title: z.string().optional(),
  detail: z.string().optional(),
  violations: z.array(z.object({ field: z.string(), value: z.string(), allowed: z.string() })).optional(),
});
