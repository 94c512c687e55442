import { z } from 'zod';
import { InvalidInputError, parseInput } from './problems.ts';
import { LARGEST_TIER } from './tiers.ts';

/** Bounds of the numbers that a run goes by; each holds for the environment and for a request alike. */
export const BOUNDS = {
  concurrency: { min: 1, max: 200 },
  batchSize: { min: 1, max: 100 },
  streams: { min: 1, max: 16 },
  batchDelayMs: { min: 0, max: 3_600_000 },
  requestTimeoutSeconds: { min: 1, max: 600 },
  tokensPerMinute: { min: 1, max: 999_999_999 },
  requestsPerMinute: { min: 1, max: 9_999_999 },
  bufferPercent: { min: 0, max: 90 },
  maxTokens: { min: 1, max: 1_000_000_000_000 },
  deadlineSeconds: { min: 1, max: 2_592_000 },
  maxCostUsd: { min: 0.001, max: 1_000_000 },
} as const;

interface Definition<T> {
  readonly env: string;
  readonly fallback: T;
  /** The default as it would be set, where that is not the number itself. */
  readonly shownFallback?: string;
  readonly schema: z.ZodType<T>;
  /** What is allowed, as shown in errors and in the README. */
  readonly allowed: string;
  readonly meaning: string;
}

function number<F extends number | null>(
  env: string,
  fallback: F,
  { min, max }: { min: number; max: number },
  meaning: string,
): Definition<number | F> {
  const allowed = `an integer from ${min} to ${max}`;
  const schema = z
    .string()
    .regex(/^\d{1,9}$/, allowed)
    .transform(Number)
    .refine(value => value >= min && value <= max, allowed);
  return { env, fallback, schema, allowed, meaning };
}

const UNITS: Readonly<Record<string, number>> = { KB: 1e3, MB: 1e6, GB: 1e9 };

/** Bytes, written with a unit. */
function size(env: string, megabytes: number, meaning: string): Definition<number> {
  const [fallback, shownFallback] = [megabytes * 1e6, `${megabytes}MB`];
  const allowed = 'a size from 1KB to 4GB, such as 100MB';
  const schema = z
    .string()
    .regex(/^\d{1,4}(KB|MB|GB)$/, allowed)
    .transform(value => Number.parseInt(value, 10) * (UNITS[value.slice(-2)] as number))
    .refine(bytes => bytes >= 1e3 && bytes <= 4e9, allowed);
  return { env, fallback, shownFallback, schema, allowed, meaning };
}

function text(env: string, allowed: string, pattern: RegExp, meaning: string): Definition<string | null> {
  return { env, fallback: null, schema: z.string().regex(pattern, allowed), allowed, meaning };
}

const HTTP_URL = /^https?:\/\/[^\s/]+(\/\S*)?$/;
const ANY_TEXT = /\S/;

/** The environment variable by which the Functions host itself is given its ceiling. */
export const CEILING_VARIABLE = 'AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions';

/** Every setting: its environment variable, default, range and meaning. The README's table is this one. */
export const SETTINGS = {
  endpoint: text('AZURE_OPENAI_ENDPOINT', 'an http(s) URL', HTTP_URL, 'the Azure OpenAI resource'),
  deployment: text(
    'AZURE_OPENAI_DEPLOYMENT',
    'the name of a deployment',
    /^[\w.-]{1,64}$/,
    'the deployment that answers',
  ),
  apiKey: text('AZURE_OPENAI_API_KEY', 'a key', ANY_TEXT, 'only if set; otherwise Entra ID (`DefaultAzureCredential`)'),
  concurrency: number(
    'MAX_CONCURRENT_AI_CALLS',
    null,
    BOUNDS.concurrency,
    "a run's calls in flight in each process, at most the ceiling; not set: 3 to 10 by the number of issues",
  ),
  ceiling: number(
    CEILING_VARIABLE,
    10,
    BOUNDS.concurrency,
    "the host's ceiling of activities at one time, for each instance; overrides host.json",
  ),
  batchSize: number(
    'AI_BATCH_SIZE',
    null,
    BOUNDS.batchSize,
    'issues in a batch; not set: 5 to 20 by the number of issues, at most twice a lower concurrency; always 1 with ' +
      'concurrencyScope "run"',
  ),
  streams: number(
    'AI_BATCH_STREAMS',
    3,
    BOUNDS.streams,
    'batches in flight; always as many as calls with concurrencyScope "run"',
  ),
  batchDelayMs: number(
    'AI_BATCH_DELAY_MS',
    null,
    BOUNDS.batchDelayMs,
    'least pause between a stream\'s batches, in milliseconds; not set: 1,000, or 0 with concurrencyScope "run"',
  ),
  requestTimeoutSeconds: number(
    'AZURE_OPENAI_REQUEST_TIMEOUT',
    null,
    BOUNDS.requestTimeoutSeconds,
    'of one call, in seconds; not set: 60 to 120 by the number of issues',
  ),
  tokensPerMinute: number(
    'AI_TOKENS_PER_MINUTE',
    null,
    BOUNDS.tokensPerMinute,
    'what the deployment admits; not set: learned from its answers',
  ),
  requestsPerMinute: number(
    'AI_REQUESTS_PER_MINUTE',
    null,
    BOUNDS.requestsPerMinute,
    'what the deployment admits; not set: learned from its answers',
  ),
  bufferPercent: number(
    'RATE_LIMIT_BUFFER',
    null,
    BOUNDS.bufferPercent,
    'share of these limits that stays unused, in percent; not set: 20, shrinking as estimates prove right',
  ),
  tokenSliceSeconds: number(
    'AI_TOKEN_SLICE_SECONDS',
    60,
    { min: 1, max: 60 },
    'window in which the service admits its share of the tokens; 60 = the minute alone counts',
  ),
  cacheTtlSeconds: number(
    'CACHE_TTL_SECONDS',
    2_592_000,
    { min: 0, max: 315_360_000 },
    'how long answers are used again; 0 = never',
  ),
  cacheMemoryTtlSeconds: number(
    'CACHE_MEMORY_TTL_SECONDS',
    300,
    { min: 0, max: 86_400 },
    'how long a process keeps answers in memory; 0 = not at all',
  ),
  cacheMaxSize: size('CACHE_MAX_SIZE', 100, 'memory for answers in each process'),
  maxConnections: number(
    'AZURE_OPENAI_MAX_CONNECTIONS',
    20,
    { min: 1, max: 1_000 },
    'connections in all; unless set, at least the ceiling',
  ),
  maxConnectionsPerHost: number(
    'AZURE_OPENAI_MAX_CONNECTIONS_PER_HOST',
    10,
    { min: 1, max: 1_000 },
    'connections to one host; unless set, at least the ceiling',
  ),
  workerProcesses: number(
    'FUNCTIONS_WORKER_PROCESS_COUNT',
    1,
    { min: 1, max: 10 },
    'processes on each instance, each with so many calls in flight; the host reads it',
  ),
  tableShards: number('STORAGE_TABLE_SHARDS', 1, { min: 1, max: 64 }, 'tables that the ledger is spread over'),
  storage: text('AzureWebJobsStorage', 'a connection string', ANY_TEXT, 'storage of the app, by connection string'),
  storageAccount: text(
    'AzureWebJobsStorage__accountName',
    'the name of a storage account',
    /^[a-z0-9]{3,24}$/,
    'storage of the app, by Entra ID',
  ),
  identityClientId: text(
    'AZURE_CLIENT_ID',
    'the client id of a managed identity',
    ANY_TEXT,
    'which user-assigned identity to use',
  ),
} satisfies Record<string, Definition<number> | Definition<number | null> | Definition<string | null>>;

type ValueOf<D> = D extends Definition<infer T> ? T : never;

/** The app's settings, parsed; `null` where one is not set that has no default. */
export type Settings = { readonly [K in keyof typeof SETTINGS]: ValueOf<(typeof SETTINGS)[K]> };

const EnvironmentSchema = z.object(
  Object.fromEntries(Object.values(SETTINGS).map(({ env, schema }) => [env, schema.optional()])),
);

/**
 * Reads the settings from an environment; empty texts count as not set.
 *
 * @throws {InvalidInputError} naming every setting that is out of range, its value (never a secret's) and its range
 */
export function parseSettings(env: Readonly<Record<string, string | undefined>>): Settings {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''));
  const values = parseInput(EnvironmentSchema, given, 'environment');
  const separate = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, { env: variable, fallback }]) => [name, values[variable] ?? fallback]),
  ) as Settings;
  const settings = followCeiling(separate, given);
  const { endpoint, storage, storageAccount } = SETTINGS;
  const missing = [
    ...(settings.endpoint === null ? [{ field: endpoint.env, allowed: endpoint.allowed }] : []),
    ...(settings.storage === null && settings.storageAccount === null
      ? [{ field: storage.env, allowed: `${storage.allowed}, or ${storageAccount.env}` }]
      : []),
  ];
  if (missing.length > 0) throw new InvalidInputError(missing.map(violation => ({ ...violation, value: 'missing' })));
  return settings;
}

/** Connections that nobody set are as many as the calls that may be in flight. */
function followCeiling(settings: Settings, given: Readonly<Record<string, string | undefined>>): Settings {
  const atLeast = (name: 'maxConnections' | 'maxConnectionsPerHost') =>
    given[SETTINGS[name].env] === undefined ? Math.max(settings[name], settings.ceiling) : settings[name];
  return {
    ...settings,
    maxConnections: atLeast('maxConnections'),
    maxConnectionsPerHost: atLeast('maxConnectionsPerHost'),
  };
}

/** `functionTimeout` in host.json. */
const FUNCTION_TIMEOUT_SECONDS = 1_200;
/** Calls that one claim of an issue may need one after the other: the first, a quick retry, a repair. */
export const CALLS_IN_A_CLAIM = 3;

/** Some activities beside those that call keep calls in flight while rows are read and written; more of them only wait. */
const LARGEST_CEILING_PER_CALL = 2;

/** What the health page warns of: settings that are allowed one by one but do not fit together. */
export function settingsWarnings(settings: Settings): string[] {
  const warnings: string[] = [];
  const { ceiling, workerProcesses } = settings;
  const concurrency = settings.concurrency ?? Math.min(LARGEST_TIER.concurrency, ceiling);
  const inFlight = concurrency * workerProcesses;
  const timeoutSeconds = settings.requestTimeoutSeconds ?? LARGEST_TIER.requestTimeoutSeconds;
  if (concurrency > ceiling) {
    warnings.push(
      `${SETTINGS.concurrency.env} is ${concurrency}, but the host runs at most ${ceiling} activities at one time ` +
        `(${SETTINGS.ceiling.env}): runs use ${ceiling}`,
    );
  }
  if (ceiling > LARGEST_CEILING_PER_CALL * inFlight) {
    const number = settings.concurrency === null ? 'is not set and gives at most' : 'is';
    const each = workerProcesses === 1 ? '' : ` in each of ${workerProcesses} processes`;
    warnings.push(
      `the host may run ${ceiling} activities at one time (${SETTINGS.ceiling.env}), but ${SETTINGS.concurrency.env} ` +
        `${number} ${concurrency}${each}: activities beyond it wait for a permit`,
    );
  }
  const connections = Math.min(settings.maxConnections, settings.maxConnectionsPerHost);
  if (ceiling > connections) {
    const { maxConnections, maxConnectionsPerHost } = SETTINGS;
    warnings.push(
      `only ${connections} connections to the service (${maxConnections.env}, ${maxConnectionsPerHost.env}): calls beyond ` +
        'them wait, and their wait counts as part of their timeout',
    );
  }
  const rounds = Math.ceil(ceiling / inFlight);
  if (rounds * CALLS_IN_A_CLAIM * timeoutSeconds > FUNCTION_TIMEOUT_SECONDS) {
    warnings.push(
      `an activity may wait ${rounds - 1} times for a permit and make ${CALLS_IN_A_CLAIM} calls of ${timeoutSeconds} s ` +
        `(${SETTINGS.requestTimeoutSeconds.env}), but functionTimeout ends it after ${FUNCTION_TIMEOUT_SECONDS} s`,
    );
  }
  if (settings.deployment === null) {
    warnings.push(`${SETTINGS.deployment.env} is not set: each request must name a deployment`);
  }
  return warnings;
}
