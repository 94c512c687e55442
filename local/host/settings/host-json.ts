import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The settings of host.json that this host honours, with defaults filled in. */
export interface HostSettings {
  /** In front of each HTTP route, without slashes at its ends; may be empty. Default `api`. */
  readonly routePrefix: string;
  readonly hubName: string;
  /** Default 10 per processor. */
  readonly maxConcurrentActivityFunctions: number;
  /** Default 10 per processor. */
  readonly maxConcurrentOrchestratorFunctions: number;
  /** Whether the client library gets an endpoint of its own. Default true. */
  readonly localRpcEndpointEnabled: boolean;
  /** How many actions an orchestrator may have scheduled in one replay. Default 100,000. */
  readonly maxOrchestrationActions: number;
  /** Wait between polls of `callHttp` where the answer gives none. Default 30,000. */
  readonly httpPollingIntervalMs: number;
  /** Longest run of one activity; Infinity = no limit. Default 30 minutes. */
  readonly functionTimeoutMs: number;
}

const OVERRIDE_PREFIX = 'azurefunctionsjobhost__';
const TIME_SPAN = /^(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d)(?::([0-5]?\d))?$/;
const HUB_NAME = /^[A-Za-z][A-Za-z0-9]{2,44}$/;
const HUB_NAME_PATH = 'extensions.durableTask.hubName';
const HTTP_POLLING_PATH = 'httpSettings.defaultAsyncRequestSleepTimeMilliseconds';
const TIMEOUT_RANGE = '[d.]hh:mm:ss from 00:00:01, or -1 for no limit';

/** A whole number in a range, or its text: values that come from the environment are texts. */
const wholeNumber = (min: number, max: number, fallback: number) => ({
  schema: z.preprocess(
    value => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
    z.number().int().min(min).max(max).default(fallback),
  ),
  allowed: `whole numbers from ${min} to ${max}`,
});
const switchSchema = z.boolean().or(z.stringbool()).default(true);

/** Milliseconds of a time span such as `00:20:00` or `1.02:00:00`; Infinity for `-1`, which means no limit. */
function parseFunctionTimeout(text: string): number {
  if (text === '-1') return Number.POSITIVE_INFINITY;
  const [, days = '0', hours, minutes, seconds = '0'] = TIME_SPAN.exec(text) ?? [];
  const timeoutMs = (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000;
  if (Number.isNaN(timeoutMs) || timeoutMs < 1000) {
    throw new Error(`host.json functionTimeout is "${text}"; allowed: ${TIMEOUT_RANGE}`);
  }
  return timeoutMs;
}

/** Replaces each `%NAME%` by the setting of that name. */
function resolveSettings(field: string, text: string, environment: Environment): string {
  return text.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name];
    if (value === undefined) throw new Error(`host.json ${field} is "${text}", but the setting ${name} is not set`);
    return value;
  });
}

function hubNameOf(given: string | undefined, environment: Environment): string {
  const name = resolveSettings(HUB_NAME_PATH, given ?? environment['WEBSITE_SITE_NAME'] ?? 'TestHubName', environment);
  if (!HUB_NAME.test(name)) {
    throw new Error(`host.json ${HUB_NAME_PATH} is "${name}"; allowed: 3 to 45 letters and digits, the first a letter`);
  }
  return name;
}

type JsonObject = Record<string, unknown>;
const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null;

/** Sets the value at a path whose names ignore case; levels that are missing are made. Arrays are addressed by index. */
function setAt(target: JsonObject, [name = '', ...rest]: readonly string[], value: string): void {
  const key = Object.keys(target).find(existing => existing.toLowerCase() === name.toLowerCase()) ?? name;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const child = target[key];
  const level = isObject(child) ? child : {};
  target[key] = level;
  setAt(level, rest, value);
}

/** The value at a path whose names ignore case. */
function valueAt(json: JsonObject, path: string): unknown {
  let value: unknown = json;
  for (const name of path.split('.')) {
    if (!isObject(value)) return undefined;
    value = Object.entries(value).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
  }
  return value;
}

/**
 * Settings of a host.json text under an environment: `AzureFunctionsJobHost__a__b=…` overrides `a.b` (names ignore case),
 * `%NAME%` in `hubName` is replaced by the setting NAME. Unknown keys are accepted.
 *
 * @param text - the file's content
 * @param environment - the app's settings
 * @param processors - for the defaults of concurrency
 * @throws when it is not JSON or a value is out of range; the message names setting, value and range
 */
export function parseHostJson(text: string, environment: Environment, processors: number): HostSettings {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`host.json is not JSON: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (!isObject(json)) throw new Error('host.json is not a JSON object');
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !name.toLowerCase().startsWith(OVERRIDE_PREFIX)) continue;
    setAt(json, name.slice(OVERRIDE_PREFIX.length).split('__'), value);
  }
  const read = <T>(path: string, schema: z.ZodType<T>, allowed: string): T => {
    const value = valueAt(json, path);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new Error(`host.json ${path} is ${JSON.stringify(value)}; allowed: ${allowed}`);
    return parsed.data;
  };
  const readNumber = (name: string, min: number, max: number, fallback: number) => {
    const { schema, allowed } = wholeNumber(min, max, fallback);
    return read(`extensions.durableTask.${name}`, schema, allowed);
  };
  read('version', z.literal('2.0'), '"2.0"');
  const routePrefix = read('extensions.http.routePrefix', z.string().default('api'), 'text');
  return {
    routePrefix: routePrefix.replaceAll(/^\/+|\/+$/g, ''),
    hubName: hubNameOf(read(HUB_NAME_PATH, z.string().optional(), 'text'), environment),
    maxConcurrentActivityFunctions: readNumber('maxConcurrentActivityFunctions', 1, 10_000, 10 * processors),
    maxConcurrentOrchestratorFunctions: readNumber('maxConcurrentOrchestratorFunctions', 1, 10_000, 10 * processors),
    localRpcEndpointEnabled: read('extensions.durableTask.localRpcEndpointEnabled', switchSchema, 'true, false'),
    maxOrchestrationActions: readNumber('maxOrchestrationActions', 1, 10_000_000, 100_000),
    httpPollingIntervalMs: readNumber(HTTP_POLLING_PATH, 1, 3_600_000, 30_000),
    functionTimeoutMs: parseFunctionTimeout(read('functionTimeout', z.string().default('00:30:00'), TIMEOUT_RANGE)),
  };
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
