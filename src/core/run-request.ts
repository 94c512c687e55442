import { z } from 'zod';
import { ANALYSES, analysisNamed } from './analyses.ts';
import { RunTermsSchema } from './capacity/messages.ts';
import { RunIdSchema } from './names.ts';
import { integer, invalid } from './problems.ts';
import { BOUNDS, SETTINGS, type Settings } from './settings.ts';
import { type Tier, tierFor, tierName } from './tiers.ts';
import { priceOf } from './usage.ts';

const amount = ({ min, max }: { min: number; max: number }) => {
  const allowed = `a number from ${min} to ${max}`;
  return z.number(allowed).min(min, allowed).max(max, allowed);
};
const bounded = ({ min, max }: { min: number; max: number }) => integer(min, max).optional();
const DECIDED_BY_SCOPE =
  'no value beside "concurrencyScope": "run", which draws one issue at a time by one stream a call';
const analysisNames = Object.keys(ANALYSES);
const DEPLOYMENT_NAME = 'the name of a deployment: 1 to 64 characters of A-Z a-z 0-9 . _ -';
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
    source: z
      .strictObject(
        {
          /** The issues themselves; members as recognised by {@link normaliseRecord}. */
          issues: IssuesSchema.min(1, '1 to 100,000 issues').max(100_000, '1 to 100,000 issues').optional(),
          /** As answered by `POST /api/uploads`. */
          uploadId: z.string('an id answered by POST /api/uploads').optional(),
        },
        ONE_SOURCE,
      )
      .refine(({ issues, uploadId }) => (issues === undefined) !== (uploadId === undefined), ONE_SOURCE),
    /** Only the first so many issues. */
    limit: integer(1, 1_000_000).optional(),
    concurrency: bounded(BOUNDS.concurrency),
    /**
     * `process`: that many calls in each process (exact on one instance with one worker).
     * `run`: that many on any number of instances, by as many streams with one issue a draw; without pauses, unless set.
     */
    concurrencyScope: z.enum(['process', 'run'], 'one of: process, run').default('process'),
    batchSize: bounded(BOUNDS.batchSize),
    streams: bounded(BOUNDS.streams),
    batchDelayMs: bounded(BOUNDS.batchDelayMs),
    requestTimeoutSeconds: bounded(BOUNDS.requestTimeoutSeconds),
    /** No new batch after that time; default: long enough for every call to take its whole timeout, waits for limits aside. */
    deadlineSeconds: bounded(BOUNDS.deadlineSeconds),
    deployment: z
      .string(DEPLOYMENT_NAME)
      .regex(/^[\w.-]{1,64}$/, DEPLOYMENT_NAME)
      .optional(),
    /** The most that the run may cost by the price table; it stops before, and says so. */
    maxCostUsd: amount(BOUNDS.maxCostUsd).optional(),
    /** The most tokens that the run may be billed. */
    maxTokens: bounded(BOUNDS.maxTokens),
    /** False: every issue is asked anew, and the answers are kept for later runs. */
    useCache: z.boolean('true or false').default(true),
    tokensPerMinute: bounded(BOUNDS.tokensPerMinute),
    requestsPerMinute: bounded(BOUNDS.requestsPerMinute),
    bufferPercent: bounded(BOUNDS.bufferPercent),
  },
  'a JSON object',
);
export type RunRequest = z.infer<typeof RunRequestSchema>;

/** The body as an app takes it: whatever is wrong with the concurrency, it is told the host's own ceiling. */
export function requestSchemaFor({ ceiling }: Pick<Settings, 'ceiling'>): z.ZodType<RunRequest> {
  const allowed = withinCeiling(ceiling);
  const concurrency = z.int(allowed).min(BOUNDS.concurrency.min, allowed).max(ceiling, allowed).optional();
  return RunRequestSchema.extend({ concurrency });
}

function withinCeiling(ceiling: number): string {
  return `an integer from ${BOUNDS.concurrency.min} to ${ceiling}, the host's ceiling (${SETTINGS.ceiling.env})`;
}

/** What a run goes by, frozen at its start. */
export const RunPlanSchema = z.object({
  analysis: z.string(),
  deployment: z.string(),
  concurrency: z.int(),
  concurrencyScope: z.enum(['process', 'run']),
  batchSize: z.int(),
  /** At most; a run with fewer batches has fewer. */
  streams: z.int(),
  batchDelayMs: z.int(),
  requestTimeoutMs: z.int(),
  /** Null: derived from the number of issues once that is known. */
  deadlineMs: z.int().nullable(),
  /** Tables that the run's ledger is spread over. */
  ledgerShards: z.int(),
  /** `max_completion_tokens` while nothing is known of real answers. */
  maxCompletionTokens: z.int(),
  /** US dollars for a million tokens; null where the price is not known. */
  price: RunTermsSchema.shape.price,
  /** Null = no cap. */
  maxTokens: z.int().nullable(),
  maxCostUsd: z.number().nullable(),
  /** What earlier attempts of the run took; it counts for the caps. */
  spent: z.object({ tokens: z.int(), usd: z.number() }).default({ tokens: 0, usd: 0 }),
  useCache: z.boolean(),
  /** Answers older than that are not used again. */
  cacheTtlMs: z.int(),
  /** Limits that were set; null = learned. */
  tokensPerMinute: z.int().nullable(),
  requestsPerMinute: z.int().nullable(),
  /** Null = 20, shrinking. */
  bufferPercent: z.int().nullable(),
  tokenSliceMs: z.int(),
});
export type RunPlan = z.infer<typeof RunPlanSchema>;

/** Settings that a request may give for itself. */
export const CHOSEN = [
  'concurrency',
  'batchSize',
  'streams',
  'batchDelayMs',
  'requestTimeoutSeconds',
  'tokensPerMinute',
  'requestsPerMinute',
  'bufferPercent',
] as const;
type Chosen = (typeof CHOSEN)[number];

/** Where a value of a plan comes from. */
export interface Origin {
  readonly name: Chosen;
  /** Null = not set: learned, or shrinking. */
  readonly value: number | null;
  /** In words: "the request", "AI_BATCH_SIZE", "a run of 11 to 25 issues", "default". */
  readonly from: string;
}

/** A plan, and why it is as it is. */
export interface ChosenPlan {
  readonly plan: RunPlan;
  readonly origins: readonly Origin[];
}

/**
 * Fills a request up: what it leaves out comes from the settings, and what these leave out from the tier of its size.
 *
 * @param issues - rows of the source, at most the request's limit
 * @throws {InvalidInputError} for a concurrency above the host's ceiling, settings that exclude each other, a missing
 *   deployment, or a cap in dollars where the price is not known
 */
export function planOf(request: RunRequest, settings: Settings, issues: number): ChosenPlan {
  checkRequest(request, settings);
  const deployment = request.deployment ?? settings.deployment;
  if (deployment === null)
    throw invalid('deployment', undefined, `the name of a deployment, here or in ${SETTINGS.deployment.env}`);
  const price = priceOf(deployment);
  if (request.maxCostUsd !== undefined && price === null)
    throw invalid(
      'maxCostUsd',
      request.maxCostUsd,
      `no value here: the price of ${deployment} is not known; use maxTokens`,
    );
  const chooser = createChooser(request, settings, tierFor(issues));
  const { choose, chooseNumber, origins } = chooser;
  const analysis = analysisNamed(request.analysis);
  const plan: RunPlan = {
    analysis: request.analysis,
    deployment,
    concurrencyScope: request.concurrencyScope,
    ...shapeOf(request, settings, chooser),
    requestTimeoutMs: chooseNumber('requestTimeoutSeconds') * 1_000,
    deadlineMs: request.deadlineSeconds === undefined ? null : request.deadlineSeconds * 1_000,
    ledgerShards: settings.tableShards,
    maxCompletionTokens: analysis.maxCompletionTokens,
    price: price && { inputUsd: price.inputUsd, outputUsd: price.outputUsd },
    maxTokens: request.maxTokens ?? null,
    maxCostUsd: request.maxCostUsd ?? null,
    spent: { tokens: 0, usd: 0 },
    useCache: request.useCache && settings.cacheTtlSeconds > 0,
    cacheTtlMs: settings.cacheTtlSeconds * 1_000,
    tokensPerMinute: choose('tokensPerMinute'),
    requestsPerMinute: choose('requestsPerMinute'),
    bufferPercent: choose('bufferPercent'),
    tokenSliceMs: settings.tokenSliceSeconds * 1_000,
  };
  return { plan, origins };
}

/**
 * A batch that nobody has sized, in a run with fewer calls at one time than suit the number of issues, is no larger than
 * twice these calls: what is beyond would wait for them in places of the host that other runs could use.
 */
const MOST_IN_BATCH_PER_CALL = 2;

/** Between batches of several issues. */
const USUAL_PAUSE_MS = 1_000;

/** How many calls at a time, and in which batches. */
function shapeOf(request: RunRequest, settings: Settings, { chooseNumber, decide, tier }: Chooser) {
  const cut = `cut to ${SETTINGS.ceiling.env}`;
  const concurrency = chooseNumber('concurrency', { atMost: settings.ceiling, why: cut });
  if (request.concurrencyScope === 'process') {
    const isSized = (request.batchSize ?? settings.batchSize) !== null;
    const calls = Math.min(settings.ceiling, concurrency * settings.workerProcesses);
    const few = { atMost: MOST_IN_BATCH_PER_CALL * calls, why: 'at most twice the calls at one time' };
    const batchSize = chooseNumber('batchSize', isSized || calls >= tier.concurrency ? NO_LIMIT : few);
    return { concurrency, batchSize, streams: chooseNumber('streams'), batchDelayMs: chooseNumber('batchDelayMs') };
  }
  const isPauseSet = (request.batchDelayMs ?? settings.batchDelayMs) !== null;
  return {
    concurrency,
    batchSize: decide('batchSize', 1),
    streams: decide('streams', concurrency),
    batchDelayMs: isPauseSet ? chooseNumber('batchDelayMs') : decide('batchDelayMs', 0),
  };
}

function checkRequest(request: RunRequest, settings: Settings): void {
  const { concurrencyScope, concurrency } = request;
  if (concurrency !== undefined && concurrency > settings.ceiling)
    throw invalid('concurrency', concurrency, withinCeiling(settings.ceiling));
  for (const name of ['batchSize', 'streams'] as const) {
    if (concurrencyScope === 'run' && request[name] !== undefined) throw invalid(name, request[name], DECIDED_BY_SCOPE);
  }
}

type Chooser = ReturnType<typeof createChooser>;

/** What a value is cut to, and why. */
interface Limit {
  readonly atMost: number;
  readonly why: string;
}
const NO_LIMIT: Limit = { atMost: Number.POSITIVE_INFINITY, why: '' };

/** Chooses value by value (request, then environment, then tier or default), and notes where each comes from. */
function createChooser(request: RunRequest, settings: Settings, tier: Tier) {
  const origins: Origin[] = [];
  const candidates = (name: Chosen): readonly (readonly [number | null | undefined, string])[] => [
    [request[name], 'the request'],
    [settings[name], SETTINGS[name].fallback === settings[name] ? 'default' : SETTINGS[name].env],
    [name in tier ? tier[name as keyof Tier] : null, tierName(tier)],
    [name === 'batchDelayMs' ? USUAL_PAUSE_MS : null, 'default'],
  ];
  const choose = (name: Chosen, { atMost, why } = NO_LIMIT): number | null => {
    const [value, from] = candidates(name).find(([candidate]) => candidate != null) ?? [null, 'default'];
    const chosen = value == null ? null : Math.min(value, atMost);
    origins.push({ name, value: chosen, from: chosen === value ? from : `${from}, ${why}` });
    return chosen;
  };
  return {
    tier,
    origins,
    choose,
    /** Of a value that has a default, or is in each tier. */
    chooseNumber: (name: Chosen, limit?: Limit) => choose(name, limit) as number,
    decide(name: Chosen, value: number): number {
      origins.push({ name, value, from: 'concurrencyScope "run"' });
      return value;
    },
  };
}
