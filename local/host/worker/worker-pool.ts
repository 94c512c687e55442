import { backoffMs, type Clock, pause } from '../../engine/clock.ts';
import type {
  FunctionInfo,
  FunctionKind,
  InvocationOutcome,
  RpcTypedData,
  Worker,
} from '../../engine/protocol/worker.ts';
import type { Log } from '../log.ts';
import type { WorkerProcess } from './fork-worker.ts';
import { type ConnectionOptions, connectWorker, type WorkerConnection, type WorkerEnd } from './worker-connection.ts';

const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 30_000;

/** What is delivered again when it is lost. */
const REDELIVERED: ReadonlySet<FunctionKind> = new Set(['orchestrator', 'activity', 'entity', 'timer']);

/** How to run an app in worker processes. */
export interface PoolOptions extends ConnectionOptions {
  /** How many there are at a time; each loads the whole app. */
  readonly processCount: number;
  /** Starts a process for the place `index`, from 0. */
  readonly startProcess: (index: number) => WorkerProcess;
}

/** The worker processes of a host. */
export interface WorkerPool extends Worker {
  /**
   * As {@link Worker}.
   *
   * @param gone - aborted when nobody waits for the outcome any more: what has not gone out to a process then ends as
   *   `closed` and never runs. Default: never
   */
  invoke(
    name: string,
    trigger: RpcTypedData,
    metadata?: Readonly<Record<string, RpcTypedData>>,
    gone?: AbortSignal,
  ): Promise<InvocationOutcome>;
  /** Ends every invocation, in flight or to come, as `closed`. The app's code is not interrupted yet. */
  release(): void;
  /** As `release`; then lets the `appTerminate` hooks run for up to a second, and ends the processes. */
  close(): Promise<void>;
}

/** A place in which one process follows another. */
interface Place {
  /** Starts the next process. */
  readonly connect: () => WorkerConnection;
  connection: WorkerConnection;
}

/** Wait before a process takes the place of one that died: 0, 1, 2, 4 … 30 s. */
function waitMsAfter(deathsInARow: number): number {
  return deathsInARow <= 1 ? 0 : backoffMs(deathsInARow - 1, FIRST_WAIT_MS, LONGEST_WAIT_MS);
}

function describeEnd({ how, lost }: WorkerEnd, delayMs: number): string {
  const againCount = lost.filter(({ kind }) => REDELIVERED.has(kind)).length;
  const again = againCount === 0 ? '' : `, ${againCount} delivered again`;
  const next = delayMs === 0 ? 'a new one starts' : `a new one starts in ${delayMs / 1_000} s`;
  return `${how}; invocations lost: ${lost.length}${again}; ${next}`;
}

/** Puts a new process in the place of each that dies, until the pool closes. */
async function keepAlive(
  place: Place,
  pool: { readonly onUp: () => void; readonly closing: AbortSignal; readonly clock: Clock; readonly log: Log },
): Promise<void> {
  const { onUp, closing, clock, log } = pool;
  for (let deathsInARow = 0; ; ) {
    const end = await place.connection.ended;
    if (closing.aborted) return;
    deathsInARow = end.hasWorked ? 1 : deathsInARow + 1;
    const delayMs = waitMsAfter(deathsInARow);
    log('error', 'host', `worker process ${place.connection.pid} ${describeEnd(end, delayMs)}`);
    await pause(clock, delayMs, closing);
    if (closing.aborted) return;
    place.connection = place.connect();
    place.connection.ready.then(onUp, error => {
      if (!closing.aborted) log('error', 'host', error.message);
    });
  }
}

/** Those of the places that are up with the least in flight take turns. */
function createChoice(places: readonly Place[]): () => WorkerConnection | undefined {
  let next = 0;
  return () => {
    let best: Place | undefined;
    for (const place of [...places.slice(next), ...places.slice(0, next)]) {
      if (!place.connection.isUp()) continue;
      if (!best || place.connection.inFlightCount() < best.connection.inFlightCount()) best = place;
    }
    if (best) next = places.indexOf(best) + 1;
    return best?.connection;
  };
}

/** Writes a line when the process is up, by which its id can be found. */
function announced(connection: WorkerConnection, log: Log): WorkerConnection {
  const { pid, ready } = connection;
  // That it is not loaded is told by those who wait for it.
  ready.then(
    () => log('debug', 'host', `worker process ${pid} has loaded the app`),
    () => {},
  );
  return connection;
}

/** Writes a line at the end of an invocation. */
async function timed({ name }: FunctionInfo, log: Log, invocation: Promise<InvocationOutcome>) {
  const startedMs = performance.now();
  const outcome = await invocation;
  log('debug', name, `${outcome.kind} after ${Math.round(performance.now() - startedMs)} ms`);
  return outcome;
}

/**
 * Starts worker processes for an app and waits until each has loaded it. A process that dies is replaced: what was in flight
 * there ends as `lost`, and what comes while no process is up waits for one.
 *
 * @throws what the app throws while it loads, or when a process ends before it has loaded the app
 */
export async function startWorkerPool(options: PoolOptions): Promise<WorkerPool> {
  const { processCount, startProcess, clock, log } = options;
  const closing = new AbortController();
  let isReleased = false;
  let change = Promise.withResolvers<void>();
  const announce = () => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const places = Array.from({ length: processCount }, (_, index): Place => {
    const connect = () => announced(connectWorker(startProcess(index), options), log);
    return { connect, connection: connect() };
  });
  const choose = createChoice(places);

  function release(): void {
    isReleased = true;
    announce();
    for (const { connection } of places) connection.release();
  }
  async function close(): Promise<void> {
    release();
    closing.abort();
    await Promise.all(places.map(({ connection }) => connection.stop()));
  }

  const registered = await Promise.all(places.map(({ connection }) => connection.ready)).catch(async error => {
    await close();
    throw error;
  });
  const functions = registered[0] ?? [];
  const byName = new Map(functions.map(info => [info.name.toLowerCase(), info]));
  for (const place of places) void keepAlive(place, { onUp: announce, closing: closing.signal, clock, log });
  return {
    functions,
    release,
    close,
    async invoke(name, trigger, metadata = {}, gone) {
      const target = byName.get(name.toLowerCase());
      if (!target) throw new Error(`No function "${name}" is registered`);
      while (!isReleased && !gone?.aborted) {
        const connection = choose();
        if (connection) return timed(target, log, connection.invoke(target, trigger, metadata));
        gone?.addEventListener('abort', announce, { once: true });
        await change.promise;
        gone?.removeEventListener('abort', announce);
      }
      return { kind: 'closed' };
    },
  };
}
