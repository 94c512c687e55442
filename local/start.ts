import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ensureAppBuilt } from './app-build.ts';
import { type AzuritePorts, startAzurite } from './azurite.ts';
import { openSqliteStore } from './engine/store/sqlite-store.ts';
import { chooseService, type Environment, hostEnvironment, type ServiceChoice } from './environment.ts';
import { LocalError } from './errors.ts';
import { startHostProcess } from './host-process.ts';
import { isPortFree } from './ports.ts';
import type { OpenAiSimulatorOptions } from './simulators/openai-options.ts';
import { type RunningOpenAiSimulator, startOpenAiSimulator } from './simulators/openai-server.ts';
import { checkStorageMarker } from './storage-marker.ts';

/** How to start the local environment. */
export interface LocalOptions {
  /** Holds the state file and the storage; made if missing. */
  readonly folder: string;
  /** Of the app; 0 = any that is free. */
  readonly port: number;
  /** Wanted; where one is taken, free ones are used. Default: any free ones. */
  readonly azuritePorts?: AzuritePorts;
  /** Keeps the storage in memory; then the state file must be a new one. Default false. */
  readonly inMemory?: boolean;
  readonly simulator?: OpenAiSimulatorOptions;
  /** What the host inherits. With AZURE_OPENAI_ENDPOINT in it, the real service is used. */
  readonly env: Environment;
  /** Told what is being started, a line each. */
  readonly log: (line: string) => void;
  /** Gets every line that the host writes. */
  readonly onHostLine?: (line: string) => void;
  /** Aborting ends what has been started so far. */
  readonly signal?: AbortSignal;
}

/** The app with all it needs, on this machine. */
export interface LocalEnvironment {
  /** Of the app, without a slash at the end. */
  readonly url: string;
  readonly connectionString: string;
  readonly stateFile: string;
  readonly service: {
    readonly simulator: boolean;
    readonly endpoint: string;
    readonly deployment: string;
    readonly stats?: RunningOpenAiSimulator['stats'];
  };
  readonly hostPid: number;
  /** Resolves, with what happened, when the host or the storage ends by itself; the rest still has to be stopped. */
  readonly broken: Promise<LocalError>;
  /** Ends the host (work in flight ends first, for up to 10 s), then the simulator, then the storage. */
  stop(): Promise<void>;
}

/**
 * Starts storage, the simulator (or uses the real service) and the host with the built app.
 *
 * @throws {LocalError} for a taken port, a folder in use, a state file of another storage, or a part that does not start
 * @throws {InvalidInputError} for a setting out of range
 */
export async function startLocalEnvironment(options: LocalOptions): Promise<LocalEnvironment> {
  const { env, log, port, signal } = options;
  const service = chooseService(env);
  // Settings are checked before anything is started; what is not known yet stands as anything that is allowed.
  hostEnvironment(env, { connectionString: '-', service, simulatorUrl: service.simulator ? 'http://simulator' : null });
  if (port !== 0 && !(await isPortFree(port)))
    throw new LocalError(`port ${port} is taken by another program; choose another with --port`);
  const folder = resolve(options.folder);
  await mkdir(folder, { recursive: true }).catch(error => {
    throw new LocalError(
      `--folder is "${options.folder}"; allowed: a folder that is there or can be made (${error.code})`,
    );
  });
  const stateFile = join(folder, 'state.db');
  const appFolder = await ensureAppBuilt(log);

  await using started = new AsyncDisposableStack();
  const azurite = await startStorage({ ...options, folder }, stateFile, started);
  const simulator = service.simulator ? await startSimulator(options.simulator, service, started) : null;
  log(
    simulator
      ? 'Starting the app with a simulator of Azure OpenAI ...'
      : `Starting the app with the real service ${service.endpoint} ...`,
  );
  const host = await startHostProcess({
    appFolder,
    port,
    stateFile,
    env: hostEnvironment(env, {
      connectionString: azurite.connectionString,
      service,
      simulatorUrl: simulator?.url ?? null,
    }),
    ...(options.onHostLine ? { onLine: options.onHostLine } : {}),
    signal,
  });
  started.defer(() => host.stop());
  const parts = started.move();
  const broken = Promise.withResolvers<LocalError>();
  let isStopping = false;
  for (const { ended } of [host, azurite]) void ended.then(how => isStopping || broken.resolve(new LocalError(how)));
  return {
    url: host.ready,
    connectionString: azurite.connectionString,
    stateFile,
    service: {
      simulator: service.simulator,
      endpoint: simulator?.url ?? service.endpoint ?? '',
      deployment: service.deployment,
      ...(simulator ? { stats: simulator.stats } : {}),
    },
    hostPid: host.pid,
    broken: broken.promise,
    stop() {
      isStopping = true;
      return parts.disposeAsync();
    },
  };
}

/** Starts Azurite for a state file; the file stays locked meanwhile, so that nobody else opens the folder. */
async function startStorage(
  { folder, azuritePorts, inMemory, log, signal }: LocalOptions,
  stateFile: string,
  started: AsyncDisposableStack,
) {
  const store = openState(stateFile);
  try {
    log('Starting the storage emulator (Azurite) ...');
    const azurite = await startAzurite({
      folder: inMemory ? null : join(folder, 'storage'),
      ports: azuritePorts,
      signal,
    });
    started.defer(() => azurite.stop());
    await checkStorageMarker(store, stateFile, azurite.connectionString);
    return azurite;
  } finally {
    store.close();
  }
}

function openState(stateFile: string) {
  try {
    return openSqliteStore(stateFile);
  } catch (error) {
    throw new LocalError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function startSimulator(
  options: OpenAiSimulatorOptions | undefined,
  service: ServiceChoice,
  started: AsyncDisposableStack,
) {
  const simulator = await startOpenAiSimulator({ deployments: [service.deployment], ...options, port: 0 });
  started.defer(() => simulator.close());
  return simulator;
}
