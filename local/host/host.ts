import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, resolve } from 'node:path';
import type { Engine } from '../engine/api.ts';
import { type Clock, systemClock } from '../engine/clock.ts';
import { createEngine } from '../engine/engine.ts';
import type { FunctionInfo } from '../engine/protocol/worker.ts';
import { openSqliteStore } from '../engine/store/sqlite-store.ts';
import type { Store } from '../engine/store/store.ts';
import { createDurableApi } from './durable/durable-api.ts';
import { durableClientPayload } from './durable/durable-client.ts';
import { createFunctionRoutes } from './http/function-routes.ts';
import { openHttpServer } from './http/http-server.ts';
import { trackInFlight } from './http/in-flight.ts';
import type { Log } from './log.ts';
import { isFunctionDisabled, readLocalSettings, setEnvironment } from './settings/app-settings.ts';
import { type HostSettings, readHostJson } from './settings/host-json.ts';
import { createInProcessWorker } from './worker/in-process-worker.ts';
import { loadApp } from './worker/load-app.ts';

const HUB_KEY = 'taskHub';

/** How to start a host. */
export interface HostOptions {
  /** The built function app: host.json, package.json and the files that its `main` names. */
  readonly appFolder: string;
  /** 0 = any that is free. */
  readonly port: number;
  /** The SQLite file that keeps orchestrations; made when it is missing, with its folder. */
  readonly stateFile: string;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  readonly log: Log;
}

/** A host that serves. */
export interface Host {
  readonly url: string;
  readonly port: number;
  readonly functions: readonly FunctionInfo[];
  readonly engine: Engine;
  /** Refuses new work, lets work in flight end, runs the app's `appTerminate` hooks, closes the state file. */
  close(): Promise<void>;
}

/** Puts local.settings.json under the environment: what is set already wins. */
async function applyLocalSettings(appFolder: string): Promise<() => void> {
  const values = await readLocalSettings(appFolder);
  return setEnvironment(Object.fromEntries(Object.entries(values).filter(([name]) => process.env[name] === undefined)));
}

async function openWorker(appFolder: string, port: number, settings: HostSettings, log: Log) {
  const app = await loadApp(appFolder, log);
  const worker = createInProcessWorker({
    app,
    durableClientJson: durableClientPayload({
      port,
      hubName: settings.hubName,
      hasRpcEndpoint: settings.localRpcEndpointEnabled,
    }),
    isDisabled: name => isFunctionDisabled(name, process.env),
    log,
  });
  for (const { name, kind } of worker.functions) {
    if (kind === 'other' || kind === 'entity') log('warning', name, 'this local host does not run its kind of trigger');
  }
  if (worker.functions.length === 0) log('warning', 'host', `${appFolder} registers no function`);
  return { app, worker };
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

/**
 * Starts a host for one function app, in this process. One at a time: the app reads its settings from `process.env`.
 *
 * The server is bound first, because the app and its durable client need to know the port while they load; until the app
 * has loaded, requests are answered by 503.
 *
 * @throws when host.json, package.json or a setting is wrong, the app cannot be loaded, or the port is taken
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const { log, clock = systemClock } = options;
  const appFolder = resolve(options.appFolder);
  await using startup = new AsyncDisposableStack();
  startup.defer(await applyLocalSettings(appFolder));
  const settings = await readHostJson(appFolder, process.env, availableParallelism());
  const server = await openHttpServer({ port: options.port, log });
  startup.defer(() => server.close());
  startup.defer(setEnvironment({ WEBSITE_HOSTNAME: `localhost:${server.port}` }));
  const { app, worker } = await openWorker(appFolder, server.port, settings, log);
  startup.defer(() => app.close());
  const { hubName, routePrefix, maxOrchestrationActions, httpPollingIntervalMs, ...limits } = settings;
  const store = await openStore(options.stateFile, hubName);
  startup.defer(() => store.close());
  const engineSettings = { maxOrchestrationActions, httpPollingIntervalMs };
  const engine = createEngine({ store, worker, clock, limits, settings: engineSettings, log });

  const closing = new AbortController();
  const functionRoutes = trackInFlight(createFunctionRoutes({ worker, routePrefix, log }));
  const durableApi = trackInFlight(createDurableApi({ engine, hubName, clock, closing: closing.signal }));
  startup.defer(async () => {
    closing.abort();
    // The durable API outlives the functions, because functions in flight may still call it.
    await Promise.all([functionRoutes.drain(), engine.stop()]);
    await durableApi.drain();
  });
  engine.start();
  server.serve([durableApi.handler, functionRoutes.handler]);
  const resources = startup.move();
  return {
    url: `http://localhost:${server.port}`,
    port: server.port,
    functions: worker.functions,
    engine,
    close: () => resources.disposeAsync(),
  };
}
