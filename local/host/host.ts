import { mkdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Engine } from '../engine/api.ts';
import { type Clock, systemClock } from '../engine/clock.ts';
import { createEngine, type EngineOptions } from '../engine/engine.ts';
import type { Latency } from '../engine/latency.ts';
import type { FunctionInfo } from '../engine/protocol/worker.ts';
import { openSqliteStore } from '../engine/store/sqlite-store.ts';
import type { Store } from '../engine/store/store.ts';
import { createDurableApi } from './durable/durable-api.ts';
import { durableClientPayload } from './durable/durable-client.ts';
import { createFunctionRoutes, describeRoutes } from './http/function-routes.ts';
import { openHttpServer } from './http/http-server.ts';
import { trackInFlight } from './http/in-flight.ts';
import type { Log } from './log.ts';
import { readLocalSettings } from './settings/app-settings.ts';
import { readHostJson } from './settings/host-json.ts';
import { bindingsNotOffered } from './settings/offered-bindings.ts';
import { createShutdown, SLOW_CLIENT_MS } from './shutdown.ts';
import { startTimers } from './timers/timers.ts';
import { startAppWorkers } from './worker/app-workers.ts';
import type { Inspect } from './worker/inspect.ts';
import { readProcessCount } from './worker/process-count.ts';

const HUB_KEY = 'taskHub';

/** How to start a host. */
export interface HostOptions {
  /** The built function app: host.json, package.json and the files that its `main` names. */
  readonly appFolder: string;
  /** 0 = any that is free. */
  readonly port: number;
  /** The SQLite file that keeps orchestrations; made when it is missing, with its folder. */
  readonly stateFile: string;
  /** Makes what diverges between the library and the engine an error instead of a warning. Default false. */
  readonly strict?: boolean;
  /** Imitates the waits of a storage provider, from a seed. Default: none. */
  readonly latency?: Latency;
  /** Opens the worker processes to debuggers. */
  readonly inspect?: Inspect;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** Puts something between the engine and what it works with, such as measuring. Default: nothing. */
  readonly decorate?: (parts: EngineParts) => EngineParts;
  readonly log: Log;
}

/** What the engine works with. */
export type EngineParts = Pick<EngineOptions, 'store' | 'worker' | 'clock'>;

/** A host that serves. */
export interface Host {
  readonly url: string;
  readonly port: number;
  readonly functions: readonly FunctionInfo[];
  readonly engine: Engine;
  /**
   * Refuses new work and ends the work in flight, runs the app's `appTerminate` hooks, ends the worker processes, closes the
   * state file; takes at most 5 s. With `useGracefulShutdown`, work in flight has most of that time to come to its end;
   * else, and after that, it is broken off and runs again later.
   */
  close(): Promise<void>;
}

/** Opens the state file, and refuses one that another task hub has used: its instances are not this app's. */
async function openStore(stateFile: string, hubName: string): Promise<Store> {
  await mkdir(dirname(resolve(stateFile)), { recursive: true });
  const store = openSqliteStore(stateFile);
  const usedBy = store.getMeta(HUB_KEY) ?? hubName;
  if (usedBy !== hubName) {
    store.close();
    throw new Error(`State file ${stateFile} belongs to task hub "${usedBy}", but the hubName is "${hubName}"`);
  }
  store.setMeta(HUB_KEY, hubName);
  return store;
}

/** Refuses a file in the place of the app's folder. What does not exist is told by what is read from it. */
async function refuseFile(appFolder: string): Promise<void> {
  const stats = await stat(appFolder).catch(() => undefined);
  if (stats && !stats.isDirectory()) throw new Error(`The app ${appFolder} is no folder`);
}

/** Says how this host differs from one without options. */
function tellOptions({ strict, latency, log }: Pick<HostOptions, 'strict' | 'latency' | 'log'>): void {
  if (strict)
    log('information', 'host', 'strict: what diverges between the durable library and the engine is an error');
  if (latency) log('information', 'host', `waits of ${latency.profile} are imitated, with the seed ${latency.seed}`);
}

function warnOfFunctions(functions: readonly FunctionInfo[], appFolder: string, log: Log): void {
  for (const { name, message } of bindingsNotOffered(functions)) log('warning', name, message);
  if (functions.length === 0) log('warning', 'host', `${appFolder} registers no function`);
}

/**
 * Starts a host for one function app: state and HTTP in this process, the app in worker processes.
 *
 * The server is bound first, because the app and its durable client need to know the port while they load; until the app
 * has loaded, requests are answered by 503.
 *
 * @throws when host.json, package.json or a setting is wrong, the app cannot be loaded, the state file is in use, or the port
 *   is taken
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { log, clock = systemClock, strict = false, latency, inspect, decorate = parts => parts } = options;
  const appFolder = resolve(options.appFolder);
  await refuseFile(appFolder);
  const environment = { ...(await readLocalSettings(appFolder)), ...process.env };
  const settings = await readHostJson(appFolder, environment, availableParallelism());
  const { hubName, routePrefix, functionTimeoutMs, localRpcEndpointEnabled: hasRpcEndpoint } = settings;
  const processCount = readProcessCount(environment);
  for (const { level, message } of settings.notices) log(level, 'host', message);
  tellOptions(options);

  await using startup = new AsyncDisposableStack();
  const server = await openHttpServer({ port: options.port, log });
  const { port } = server;
  startup.defer(() => server.close(SLOW_CLIENT_MS));
  const store = await openStore(options.stateFile, hubName);
  startup.defer(() => store.close());
  const worker = await startAppWorkers({
    appFolder,
    environment: { ...environment, WEBSITE_HOSTNAME: `localhost:${port}` },
    processCount,
    durableClientJson: durableClientPayload({ port, hubName, hasRpcEndpoint }),
    functionTimeoutMs,
    inspect,
    clock,
    log,
  });
  startup.defer(() => worker.close());
  warnOfFunctions(worker.functions, appFolder, log);

  const shutdown = createShutdown({ isGraceful: settings.useGracefulShutdown, worker, clock, log });
  const engine = createEngine({
    ...decorate({ store, worker, clock }),
    log,
    limits: settings,
    settings: { ...settings, strict },
    overridableExistingInstanceStates: settings.overridableExistingInstanceStates,
    closing: shutdown.breakingOff,
    ...(latency && { latency }),
  });
  const functionRoutes = trackInFlight(createFunctionRoutes({ worker, routePrefix, log }));
  const durableApi = trackInFlight(createDurableApi({ engine, hubName, clock, closing: shutdown.closing }));
  const timers = startTimers({ worker, store, clock, log, closing: shutdown.breakingOff }, environment);
  // The durable API outlives the functions, because functions in flight may still call it.
  startup.defer(() => shutdown.run([functionRoutes.drain, timers.stop, engine.stop], [durableApi.drain]));
  engine.start();
  server.serve([durableApi.handler, functionRoutes.handler]);
  const url = `http://localhost:${port}`;
  for (const { name, message } of describeRoutes(worker.functions, routePrefix, url)) log('information', name, message);
  const resources = startup.move();
  return {
    url,
    port,
    functions: worker.functions,
    engine,
    close: () => resources.disposeAsync(),
  };
}
