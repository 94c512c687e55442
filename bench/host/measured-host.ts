import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { Engine } from '../../local/engine/api.ts';
import { startHost } from '../../local/host/host.ts';
import { setEnvironment } from '../../local/host/settings/app-settings.ts';
import { createMeter, type Meter, type Spent } from './meter.ts';

const APP = join(import.meta.dirname, '../apps/load');

const workerSchema = z.object({ pid: z.number(), cpuMs: z.number() });
const memorySchema = z.object({ pid: z.number(), rssBytes: z.number(), heapBytes: z.number() });

/** What a process takes of the machine's memory, and of that its heap in use, after garbage collection. */
export interface Memory {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

/** A host in this process over the load app, whose engine is metered; `await using` ends it and deletes its state. */
export interface MeasuredHost extends AsyncDisposable {
  readonly engine: Engine;
  readonly meter: Meter;
  readonly processCount: number;
  /** Processor time that its worker processes have taken. To be asked while nothing runs, as the next. */
  workerCpuMs(): Promise<number>;
  /** Memory of its worker processes. */
  workerMemory(): Promise<Memory>;
}

/** Asks each of the worker processes. Idle ones take turns, so that some more requests than processes reach them all. */
async function askWorkers<Answer extends { readonly pid: number }>(
  url: string,
  schema: z.ZodType<Answer>,
  count: number,
): Promise<readonly Answer[]> {
  const byPid = new Map<number, Answer>();
  for (let asked = 0; byPid.size < count && asked < 10 * count; asked++) {
    const answer = schema.parse(await (await fetch(url)).json());
    byPid.set(answer.pid, answer);
  }
  if (byPid.size < count) throw new Error(`Only ${byPid.size} of ${count} worker processes answered`);
  return [...byPid.values()];
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/**
 * Starts a host.
 *
 * @param processCount - worker processes
 * @throws later, out of the process, when the host logs a warning or an error: no figure of such a run would count
 */
export async function openMeasuredHost(processCount: number): Promise<MeasuredHost> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  const restore = setEnvironment({ FUNCTIONS_WORKER_PROCESS_COUNT: String(processCount) });
  const meter = createMeter();
  const host = await startHost({
    appFolder: APP,
    port: 0,
    stateFile: join(folder, 'state.db'),
    decorate: meter.decorate,
    log(level, source, message) {
      if (['warning', 'error', 'critical'].includes(level)) throw new Error(`${source}: ${message}`);
    },
  }).finally(restore);
  return {
    engine: host.engine,
    meter,
    processCount,
    async workerCpuMs() {
      const workers = await askWorkers(`${host.url}/api/worker`, workerSchema, processCount);
      return sum(workers.map(({ cpuMs }) => cpuMs));
    },
    async workerMemory() {
      const workers = await askWorkers(`${host.url}/api/memory`, memorySchema, processCount);
      const [rssBytes, heapBytes] = [workers.map(each => each.rssBytes), workers.map(each => each.heapBytes)];
      return { rssBytes: sum(rssBytes), heapBytes: sum(heapBytes) };
    },
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What a stretch of work has cost. Shares are of its wall time: 1 = one core all the time. */
export interface Cost {
  readonly wallMs: number;
  /** The host's thread: these four and the time in which it waits are 1 together. */
  readonly sqlite: number;
  readonly replay: number;
  readonly send: number;
  /** All else: receiving answers, promises, garbage collection, and waiting for a core while other processes have it. */
  readonly other: number;
  /** Processor time of the host, with its helper threads. */
  readonly hostCpu: number;
  /** Processor time of all worker processes. */
  readonly workerCpu: number;
  /** Of that, orchestrators with the JSON of their histories: estimated by how long their calls are under way there. */
  readonly replayInWorkers: number;
  /** Of a call: its round trip less its time in the worker process. */
  readonly betweenMsPerCall: number;
}

/** Processor time of this process. */
function hostCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Has work done by a host and says what it has cost. */
export async function measure(
  { meter, workerCpuMs }: MeasuredHost,
  work: () => Promise<void>,
): Promise<{ readonly cost: Cost; readonly spent: Spent }> {
  const workersBeforeMs = await workerCpuMs();
  meter.reset();
  const [hostBeforeMs, loopBefore, begunMs] = [hostCpuMs(), performance.eventLoopUtilization(), performance.now()];
  await work();
  const wallMs = performance.now() - begunMs;
  const shareOf = (lengthMs: number) => lengthMs / wallMs;
  const busy = performance.eventLoopUtilization(loopBefore).utilization;
  const hostCpu = shareOf(hostCpuMs() - hostBeforeMs);
  const spent = meter.spent();
  const workerCpu = shareOf((await workerCpuMs()) - workersBeforeMs);
  const [sqlite, replay, send] = [shareOf(spent.sqliteMs), shareOf(spent.replayMs), shareOf(spent.sendMs)];
  const cost = {
    wallMs,
    sqlite,
    replay,
    send,
    other: Math.max(0, busy - sqlite - replay - send),
    hostCpu,
    workerCpu,
    replayInWorkers: spent.ranMs === 0 ? 0 : (workerCpu * spent.orchestratorMs) / spent.ranMs,
    betweenMsPerCall: spent.callCount === 0 ? 0 : spent.betweenMs / spent.callCount,
  };
  return { cost, spent };
}
