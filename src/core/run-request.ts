import { z } from 'zod';
import { ANALYSES } from './analyses.ts';
import { RunIdSchema } from './names.ts';
import { integer, invalid } from './problems.ts';
import { BOUNDS, SETTINGS, type Settings } from './settings.ts';

const bounded = ({ min, max }: { min: number; max: number }) => integer(min, max).optional();
const DECIDED_BY_SCOPE =
  'no value beside "concurrencyScope": "run", which draws one issue at a time by one stream a call';
const analysisNames = Object.keys(ANALYSES);
const ONE_SOURCE = 'either {"issues": [...]} with 1 to 100,000 issues, or {"uploadId": "..."}';
const IssuesSchema = z.array(
  z.record(z.string(), z.unknown(), 'an object with a title or a description'),
  'a list of issues',
);

/** The body of `POST /api/runs`. What is left out comes from the settings. */
export const RunRequestSchema = z.strictObject(
  {
    /** Default: derived from the `Idempotency-Key` header, else random. */
    runId: RunIdSchema.optional(),
    analysis: z.enum(analysisNames, `one of: ${analysisNames.join(', ')}`).default('triage'),
    source: z.strictObject(
      {
        /** The issues themselves; members as recognised by {@link normaliseRecord}. */
        issues: IssuesSchema.min(1, '1 to 100,000 issues').max(100_000, '1 to 100,000 issues').optional(),
        /** As answered by `POST /api/uploads`. */
        uploadId: z.string('an id answered by POST /api/uploads').optional(),
      },
      ONE_SOURCE,
    ),
    /** Only the first so many issues. */
    limit: integer(1, 1_000_000).optional(),
    concurrency: bounded(BOUNDS.concurrency),
    /**
     * `process`: that many calls in each process (exact on one instance with one worker).
     * `run`: that many on any number of instances, by as many streams with one issue a draw.
     */
    concurrencyScope: z.enum(['process', 'run'], 'one of: process, run').default('process'),
    batchSize: bounded(BOUNDS.batchSize),
    streams: bounded(BOUNDS.streams),
    batchDelayMs: bounded(BOUNDS.batchDelayMs),
    requestTimeoutSeconds: bounded(BOUNDS.requestTimeoutSeconds),
    /** No new batch after that time; default: long enough for every call to take its whole timeout. */
    deadlineSeconds: integer(1, 2_592_000).optional(),
    deployment: z
      .string('the name of a deployment')
      .regex(/^[\w.-]{1,64}$/, 'the name of a deployment')
      .optional(),
  },
  'a JSON object',
);
export type RunRequest = z.infer<typeof RunRequestSchema>;

/** What a run goes by, frozen at its start. */
export const RunPlanSchema = z.object({
  analysis: z.string(),
  deployment: z.string(),
  concurrency: z.int(),
  batchSize: z.int(),
  /** At most; a run with fewer batches has fewer. */
  streams: z.int(),
  batchDelayMs: z.int(),
  requestTimeoutMs: z.int(),
  /** Null: derived from the number of issues once that is known. */
  deadlineMs: z.int().nullable(),
  /** Tables that the run's ledger is spread over. */
  ledgerShards: z.int(),
});
export type RunPlan = z.infer<typeof RunPlanSchema>;

/**
 * Fills a request up from the settings.
 *
 * @throws {InvalidInputError} for a source that is neither or both, a concurrency above the host's ceiling, settings that
 *   exclude each other, or a missing deployment
 */
export function planOf(request: RunRequest, settings: Settings): RunPlan {
  const { source, concurrencyScope } = request;
  if ((source.issues === undefined) === (source.uploadId === undefined)) throw invalid('source', source, ONE_SOURCE);
  const highest = Math.min(settings.ceiling, BOUNDS.concurrency.max);
  if (request.concurrency !== undefined && request.concurrency > highest) {
    throw invalid(
      'concurrency',
      request.concurrency,
      `an integer from 1 to ${highest}, the host's ceiling (${SETTINGS.ceiling.env})`,
    );
  }
  const deployment = request.deployment ?? settings.deployment;
  if (deployment === null)
    throw invalid('deployment', undefined, `the name of a deployment, here or in ${SETTINGS.deployment.env}`);
  const concurrency = request.concurrency ?? Math.min(settings.concurrency, highest);
  const perRun = concurrencyScope === 'run';
  for (const name of ['batchSize', 'streams'] as const) {
    if (perRun && request[name] !== undefined) throw invalid(name, request[name], DECIDED_BY_SCOPE);
  }
  return {
    analysis: request.analysis,
    deployment,
    concurrency,
    batchSize: perRun ? 1 : (request.batchSize ?? settings.batchSize),
    streams: perRun ? concurrency : (request.streams ?? settings.streams),
    batchDelayMs: request.batchDelayMs ?? (perRun ? 0 : settings.batchDelayMs),
    requestTimeoutMs: (request.requestTimeoutSeconds ?? settings.requestTimeoutSeconds) * 1_000,
    deadlineMs: request.deadlineSeconds === undefined ? null : request.deadlineSeconds * 1_000,
    ledgerShards: settings.tableShards,
  };
}
