import { z } from 'zod';
import { BatchUseSchema, CapacityViewSchema, RunTermsSchema, ServiceLimitsSchema } from './capacity/messages.ts';
import { ProgressSchema } from './progress.ts';
import { RunFiguresSchema } from './run-figures.ts';
import { RunPlanSchema } from './run-request.ts';
import { UsageSchema } from './usage.ts';

/** Where a run's issues are read from. */
export const SourceSchema = z.object({
  blob: z.string(),
  format: z.enum(['csv', 'ndjson', 'json']),
  /** Only the first so many issues; null for all. */
  limit: z.int().nullable(),
});
export type Source = z.infer<typeof SourceSchema>;

/** Input of the root orchestration: names and settings, never issue text. */
export const RunInputSchema = z.object({
  runId: z.string(),
  /** 1 for the first start of a run id. */
  attempt: z.int(),
  source: SourceSchema,
  plan: RunPlanSchema,
});
export type RunInput = z.infer<typeof RunInputSchema>;

/** What `loadIssues` found. */
export const LoadedSchema = z.object({
  /** Rows of the source. */
  total: z.int(),
  /** Distinct issues that are still to be analysed: one call each at most. */
  units: z.int(),
  /** The list of them, by name; null = all distinct issues. */
  openList: z.string().nullable(),
  /**
   * What has its outcome already: from the cache, or from an earlier attempt of the run. Calls, tokens and cost are
   * those of all earlier attempts, also for what is to be done again.
   */
  kept: ProgressSchema,
  /** Mean prompt of a unit by the service's rule of admission: four characters a token; 0 without units. */
  promptTokensEach: z.number(),
  /** The largest of them. */
  promptTokensMost: z.number(),
});
export type Loaded = z.infer<typeof LoadedSchema>;

/** What a stream carries from one generation to the next. */
export const StreamStateSchema = z.object({
  /** Units that were put back, and when each may be tried again, in milliseconds since 1970. */
  deferred: z.array(z.object({ unit: z.int(), notBeforeMs: z.number() })),
  /** Earliest instant of the next batch, in milliseconds since 1970; 0 = at once. */
  resumeAtMs: z.number(),
  /** Whether units may be left that no stream has drawn. */
  hasMore: z.boolean(),
  /** What the last batch came to, until the capacity entity has been told. */
  used: BatchUseSchema.nullable(),
  /** Consecutive failures that would be the same for every issue. */
  stopsInRow: z.int(),
  /** Why the stream draws no more, before its units are used up. */
  stopped: z
    .object({ reason: z.enum(['deadline', 'fatal', 'budget', 'cancelled']), code: z.string().nullable() })
    .nullable(),
  progress: ProgressSchema,
});
export type StreamState = z.infer<typeof StreamStateSchema>;

/** Input of a stream's orchestration. */
export const StreamInputSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  stream: z.int(),
  plan: RunPlanSchema,
  openList: LoadedSchema.shape.openList,
  terms: RunTermsSchema,
  /** No new batch from this instant on, in milliseconds since 1970. */
  deadlineAtMs: z.number(),
  state: StreamStateSchema,
});
export type StreamInput = z.infer<typeof StreamInputSchema>;

/** Result of a stream's orchestration. */
export const StreamOutputSchema = StreamStateSchema.pick({ stopped: true, progress: true, used: true });
export type StreamOutput = z.infer<typeof StreamOutputSchema>;

/** Input of `analyzeIssue`. */
export const AnalyzeInputSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  openList: LoadedSchema.shape.openList,
  /** Its number in that list. */
  unit: z.int(),
  /** When the stream handed it out, or its own instant by the grant if that is later; in milliseconds since 1970. */
  startAtMs: z.number(),
  /** Room for the answer. */
  maxCompletionTokens: z.int(),
  plan: RunPlanSchema.pick({
    analysis: true,
    deployment: true,
    concurrency: true,
    requestTimeoutMs: true,
    ledgerShards: true,
    useCache: true,
  }),
});
export type AnalyzeInput = z.infer<typeof AnalyzeInputSchema>;

/** What every answer of `analyzeIssue` tells of the service and of storage. */
const SeenSchema = z.object({
  /**
   * Requests sent that no output of this attempt of the run has told of: by this delivery, and by those before it that
   * threw. So with what follows, up to `lastUsage`.
   */
  calls: z.int(),
  /** Tokens that the service counted for admission, over the requests that it admitted. */
  admittedTokens: z.int(),
  /** Requests that the service refused for its limits. */
  throttled: z.int(),
  usage: UsageSchema,
  costUsd: z.number().nullable(),
  /** What the last answered one alone was billed; null without one. */
  lastUsage: UsageSchema.nullable(),
  /** The longest wait that the service asked this delivery for; null if it asked for none. */
  retryAfterMs: z.number().nullable(),
  /** The newest figures that this delivery was given. */
  limits: ServiceLimitsSchema.nullable(),
  storage: z.object({ operations: z.int(), ms: z.number() }),
});

/** What `analyzeIssue` answers: codes and counts, never text. */
export const AnalyzeOutputSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('settled'),
    outcome: z.enum(['succeeded', 'failed', 'skipped']),
    code: z.string().nullable(),
    /** Whether the answer came without a call of this issue's own: from memory, or from an equal call in flight. */
    cached: z.boolean(),
    /** Further issues that this outcome stands for. */
    copies: z.int(),
    failedAttempts: z.int(),
    /** Time of the call that was answered; null without one. */
    callMs: z.number().nullable(),
    seen: SeenSchema,
  }),
  z.object({
    kind: z.literal('deferred'),
    code: z.string(),
    notBeforeMs: z.number(),
    seen: SeenSchema,
  }),
  /** The run was told to stop before the issue had its turn. */
  z.object({ kind: z.literal('not_started'), reason: z.enum(['cancelled']), seen: SeenSchema }),
]);
export type AnalyzeOutput = z.infer<typeof AnalyzeOutputSchema>;
export type Seen = z.infer<typeof SeenSchema>;

/** How a stream came to its end, as the report needs it. */
export const StreamEndSchema = z.object({
  kind: z.enum(['drained', 'deadline', 'fatal', 'budget', 'cancelled', 'died']),
  code: z.string().nullable(),
});
export type StreamEnd = z.infer<typeof StreamEndSchema>;

/** Input of `buildReport`. */
export const ReportInputSchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  plan: RunPlanSchema,
  startedAtMs: z.number(),
  endedAtMs: z.number(),
  /** Why the issues could not be loaded; null if they were. */
  failure: z.string().nullable(),
  /** Null when the issues could not be loaded: then there is nothing to fold. */
  loaded: z
    .object({
      loaded: LoadedSchema,
      ends: z.array(StreamEndSchema),
      /** Sums over the streams of this attempt, without what was kept. */
      progress: ProgressSchema,
      /** What is known of the deployment at the end; null where nothing was called. */
      capacity: CapacityViewSchema.nullable(),
    })
    .nullable(),
});
export type ReportInput = z.infer<typeof ReportInputSchema>;

/** The figures of a run, small enough for its orchestration's output. */
export const RunSummarySchema = z.object({
  runId: z.string(),
  attempt: z.int(),
  analysis: z.string(),
  /** `completed`: every issue has an outcome, good or bad. `failed`: the issues could not be read. */
  status: z.enum(['completed', 'failed']),
  /** Why the run failed; null otherwise. */
  error: z.string().nullable(),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  durationMs: z.number(),
  total: z.int(),
  succeeded: z.int(),
  failed: z.int(),
  skipped: z.int(),
  notStarted: z.int(),
  /** Successes answered from the cache, or by an equal call of another run in flight; copies counted. */
  cached: z.int(),
  /** Successes of issues equal to another one of the run, whose answer they share; cached ones among them. */
  coalesced: z.int(),
  /** Of this attempt. */
  batches: z.int(),
  /** Of this attempt. */
  deferrals: z.int(),
  /** Requests of all attempts. */
  calls: z.int(),
  possiblyPaidTwice: z.int(),
  /** Issues of which the model saw only the beginning and the end. */
  shortened: z.int(),
  tokens: UsageSchema.extend({ totalTokens: z.int() }),
  costUsd: z.number().nullable(),
  ...RunFiguresSchema.shape,
});
export type RunSummary = z.infer<typeof RunSummarySchema>;

interface Contract<I, O> {
  /** The name under which the function is registered with the host. */
  readonly name: string;
  readonly input: z.ZodType<I>;
  readonly output: z.ZodType<O>;
}

/** Every durable function of the app: registered name, input, output. */
export const CONTRACTS = {
  processIssues: { name: 'processIssues', input: RunInputSchema, output: RunSummarySchema } satisfies Contract<
    RunInput,
    RunSummary
  >,
  processStream: { name: 'processStream', input: StreamInputSchema, output: StreamOutputSchema } satisfies Contract<
    StreamInput,
    StreamOutput
  >,
  loadIssues: { name: 'loadIssues', input: RunInputSchema, output: LoadedSchema } satisfies Contract<RunInput, Loaded>,
  analyzeIssue: { name: 'analyzeIssue', input: AnalyzeInputSchema, output: AnalyzeOutputSchema } satisfies Contract<
    AnalyzeInput,
    AnalyzeOutput
  >,
  buildReport: { name: 'buildReport', input: ReportInputSchema, output: RunSummarySchema } satisfies Contract<
    ReportInput,
    RunSummary
  >,
} as const;

/** Attempts that the durable retry policy makes of an activity: with delays of 2, 4, 8 and 16 s between. */
export const RETRY = { maxAttempts: 5, firstDelayMs: 2_000, backoff: 2 } as const;
