import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Cost, MeasuredHost, Memory } from './measured-host.ts';
import { measure, openMeasuredHost } from './measured-host.ts';

/** How much each part of the bench does. */
export interface HostBenchSizes {
  /** Orchestrations that fan out at one time, and the activities of each. */
  readonly fanOut: { readonly orchestrations: number; readonly activities: number };
  /** One orchestration of so many activities, so many at a time; it continues as new after each batch. */
  readonly batches: { readonly total: number; readonly size: number };
  /** Chains one after the other, and the activities of each. */
  readonly chain: { readonly chains: number; readonly activities: number };
  /** Orchestrations of one activity: finished instances at which memory is read, and how many run at a time. */
  readonly small: { readonly finished: readonly number[]; readonly atOnce: number };
}

/** How fast something went. */
export interface Throughput {
  readonly name: string;
  readonly processCount: number;
  readonly unit: 'activities' | 'orchestrations';
  readonly count: number;
  readonly perSecond: number;
  readonly cost: Cost;
}

/** Milliseconds. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How long an idle host takes from one activity of a chain to the next. */
export interface Latency {
  /** From the commit of an activity's result to the call of its orchestrator. */
  readonly wakeMs: Percentiles;
  /** From the end of an activity to the begin of the next, as the worker process sees it. */
  readonly stepMs: Percentiles;
  readonly cost: Cost;
}

/** A host that has so many finished instances. */
export interface AtRest {
  readonly finished: number;
  readonly host: Memory;
  readonly workers: Memory;
  /** The first page of 100 instances; and a search by status that finds none. */
  readonly listMs: number;
  readonly searchMs: number;
}

function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

interface Start {
  readonly name: string;
  readonly input: unknown;
}

/** Runs orchestrations, so many at a time; rejects when one ends other than well. */
function runAll({ engine, meter }: MeasuredHost, starts: readonly Start[], atOnce = starts.length): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let [started, ended] = [0, 0];
  function startNext(): void {
    const next = starts[started++];
    if (next) engine.startInstance({ name: next.name, inputJson: JSON.stringify(next.input) });
  }
  meter.onEnd = (instanceId, status) => {
    ended += 1;
    if (status !== 'Completed')
      reject(new Error(`${instanceId}: ${status}, ${engine.getInstance(instanceId)?.outputJson}`));
    else if (ended === starts.length) resolve();
    else startNext();
  };
  for (let k = 0; k < atOnce; k++) startNext();
  return promise;
}

const times = (count: number, start: Start): Start[] => Array.from({ length: count }, () => start);

/** Lets both processes compile what they run. */
const warmUp = (host: MeasuredHost) => runAll(host, times(10, { name: 'fanOut', input: { count: 20 } }));

/** Activities that do nothing, by the hundred per orchestration. */
export async function benchFanOut({ fanOut }: HostBenchSizes, processCount: number): Promise<Throughput> {
  const { orchestrations, activities } = fanOut;
  await using host = await openMeasuredHost(processCount);
  await warmUp(host);
  const starts = times(orchestrations, { name: 'fanOut', input: { count: activities } });
  const { cost } = await measure(host, () => runAll(host, starts));
  const count = orchestrations * activities;
  const name = `fan-out, ${orchestrations} of ${activities}`;
  return { name, processCount, unit: 'activities', count, perSecond: (count / cost.wallMs) * 1_000, cost };
}

/** Many activities of one orchestration that continues as new. */
export async function benchBatches({ batches }: HostBenchSizes, processCount: number): Promise<Throughput> {
  const { total: count, size } = batches;
  await using host = await openMeasuredHost(processCount);
  await warmUp(host);
  const { cost } = await measure(host, () => runAll(host, [{ name: 'batches', input: batches }]));
  const name = `${count} in batches of ${size}`;
  return { name, processCount, unit: 'activities', count, perSecond: (count / cost.wallMs) * 1_000, cost };
}

/** One activity after the other. */
export async function benchChain({ chain }: HostBenchSizes): Promise<Latency> {
  await using host = await openMeasuredHost(1);
  await warmUp(host);
  const steps: number[] = [];
  const { engine, meter } = host;
  const { cost, spent } = await measure(host, async () => {
    for (let k = 0; k < chain.chains; k++) {
      let id = '';
      const starts = [{ name: 'chain', input: { count: chain.activities } }];
      const run = runAll(host, starts);
      const { onEnd } = meter;
      meter.onEnd = (instanceId, status) => {
        id = instanceId;
        onEnd(instanceId, status);
      };
      await run;
      const instants: number[] = JSON.parse(engine.getInstance(id)?.outputJson ?? '[]');
      steps.push(...instants.slice(1).map((instant, index) => instant - (instants[index] ?? Number.NaN)));
    }
  });
  return { wakeMs: percentiles(spent.wakeMs), stepMs: percentiles(steps), cost };
}

function ownMemory(): Memory {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { rss: rssBytes, heapUsed: heapBytes } = process.memoryUsage();
  return { rssBytes, heapBytes };
}

function timeOf(work: () => unknown): number {
  const begunMs = performance.now();
  work();
  return performance.now() - begunMs;
}

async function lookAt({ engine, workerMemory }: MeasuredHost, finished: number): Promise<AtRest> {
  return {
    finished,
    host: ownMemory(),
    workers: await workerMemory(),
    listMs: timeOf(() => engine.listInstances({})),
    searchMs: timeOf(() => engine.listInstances({ runtimeStatus: ['Failed'] })),
  };
}

/** Orchestrations of one activity, until so many have ended; and what is then kept in memory. */
export async function benchSmall({ small }: HostBenchSizes): Promise<{
  readonly throughput: readonly Throughput[];
  readonly atRest: readonly AtRest[];
}> {
  await using host = await openMeasuredHost(1);
  await warmUp(host);
  const throughput: Throughput[] = [];
  const atRest: AtRest[] = [];
  let before = 0;
  for (const finished of small.finished) {
    const count = finished - before;
    const starts = times(count, { name: 'fanOut', input: { count: 1 } });
    const { cost } = await measure(host, () => runAll(host, starts, small.atOnce));
    const name = before === 0 ? 'one activity each' : `one activity each, after ${before}`;
    const perSecond = (count / cost.wallMs) * 1_000;
    throughput.push({ name, processCount: host.processCount, unit: 'orchestrations', count, perSecond, cost });
    atRest.push(await lookAt(host, finished));
    before = finished;
  }
  return { throughput, atRest };
}
