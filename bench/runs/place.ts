import { join } from 'node:path';
import { LOCAL_WORKERS } from '../../local/environment.ts';
import { CEILING_VARIABLE, SETTINGS } from '../../src/core/settings.ts';
import type { TimeScale } from './environment.ts';
import type { BenchHost, Simulator } from './rig.ts';
import { startBenchHost } from './rig.ts';
import type { Setting } from './setting.ts';
import { middleOfMinute } from './waits.ts';

/** What a plan says before the run. */
export interface Plan {
  readonly durationMs: number;
  readonly boundBy: string;
  readonly costUsd: number;
}

/** What a contender has done, by its own account and by that of the simulator. */
export interface Taken {
  /** Virtual milliseconds. */
  readonly makespanMs: number;
  /** Issues that have an answer. */
  readonly answered: number;
  /** Tokens of the answers that it holds. */
  readonly tokens: number;
  readonly costUsd: number | null;
  readonly plan: Plan | null;
  /** Of runs at one time: what share of the calls each got while all were active. */
  readonly shares: readonly number[] | null;
}

/** What a contender finds in place. */
export interface Place {
  readonly setting: Setting;
  readonly simulator: Simulator;
  readonly time: TimeScale;
  /** For processes of the contender. */
  readonly env: Record<string, string>;
  readonly folder: string;
  /** What has to be ended after it. */
  readonly started: AsyncDisposableStack;
  readonly appFolder: string;
}

/** What running a contender gives; its memory and its calls are looked at from outside. */
export interface Part {
  readonly taken: Taken;
  readonly largestHistory: number | null;
}

/** A contender that takes so many times the lower bound is given up, but not before that virtual time. */
const PATIENCE = 6;
const LEAST_PATIENCE_MS = 1_200_000;

/**
 * How to look for the end of a workload: a limit may have admitted more than its share, calls are never more than there are.
 *
 * @param share - of the measured workload. Default 1
 */
export function looks({ lowerBound, freeBound, bench: { timeScale } }: Setting, share = 1) {
  const giveUpMs = Math.ceil(Math.max(LEAST_PATIENCE_MS, PATIENCE * lowerBound.lengthMs) / timeScale);
  return { notBeforeMs: (share * freeBound.lengthMs) / timeScale, giveUpMs };
}

/** The same for the issues that come before. */
export function warmUpLooks(setting: Setting) {
  return looks(setting, setting.warmUp.calls.length / setting.workload.calls.length);
}

/** Waits for what is on a host; its own end is an error at once. */
export function onHost<T>(host: BenchHost, work: Promise<T>): Promise<T> {
  const ended = host.ended.then(how => {
    throw new Error(how);
  });
  return Promise.race([work, ended]);
}

/**
 * Begins with clean meters; under a limit in the middle of a minute.
 *
 * @returns a clock that tells virtual milliseconds since then
 */
export async function begin({ setting, simulator, time }: Place): Promise<() => number> {
  await simulator.reset();
  if (setting.limitedBy) await middleOfMinute(time);
  const begunMs = performance.now();
  return () => (performance.now() - begunMs) * time.scale;
}

/** The number of calls at one time, as a host's ceiling and as the app's own. */
export const concurrencyEnv = ({ bench: { concurrency } }: Setting) => ({
  [CEILING_VARIABLE]: String(concurrency),
  [SETTINGS.concurrency.env]: String(concurrency),
});

/** Starts a host with what the case asks of it. */
export function startHostFor(
  { setting, folder }: Place,
  appFolder: string,
  env: Record<string, string>,
): Promise<BenchHost> {
  const latencyProfile = setting.bench.hasStorageWaits ? `azure-storage:${setting.seed}` : undefined;
  const stateFile = join(folder, 'state.db');
  return startBenchHost({ appFolder, stateFile, latencyProfile, env: { ...LOCAL_WORKERS, ...env } });
}
