import { z } from 'zod';
import { addCost, addUsage, NO_USAGE, UsageSchema } from './usage.ts';

/** How many issues ended in which way, and what that took. Copies of a coalesced issue count like the issue itself. */
export const ProgressSchema = z.object({
  succeeded: z.int(),
  failed: z.int(),
  skipped: z.int(),
  /** Successes that were answered with another issue's call. */
  coalesced: z.int(),
  /** Successes answered from the cache. */
  cached: z.int(),
  /** Times that an issue was put back because the service said "not now". */
  deferrals: z.int(),
  batches: z.int(),
  calls: z.int(),
  usage: UsageSchema,
  costUsd: z.number().nullable(),
});
export type Progress = z.infer<typeof ProgressSchema>;

/** Nothing done yet. */
export const NO_PROGRESS: Progress = {
  succeeded: 0,
  failed: 0,
  skipped: 0,
  coalesced: 0,
  cached: 0,
  deferrals: 0,
  batches: 0,
  calls: 0,
  usage: NO_USAGE,
  costUsd: 0,
};

/** Issues that have an outcome. */
export function doneIn(progress: Progress): number {
  return progress.succeeded + progress.failed + progress.skipped;
}

/** The sum over parts, for example over a run's streams. */
export function addProgress(a: Progress, b: Progress): Progress {
  return {
    succeeded: a.succeeded + b.succeeded,
    failed: a.failed + b.failed,
    skipped: a.skipped + b.skipped,
    coalesced: a.coalesced + b.coalesced,
    cached: a.cached + b.cached,
    deferrals: a.deferrals + b.deferrals,
    batches: a.batches + b.batches,
    calls: a.calls + b.calls,
    usage: addUsage(a.usage, b.usage),
    costUsd: addCost(a.costUsd, b.costUsd),
  };
}
