import { CEILING_VARIABLE, parseSettings, SETTINGS } from '../src/core/settings.ts';
import { LocalError } from './errors.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Who answers the model calls. */
export interface ServiceChoice {
  readonly simulator: boolean;
  /** Null for a simulator, which has an address only once it runs. */
  readonly endpoint: string | null;
  readonly deployment: string;
}

const { endpoint, deployment, apiKey, concurrency, tableShards, storage } = SETTINGS;

/** The deployment that the simulator has, unless the environment names one. */
const SIMULATED_DEPLOYMENT = 'gpt-4o-mini';
/** Not a secret: the simulator takes any key. It also keeps a real key that may be set from being sent anywhere. */
const SIMULATOR_KEY = 'simulator';
/** Azurite slows down with the rows of a table, so the local ledger is spread wider than on Azure. */
const LOCAL_TABLE_SHARDS = '16';

/**
 * Arguments of Node in the worker processes, a setting of the Functions host, here and on Azure: the heap that Node allows
 * itself on an instance with 2 GB of memory. On a machine with much more, garbage would grow to several times what is in use
 * before it is collected.
 */
export const LOCAL_WORKERS = { languageWorkers__node__arguments: '--max-old-space-size=1024' };

/**
 * Chooses the service: the real one when its endpoint is set, else the simulator.
 *
 * @throws {LocalError} for an endpoint without a deployment
 */
export function chooseService(env: Environment): ServiceChoice {
  const named = env[deployment.env];
  if (!env[endpoint.env]) return { simulator: true, endpoint: null, deployment: named || SIMULATED_DEPLOYMENT };
  if (named) return { simulator: false, endpoint: env[endpoint.env] ?? null, deployment: named };
  throw new LocalError(
    `${endpoint.env} is set but ${deployment.env} is not: set it to ${deployment.allowed}, or unset ${endpoint.env} to use the simulator`,
  );
}

/**
 * The environment of the host: the user's, completed for the local machine.
 *
 * The host's ceiling and the app's own number of calls are one number to most users: where only one is set, it is both.
 *
 * @param simulatorUrl - null when the real service is used
 * @throws {InvalidInputError} naming each setting that is out of range, its value and its range
 */
export function hostEnvironment(
  env: Environment,
  {
    connectionString,
    service,
    simulatorUrl,
  }: { connectionString: string; service: ServiceChoice; simulatorUrl: string | null },
): Record<string, string> {
  const number = {
    [concurrency.env]: env[concurrency.env] || env[CEILING_VARIABLE],
    [CEILING_VARIABLE]: env[CEILING_VARIABLE] || env[concurrency.env],
  };
  const simulated =
    simulatorUrl === null
      ? {}
      : { [endpoint.env]: simulatorUrl, [deployment.env]: service.deployment, [apiKey.env]: SIMULATOR_KEY };
  const merged = {
    ...LOCAL_WORKERS,
    ...env,
    ...number,
    [tableShards.env]: env[tableShards.env] || LOCAL_TABLE_SHARDS,
    ...simulated,
    [storage.env]: connectionString,
  };
  parseSettings(merged);
  return Object.fromEntries(
    Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
