import { z } from 'zod';

/** Figures of the service's own rate-limit headers, as one answer brought them; null = missing or -1, so unknown. */
export const ServiceLimitsSchema = z.object({
  /** When the answer came, in milliseconds since 1970. */
  atMs: z.number(),
  tokensPerMinute: z.number().nullable(),
  remainingTokens: z.number().nullable(),
  /** Until the service's window of tokens begins again. */
  tokensResetMs: z.number().nullable(),
  requestsPerMinute: z.number().nullable(),
  remainingRequests: z.number().nullable(),
  requestsResetMs: z.number().nullable(),
});
export type ServiceLimits = z.infer<typeof ServiceLimitsSchema>;

/** What a run tells the capacity entity of itself with each reservation, so that a lost state loses no run. */
export const RunTermsSchema = z.object({
  /** Units that the run's streams draw from. */
  units: z.int(),
  analysis: z.string(),
  /** Mean prompt of a unit by the service's rule of admission: four characters a token. */
  promptTokensEach: z.number(),
  /** The largest of them. */
  promptTokensMost: z.number(),
  /** `max_completion_tokens` while nothing is known of real answers. */
  maxCompletionTokens: z.int(),
  /** US dollars for a million tokens; null where the price is not known. */
  price: z.object({ inputUsd: z.number(), outputUsd: z.number() }).nullable(),
  /** The most that the run may take in all its attempts; null = no cap. */
  maxTokens: z.int().nullable(),
  maxCostUsd: z.number().nullable(),
  /** Taken before this attempt. */
  spentTokens: z.int(),
  spentUsd: z.number(),
  /** Limits that were set; null = learned. */
  tokensPerMinute: z.int().nullable(),
  requestsPerMinute: z.int().nullable(),
  /** Share of the limits that stays unused, in percent; null = 20, shrinking. */
  bufferPercent: z.int().nullable(),
  /** Window in which the service admits its share of the tokens. */
  tokenSliceMs: z.int(),
  requestTimeoutMs: z.int(),
  /** Units of a stream's first batch, while nothing is known of the deployment. */
  probe: z.int(),
});
export type RunTerms = z.infer<typeof RunTermsSchema>;

/** What a batch came to, as the capacity entity needs it. */
export const BatchUseSchema = z.object({
  /** Requests sent. */
  calls: z.int(),
  /** What the service counted for admission: prompt by its rule + `max_completion_tokens`, over all requests admitted. */
  admittedTokens: z.int(),
  /** Units that were answered by the service in any way that shows it alive. */
  answered: z.int(),
  /** Units that met a failing service, and beside them those that an open breaker turned away. */
  failed: z.int(),
  /** Requests that the service refused for its limits. */
  throttled: z.int(),
  /**
   * Until when the service asked to wait, in milliseconds since 1970; null if it did not. One that refused a whole batch
   * without asking for a wait is left alone for some seconds all the same.
   */
  retryAtMs: z.number().nullable(),
  /** Billed tokens and their price. */
  billedTokens: z.int(),
  costUsd: z.number(),
  /** Of the answered calls, for plans: number, sum and sum of squares of their times in seconds. */
  callCount: z.int(),
  callSeconds: z.number(),
  callSecondsSquared: z.number(),
  /** Completion tokens of each complete answer, also of one that came after a cut one: the cut one's are not in it. */
  completions: z.array(z.int()),
  /** Prompt tokens billed for these. */
  promptTokens: z.number(),
  /** The newest figures of the service. */
  limits: ServiceLimitsSchema.nullable(),
  /** A failure that is the same for every issue, three times in a row. */
  fatal: z.string().nullable(),
});
export type BatchUse = z.infer<typeof BatchUseSchema>;

/** A batch in which nothing happened. */
export const NO_USE: BatchUse = {
  calls: 0,
  admittedTokens: 0,
  answered: 0,
  failed: 0,
  throttled: 0,
  retryAtMs: null,
  billedTokens: 0,
  costUsd: 0,
  callCount: 0,
  callSeconds: 0,
  callSecondsSquared: 0,
  completions: [],
  promptTokens: 0,
  limits: null,
  fatal: null,
};

/** Asks for the right to start calls. */
export const ReserveSchema = z.object({
  runId: z.string(),
  stream: z.int(),
  nowMs: z.number(),
  /** 0 = only to tell and to hear. */
  want: z.int().min(0),
  /** Whether new units are wanted, or room for units that were put back. */
  fresh: z.boolean(),
  terms: RunTermsSchema,
  /** What became of the stream's last grant. */
  used: BatchUseSchema.nullable(),
});
export type Reserve = z.infer<typeof ReserveSchema>;

/** Why a run stops, or waits although there are units left. */
export const ControlSchema = z.enum(['go', 'paused', 'cancelled', 'budget', 'fatal']);
export type Control = z.infer<typeof ControlSchema>;

/** What holds a reservation back; null = nothing. */
export const BoundSchema = z.enum(['tokens', 'requests', 'service', 'budget', 'paused']).nullable();
export type Bound = z.infer<typeof BoundSchema>;

/** The right to start calls, at instants that are the run's own. */
export const GrantSchema = z.object({
  /** Units that may start; 0 = ask again at `startAtMs`. */
  granted: z.int(),
  /** First of the units drawn, where new ones were wanted. */
  from: z.int(),
  /** Units of the run that no stream has drawn yet. */
  left: z.int(),
  /** Instant of the first call, in milliseconds since 1970; it may lie a little in the past. */
  startAtMs: z.number(),
  /** From one call's instant to the next one's. */
  spacingMs: z.number(),
  maxCompletionTokens: z.int(),
  control: ControlSchema,
  bound: BoundSchema,
});
export type Grant = z.infer<typeof GrantSchema>;

/** A run has ended. */
export const LeaveSchema = z.object({
  runId: z.string(),
  nowMs: z.number(),
  terms: RunTermsSchema,
  /** What became of the last grants of its streams. */
  uses: z.array(z.object({ stream: z.int(), used: BatchUseSchema })),
});
export type Leave = z.infer<typeof LeaveSchema>;

/** A run is told to pause, go on or stop. */
export const RunControlSchema = z.object({ runId: z.string(), control: ControlSchema, nowMs: z.number() });
export type RunControlMessage = z.infer<typeof RunControlSchema>;

/** What is known of a deployment, for plans and reports. */
export const CapacityViewSchema = z.object({
  tokensPerMinute: z.number().nullable(),
  requestsPerMinute: z.number().nullable(),
  /** Share of the limits that stays unused now, in percent. */
  bufferPercent: z.number(),
  /** `max_completion_tokens` now, by analysis, if it is less than the analysis' own; without those of which too little is known. */
  maxCompletionTokens: z.record(z.string(), z.int()),
  /** Completion tokens in the mean, by analysis. */
  meanCompletionTokens: z.record(z.string(), z.number()),
  /** Times of answered calls; null before the first. */
  callMs: z.object({ count: z.int(), mean: z.number(), cv: z.number() }).nullable(),
  /** Until when the service is left alone; null = it is not. */
  closedUntilMs: z.number().nullable(),
});
export type CapacityView = z.infer<typeof CapacityViewSchema>;
