import { z } from 'zod';
import { FORECAST_BOUNDS } from './forecast/forecast.ts';

/** Of a plan's values, those that are limits of the deployment. */
export const LIMITS = ['tokensPerMinute', 'requestsPerMinute', 'bufferPercent'] as const;

/** All others. */
export const PLANNED = [
  'concurrency',
  'batchSize',
  'streams',
  'batchDelayMs',
  'requestTimeoutSeconds',
  'deadlineSeconds',
  'maxCostUsd',
  'maxTokens',
  'useCache',
] as const;

const FromSchema = z.object({ value: z.number().nullable(), from: z.string() });
const SettingSchema = z.object({
  name: z.enum(PLANNED),
  /** Null = no cap. */
  value: z.union([z.number(), z.boolean()]).nullable(),
  from: z.string(),
});
/** A value that a run goes by, and where it comes from. */
export type PlannedSetting = z.infer<typeof SettingSchema>;

/** Answer of `POST /api/runs?plan=true`: what a run would take, before a cent is spent. */
export const PlanReplySchema = z.object({
  analysis: z.string(),
  deployment: z.string(),
  service: z.object({ endpoint: z.string(), deployment: z.string(), simulator: z.boolean() }),
  /** Rows of the source. */
  issues: z.int(),
  /** Without those equal to another: `empty`, `answered`, `cached` and `calls` add up to it. */
  distinct: z.int(),
  /** With nothing to read. */
  empty: z.int(),
  /** Settled by an earlier attempt of the same run. */
  answered: z.int(),
  /** Answered by an earlier run. */
  cached: z.int(),
  /** To be made, one for each issue that is left. */
  calls: z.int(),
  expected: z.object({
    /** Of all calls, as billed. */
    promptTokens: z.int(),
    completionTokens: z.int(),
    /** As the service counts them on arrival: four characters a token, and the room for the answer. */
    admissionTokens: z.int(),
    /** US dollars; null where the price is not known. */
    costUsd: z.number().nullable(),
    /** From the start to the report, as are the figures above: of all calls. A warning says what a cap leaves of them. */
    durationMs: z.int(),
    boundBy: z.enum(FORECAST_BOUNDS),
    /** Whose call times: those of the deployment's own answers, or usual ones. */
    basis: z.enum(['observed', 'assumed']),
    /** How long answers are: by the deployment's own, or as is typical of the analysis. */
    answers: z.enum(['observed', 'typical']),
    /** Share of the issues' text whose tokens were counted, 0 to 1; the rest in proportion. */
    countedShare: z.number(),
  }),
  /** Whether the concurrency is meant for each process on each instance, or for the run on all of them. */
  concurrencyScope: z.enum(['process', 'run']),
  settings: z.array(SettingSchema),
  limits: z.array(FromSchema.extend({ name: z.enum(LIMITS) })),
  warnings: z.array(z.string()),
});
export type PlanReply = z.infer<typeof PlanReplySchema>;
