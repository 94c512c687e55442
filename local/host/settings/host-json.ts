import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Environment, resolveSettings, settingOf, withoutByteOrderMark } from './app-settings.ts';
import { isObject, type JsonObject, setAt, valueAt } from './json-paths.ts';
import { parseTimeSpanMs } from './time-span.ts';
import { settingsWithoutEffect } from './without-effect.ts';

/** Which instances a start may replace by a new one of the same id: those that have ended, or any. */
export type OverridableStates = 'NonRunningStates' | 'AnyState';

/** A line for the log at the start. */
export interface Notice {
  readonly level: 'information' | 'warning';
  readonly message: string;
}

/** The settings of host.json that this host honours, with defaults filled in. */
export interface HostSettings {
  /** In front of each HTTP route, without slashes at its ends; may be empty. Default `api`. */
  readonly routePrefix: string;
  readonly hubName: string;
  /** Default 10 per processor. */
  readonly maxConcurrentActivityFunctions: number;
  /** Default 10 per processor. */
  readonly maxConcurrentOrchestratorFunctions: number;
  /** Default 10 per processor. */
  readonly maxConcurrentEntityFunctions: number;
  /** How many operations an entity may be given at once. Default 5,000. */
  readonly maxEntityOperationBatchSize: number;
  /** Whether the client library gets an endpoint of its own. Default true. */
  readonly localRpcEndpointEnabled: boolean;
  /** How many actions an orchestrator may have scheduled in one replay. Default 100,000. */
  readonly maxOrchestrationActions: number;
  /** Default `NonRunningStates`. */
  readonly overridableExistingInstanceStates: OverridableStates;
  /** Whether the history shows what activities and sub-orchestrations were given. Default false. */
  readonly storeInputsInOrchestrationHistory: boolean;
  /** Whether running functions may end when the host stops; otherwise they run again later. Default false. */
  readonly useGracefulShutdown: boolean;
  /** Wait between polls of `callHttp` where the answer gives none. Default 30,000. */
  readonly httpPollingIntervalMs: number;
  /** Longest run of one function; Infinity = no limit. Default 30 minutes. */
  readonly functionTimeoutMs: number;
  /** What the app's author should know about settings that do nothing here. */
  readonly notices: readonly Notice[];
}

const OVERRIDE_PREFIX = 'azurefunctionsjobhost__';
const HUB_NAME = /^[A-Za-z][A-Za-z0-9]{2,44}$/;
const DURABLE = 'extensions.durableTask';
const HUB_NAME_PATH = `${DURABLE}.hubName`;
const TIMEOUT_RANGE = '[d.]hh:mm:ss from 00:00:01, or -1 for no limit';

/** A whole number in a range, or its text: values that come from the environment are texts. */
const wholeNumber = (min: number, max: number, fallback: number) => ({
  schema: z.preprocess(
    value => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
    z.number().int().min(min).max(max).default(fallback),
  ),
  allowed: `whole numbers from ${min} to ${max}`,
});

const overridableSchema = z
  .string()
  .default('NonRunningStates')
  .transform(text => text.toLowerCase())
  .pipe(z.enum(['nonrunningstates', 'anystate']))
  .transform((text): OverridableStates => (text === 'anystate' ? 'AnyState' : 'NonRunningStates'));

function parseFunctionTimeout(text: string): number {
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const timeoutMs = parseTimeSpanMs(text) ?? 0;
  if (timeoutMs === 0) throw new Error(`host.json functionTimeout is "${text}"; allowed: ${TIMEOUT_RANGE}`);
  return timeoutMs;
}

function hubNameOf(given: string | undefined, environment: Environment): string {
  const text = given ?? settingOf(environment, 'WEBSITE_SITE_NAME') ?? 'TestHubName';
  const name = resolveSettings(`host.json ${HUB_NAME_PATH}`, text, environment);
  if (!HUB_NAME.test(name)) {
    throw new Error(`host.json ${HUB_NAME_PATH} is "${name}"; allowed: 3 to 45 letters and digits, the first a letter`);
  }
  return name;
}

/** The JSON of a host.json with the overrides of the environment put in. */
function mergeHostJson(text: string, environment: Environment): JsonObject {
  let json: unknown;
  try {
    json = JSON.parse(withoutByteOrderMark(text));
  } catch (error) {
    throw new Error(`host.json is not JSON: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (!isObject(json)) throw new Error('host.json is not a JSON object');
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !name.toLowerCase().startsWith(OVERRIDE_PREFIX)) continue;
    setAt(json, name.slice(OVERRIDE_PREFIX.length).split('__'), value);
  }
  return json;
}

/** Reads values by their path, and keeps which paths were read. */
function createReader(json: JsonObject) {
  const paths: string[] = [];
  function read<T>(path: string, schema: z.ZodType<T>, allowed: string): T {
    paths.push(path);
    const value = valueAt(json, path);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new Error(`host.json ${path} is ${JSON.stringify(value)}; allowed: ${allowed}`);
    return parsed.data;
  }
  return {
    paths,
    read,
    readSwitch: (name: string, fallback: boolean) =>
      read(`${DURABLE}.${name}`, z.boolean().or(z.stringbool()).default(fallback), 'true, false'),
    readNumber: (name: string, min: number, max: number, fallback: number) => {
      const { schema, allowed } = wholeNumber(min, max, fallback);
      return read(`${DURABLE}.${name}`, schema, allowed);
    },
  };
}

/**
 * Settings of a host.json text under an environment: `AzureFunctionsJobHost__a__b=…` overrides `a.b` (names ignore case),
 * `%NAME%` in `hubName` is replaced by the setting NAME. Settings that do nothing here are accepted, and named in a notice.
 *
 * @param text - the file's content
 * @param environment - the app's settings
 * @param processors - for the defaults of concurrency
 * @throws when it is not JSON or a value is out of range; the message names setting, value and range
 */
export function parseHostJson(text: string, environment: Environment, processors: number): HostSettings {
  const json = mergeHostJson(text, environment);
  const { paths, read, readSwitch, readNumber } = createReader(json);
  const readConcurrency = (name: string) => readNumber(name, 1, 10_000, 10 * processors);
  read('version', z.literal('2.0'), '"2.0"');
  const routePrefix = read('extensions.http.routePrefix', z.string().default('api'), 'text');
  const settings = {
    routePrefix: routePrefix.replaceAll(/^\/+|\/+$/g, ''),
    hubName: hubNameOf(read(HUB_NAME_PATH, z.string().optional(), 'text'), environment),
    maxConcurrentActivityFunctions: readConcurrency('maxConcurrentActivityFunctions'),
    maxConcurrentOrchestratorFunctions: readConcurrency('maxConcurrentOrchestratorFunctions'),
    maxConcurrentEntityFunctions: readConcurrency('maxConcurrentEntityFunctions'),
    maxEntityOperationBatchSize: readNumber('maxEntityOperationBatchSize', 1, 1_000_000, 5_000),
    localRpcEndpointEnabled: readSwitch('localRpcEndpointEnabled', true),
    maxOrchestrationActions: readNumber('maxOrchestrationActions', 1, 10_000_000, 100_000),
    overridableExistingInstanceStates: read(
      `${DURABLE}.overridableExistingInstanceStates`,
      overridableSchema,
      'NonRunningStates, AnyState',
    ),
    storeInputsInOrchestrationHistory: readSwitch('storeInputsInOrchestrationHistory', false),
    useGracefulShutdown: readSwitch('useGracefulShutdown', false),
    httpPollingIntervalMs: readNumber('httpSettings.defaultAsyncRequestSleepTimeMilliseconds', 1, 3_600_000, 30_000),
    functionTimeoutMs: parseFunctionTimeout(read('functionTimeout', z.string().default('00:30:00'), TIMEOUT_RANGE)),
  };
  const notices: Notice[] = [];
  if (readSwitch('extendedSessionsEnabled', false)) {
    const message = `host.json ${DURABLE}.extendedSessionsEnabled is true, but has no effect for JavaScript, on Azure neither`;
    notices.push({ level: 'warning', message });
  }
  const { known, unknown } = settingsWithoutEffect(json, paths);
  if (known) notices.push({ level: 'information', message: `host.json settings without effect here: ${known}` });
  if (unknown) notices.push({ level: 'warning', message: `host.json settings not known: ${unknown}` });
  return { ...settings, notices };
}

/**
 * Reads the host.json of an app folder.
 *
 * @throws when there is none, or as {@link parseHostJson}
 */
export async function readHostJson(
  folder: string,
  environment: Environment,
  processors: number,
): Promise<HostSettings> {
  let text: string;
  try {
    text = await readFile(join(folder, 'host.json'), 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`No host.json in the app folder ${folder} (${reason})`, { cause: error });
  }
  return parseHostJson(text, environment, processors);
}
