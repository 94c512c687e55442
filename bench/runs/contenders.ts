import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SETTINGS } from '../../src/core/settings.ts';
import type { ContenderName } from './cases.ts';
import { type Caller, type Computed, compute } from './computed.ts';
import { readUse, scaledEnvironment, type TimeScale } from './environment.ts';
import { fanfold } from './fanfold-run.ts';
import type { Part, Place, Taken } from './place.ts';
import { plainDurable } from './plain-run.ts';
import { type Simulator, startSimulator } from './rig.ts';
import { script } from './script-run.ts';
import type { Setting } from './setting.ts';
import { DEPLOYMENT, latencyOptions } from './workload.ts';

/** How a contender comes to its figures: in processes of its own, or by arithmetic. */
type Contender =
  | { readonly kind: 'measured'; readonly title: string; readonly take: (place: Place) => Promise<Part> }
  | { readonly kind: 'computed'; readonly title: string; readonly caller: (concurrency: number) => Caller };

const FIXED_PAUSE_MS = 15_000;

/** Everyone who may take part. */
export const CONTENDERS: Readonly<Record<ContenderName, Contender>> = {
  fanfold: { kind: 'measured', title: 'Fanfold', take: fanfold() },
  'fanfold-one-stream': {
    kind: 'measured',
    title: 'Fanfold, one stream',
    take: fanfold({ [SETTINGS.streams.env]: '1' }),
  },
  'fanfold-fixed-buffer': {
    kind: 'measured',
    title: 'Fanfold, buffer fixed at 20 %',
    take: fanfold({ RATE_LIMIT_BUFFER: '20' }),
  },
  'plain-durable': { kind: 'measured', title: 'durable, one Task.all', take: plainDurable },
  'p-limit': { kind: 'measured', title: 'p-limit, retries of the SDK', take: script('p-limit') },
  batches: { kind: 'measured', title: 'Promise.all per batch, 1 s pause', take: script('batches') },
  'pause-15': {
    kind: 'computed',
    title: '15 s pause after a 429 (computed)',
    caller: concurrency => ({ concurrency, afterThrottle: { pauseMs: FIXED_PAUSE_MS } }),
  },
  sequential: {
    kind: 'computed',
    title: 'one after the other (computed)',
    caller: () => ({ concurrency: 1, afterThrottle: 'retry-after' }),
  },
};

const HALF_A_MINUTE_MS = 30_000;

/** What a computed contender comes to; it begins in the middle of a minute, as the others do. */
export function computeContender(caller: Caller, { workload, limits }: Setting): Computed {
  return compute(workload.calls, limits, caller, HALF_A_MINUTE_MS);
}

/** All there is to know of a contender under one seed. */
export interface Measured {
  readonly taken: Taken;
  /** What the simulator saw. */
  readonly seen: Awaited<ReturnType<Simulator['read']>>;
  /** The greatest of each of its processes, added up. */
  readonly memoryBytes: number;
  /** Events of the longest history; null where there is none. */
  readonly largestHistory: number | null;
}

function startSimulatorFor({ seed, limits }: Setting, time: TimeScale): Promise<Simulator> {
  const { latencyMs, latencyCv } = latencyOptions(seed);
  const options = {
    seed,
    'latency-ms': latencyMs,
    'latency-cv': latencyCv,
    'tokens-per-minute': limits.tokensPerMinute,
    'requests-per-minute': limits.requestsPerMinute,
    'slice-seconds': limits.sliceSeconds,
    'token-slice-seconds': limits.tokenSliceSeconds,
    deployments: DEPLOYMENT,
  };
  return startSimulator(options, scaledEnvironment(time, null));
}

/**
 * Has a contender work a setting off, against a simulator, storage and processes of its own.
 *
 * @param appFolder - the built app
 * @throws when a process does not start or ends by itself, or the contender does not come to its end
 */
export async function measureContender(take: (place: Place) => Promise<Part>, setting: Setting, appFolder: string) {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-runs-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const useFolder = join(folder, 'use');
  const time = { scale: setting.bench.timeScale, originMs: Date.now() };
  const simulator = await startSimulatorFor(setting, time);
  started.defer(() => simulator.stop());
  const env = scaledEnvironment(time, useFolder);
  const { taken, largestHistory } = await take({ setting, simulator, time, env, folder, started, appFolder });
  const use = Object.values(await readUse(useFolder));
  const memoryBytes = use.reduce((sum, { rssBytes }) => sum + rssBytes, 0);
  return { taken, seen: await simulator.read(), memoryBytes, largestHistory } satisfies Measured;
}
