import { z } from 'zod';
import { addCost, addUsage, NO_USAGE, UsageSchema } from './usage.ts';

/** Milliseconds that streams waited: for the deployment's limits, for a service that fails, for more budget, while paused. */
const WaitedSchema = z.object({
  tokens: z.number(),
  requests: z.number(),
  service: z.number(),
  budget: z.number(),
  paused: z.number(),
});

/** How many issues ended in which way, and what that took. Copies of a coalesced issue count like the issue itself. */
export const ProgressSchema = z.object({
  succeeded: z.int(),
  failed: z.int(),
  skipped: z.int(),
  /** Successes of issues equal to another one of the run, whose answer they share. */
  coalesced: z.int(),
  /** Successes answered from the cache; those equal to another issue among them. */
  cached: z.int(),
  /** Successes of either kind, each counted once. */
  withoutCall: z.int().catch(0),
  /** Times that an issue was put back for later: the service, a pause or another worker's claim said "not now". */
  deferrals: z.int(),
  batches: z.int(),
  calls: z.int(),
  /** Tokens that the service counted for admission. */
  admittedTokens: z.int(),
  /** Requests that the service refused for its limits. */
  throttled: z.int(),
  /** The longest wait that the service asked for, in milliseconds. */
  longestRetryAfterMs: z.number(),
  usage: UsageSchema,
  costUsd: z.number().nullable(),
  /** Requests to storage that activities made, and the time they took. */
  storage: z.object({ operations: z.int(), ms: z.number() }),
  /** How long streams waited, in milliseconds, by what held them back; added up over streams. */
  waitedMs: WaitedSchema,
});
export type Progress = z.infer<typeof ProgressSchema>;

/** Nothing done yet. */
export const NO_PROGRESS: Progress = {
  succeeded: 0,
  failed: 0,
  skipped: 0,
  coalesced: 0,
  cached: 0,
  withoutCall: 0,
  deferrals: 0,
  batches: 0,
  calls: 0,
  admittedTokens: 0,
  throttled: 0,
  longestRetryAfterMs: 0,
  usage: NO_USAGE,
  costUsd: 0,
  storage: { operations: 0, ms: 0 },
  waitedMs: { tokens: 0, requests: 0, service: 0, budget: 0, paused: 0 },
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
    withoutCall: a.withoutCall + b.withoutCall,
    deferrals: a.deferrals + b.deferrals,
    batches: a.batches + b.batches,
    calls: a.calls + b.calls,
    admittedTokens: a.admittedTokens + b.admittedTokens,
    throttled: a.throttled + b.throttled,
    longestRetryAfterMs: Math.max(a.longestRetryAfterMs, b.longestRetryAfterMs),
    usage: addUsage(a.usage, b.usage),
    costUsd: addCost(a.costUsd, b.costUsd),
    storage: {
      operations: a.storage.operations + b.storage.operations,
      ms: Math.round(a.storage.ms + b.storage.ms),
    },
    waitedMs: {
      tokens: a.waitedMs.tokens + b.waitedMs.tokens,
      requests: a.waitedMs.requests + b.waitedMs.requests,
      service: a.waitedMs.service + b.waitedMs.service,
      budget: a.waitedMs.budget + b.waitedMs.budget,
      paused: a.waitedMs.paused + b.waitedMs.paused,
    },
  };
}
