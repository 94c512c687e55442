import { z } from 'zod';
import type { SpentMs } from './ledger.ts';
import { NO_PROGRESS, ProgressSchema } from './progress.ts';

const SpreadSchema = z.object({
  mean: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
});
/** How values are spread, by nearest rank. */
export type Spread = z.infer<typeof SpreadSchema>;

const SpentSchema = z.object({
  queue: z.number(),
  model: z.number(),
  throttle: z.number(),
  retry: z.number(),
}) satisfies z.ZodType<SpentMs>;

const RateSchema = z.object({
  /** From the first call of the attempt to its last answer, of which less than a minute counts as one. */
  achieved: z.number(),
  /** What the deployment admits, with the share that is kept free; null = not known. */
  allowed: z.number().nullable(),
});
/** A rate per minute against its limit. */
export type Rate = z.infer<typeof RateSchema>;

const StopReasonSchema = z.enum(['cancelled', 'budget', 'fatal', 'deadline', 'died']);

const VerdictSchema = z.object({
  /** What held the run back most. */
  bound: z.enum([
    'cancelled',
    'budget',
    'fatal',
    'died',
    'cached',
    'nothing',
    'paused',
    'service',
    'tokens',
    'requests',
    'latency',
    'concurrency',
    'host',
    'storage',
    'batches',
  ]),
  /** The same in words and numbers, and what to change. */
  sentence: z.string(),
});
/** What bounded a run, and what to change. */
export type Verdict = z.infer<typeof VerdictSchema>;

const NO_TIME = { queue: 0, model: 0, throttle: 0, retry: 0 };
const NO_RATE: Rate = { achieved: 0, allowed: null };

/**
 * What a run took, and what it could have had.
 *
 * "Of this attempt" are those figures that only its streams know; all others add up over the attempts of the run. What a
 * summary of version 0.1.0 does not have reads as nothing.
 */
export const RunFiguresSchema = z.object({
  /** What ended the streams before their work was done; null = nothing. `code` is the failure of a fatal end. */
  stopped: z.object({ reason: StopReasonSchema, code: z.string().nullable() }).nullable().default(null),
  /** The reason of `stopped`, if it left issues without an outcome of their own. */
  incomplete: StopReasonSchema.nullable().default(null),
  /** Share of the successes that came without a call of their own, 0 to 1; null without a success. */
  hitRate: z.number().nullable().default(null),
  /** US dollars for each success; null where the cost is not known, or there is none. */
  costPerIssueUsd: z.number().nullable().default(null),
  /** Requests of this attempt. */
  newCalls: z.int().default(0),
  /** Tokens that the service counted for admission. */
  admittedTokens: z.int().default(0),
  /** Completion tokens of issues that one call answered, and what was reserved for a call at the end. */
  completionTokens: z
    .object({ mean: z.number(), p995: z.number(), max: z.number(), reserved: z.int() })
    .nullable()
    .default(null),
  /** What caps hold for a call of this attempt's largest issue; 0 US dollars without a price, null = not known. */
  callHold: z.object({ tokens: z.number(), usd: z.number() }).nullable().default(null),
  /** Requests that the service refused for its limits; of this attempt. */
  throttled: ProgressSchema.shape.throttled.default(0),
  /** The longest wait that the service asked for; of this attempt. */
  longestRetryAfterMs: ProgressSchema.shape.longestRetryAfterMs.default(0),
  /** Streams of this attempt. */
  streams: z.int().default(0),
  /** How long they waited, by what held them back; added up over streams. */
  waitedMs: ProgressSchema.shape.waitedMs.default(NO_PROGRESS.waitedMs),
  /** Times of the calls that were answered; null without one. */
  callMs: SpreadSchema.nullable().default(null),
  /** Where the time of the issues went, and of each that was called for in the mean. */
  spentMs: z.object({ total: SpentSchema, mean: SpentSchema }).default({ total: NO_TIME, mean: NO_TIME }),
  /** Answered calls in flight at one time, from the first one's start to the last one's end; of this attempt. */
  inFlight: z.object({ most: z.int(), mean: z.number(), overMs: z.number() }).default({ most: 0, mean: 0, overMs: 0 }),
  /** In tokens as the service counts them for admission; of this attempt. */
  tokensPerMinute: RateSchema.default(NO_RATE),
  /** Of this attempt. */
  requestsPerMinute: RateSchema.default(NO_RATE),
  /** Share of the limits that was kept free at the end, in percent; null = no limit was known. */
  bufferPercent: z.number().nullable().default(null),
  /** Requests to storage for analysing, in all and for each issue that got its outcome, and their time; of this attempt. */
  storage: z
    .object({ operations: z.int(), perIssue: z.number(), ms: z.number() })
    .default({ operations: 0, perIssue: 0, ms: 0 }),
  /** Null where the issues could not be read. */
  verdict: VerdictSchema.nullable().default(null),
});
export type RunFigures = z.infer<typeof RunFiguresSchema>;
