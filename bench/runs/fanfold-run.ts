import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { startAzurite } from '../../local/azurite.ts';
import { hostEnvironment } from '../../local/environment.ts';
import type { Issue } from '../../src/core/issues.ts';
import { CEILING_VARIABLE } from '../../src/core/settings.ts';
import {
  begin,
  concurrencyEnv,
  looks,
  onHost,
  type Part,
  type Place,
  type Plan,
  startHostFor,
  type Taken,
  warmUpLooks,
} from './place.ts';
import { ask } from './rig.ts';
import { pollFor } from './waits.ts';
import { DEPLOYMENT } from './workload.ts';

const planSchema = z.looseObject({
  expected: z.looseObject({ durationMs: z.number(), boundBy: z.string(), costUsd: z.number() }),
});
const startSchema = z.looseObject({ runId: z.string() });
const statusSchema = z.looseObject({
  status: z.string(),
  error: z.string().nullish(),
  summary: z
    .looseObject({
      total: z.number(),
      succeeded: z.number(),
      costUsd: z.number().nullable(),
      tokens: z.looseObject({ totalTokens: z.number() }),
    })
    .nullable(),
});

/** How a run has ended. */
interface RunEnd {
  readonly succeeded: number;
  readonly totalTokens: number;
  readonly costUsd: number | null;
}

const bodyOf = (issues: readonly Issue[]) => ({ source: { issues }, deployment: DEPLOYMENT });

async function planRun(url: string, issues: readonly Issue[]): Promise<Plan> {
  const { expected } = await ask(planSchema, `${url}/api/runs?plan=true`, bodyOf(issues));
  const { durationMs, boundBy, costUsd } = expected;
  return { durationMs, boundBy, costUsd };
}

/** Starts a run; returns its id. */
export async function startRun(url: string, issues: readonly Issue[]): Promise<string> {
  return (await ask(startSchema, `${url}/api/runs`, bodyOf(issues))).runId;
}

/**
 * Looks whether a run has come to its end; null while it is under way.
 *
 * @throws when it has ended otherwise than with an outcome for each issue
 */
export async function endOfRun(url: string, runId: string): Promise<RunEnd | null> {
  const { status, error, summary } = await ask(statusSchema, `${url}/api/runs/${runId}`);
  if (status === 'failed' || status === 'terminated') throw new Error(`Run ${runId} is ${status}: ${error}`);
  if (status !== 'completed' || summary === null) return null;
  return { succeeded: summary.succeeded, costUsd: summary.costUsd, totalTokens: summary.tokens.totalTokens };
}

/**
 * What share of the calls each run got until the first of them ended: that one has had all its calls then, and the others,
 * together, the rest of those that were let in.
 */
async function sharesAtFirstEnd(ends: readonly Promise<RunEnd>[], callsEach: number, { simulator }: Place) {
  const first = await Promise.race(
    ends.map(async (end, k) => {
      await end;
      return k;
    }),
  );
  const { requests } = (await simulator.read()).meters.admitted.total;
  const others = (requests - callsEach) / (ends.length - 1);
  return ends.map((_, k) => (k === first ? callsEach : others) / requests);
}

/** From the start of a run to the plan of the next one, which is to see it, in virtual milliseconds. */
const SEEN_AFTER_MS = 5_000;

/**
 * Plans and starts runs, each one when those before it can be seen by its plan.
 *
 * @returns their ids, and what the last plan had expected of all of them since the start of the first
 */
async function startAll(place: Place, url: string, parts: readonly (readonly Issue[])[]) {
  const { timeScale } = place.setting.bench;
  let plan = await planRun(url, parts[0] ?? []);
  const passedMs = await begin(place);
  const ids: string[] = [];
  for (const part of parts) {
    if (ids.length > 0) {
      await delay(SEEN_AFTER_MS / timeScale);
      const next = await planRun(url, part);
      plan = { ...next, durationMs: passedMs() + next.durationMs, costUsd: plan.costUsd + next.costUsd };
    }
    ids.push(await startRun(url, part));
  }
  return { ids, plan, passedMs };
}

/** Runs at one time, over equal parts of the workload. */
async function runAll(place: Place, url: string): Promise<Taken> {
  const { setting } = place;
  const { issues } = setting.workload;
  const { runs } = setting.bench;
  const size = issues.length / runs;
  const parts = Array.from({ length: runs }, (_, k) => issues.slice(k * size, (k + 1) * size));
  const { ids, plan, passedMs } = await startAll(place, url, parts);
  const ending = ids.map(id => pollFor(() => endOfRun(url, id), looks(setting)));
  const shares = runs === 1 ? null : await sharesAtFirstEnd(ending, size, place);
  const ends = await Promise.all(ending);
  const makespanMs = passedMs();
  const costs = ends.map(({ costUsd }) => costUsd);
  return {
    makespanMs,
    answered: ends.reduce((sum, { succeeded }) => sum + succeeded, 0),
    tokens: ends.reduce((sum, { totalTokens }) => sum + totalTokens, 0),
    costUsd: costs.some(cost => cost === null) ? null : costs.reduce<number>((sum, cost) => sum + (cost ?? 0), 0),
    plan,
    shares,
  };
}

/** As the README advises: what reads and writes rows needs a slot of the host, but no permit. */
const roomyCeiling = ({ bench: { concurrency } }: Place['setting']) => ({
  [CEILING_VARIABLE]: String(Math.ceil(1.5 * concurrency)),
});

/**
 * The app on a host of its own, with a storage emulator of its own: a run over other issues first, by which it learns how fast
 * the deployment is, then the measured one.
 *
 * @param settings - of the app, beside the number of calls at one time
 */
export function fanfold(settings: Readonly<Record<string, string>> = {}) {
  return async (place: Place): Promise<Part> => {
    const { setting, simulator, started, appFolder } = place;
    const azurite = await startAzurite({ folder: null });
    started.defer(() => azurite.stop());
    const service = { simulator: true, endpoint: null, deployment: DEPLOYMENT };
    const env = hostEnvironment(
      { ...place.env, ...concurrencyEnv(setting), ...roomyCeiling(setting), ...settings },
      { connectionString: azurite.connectionString, service, simulatorUrl: simulator.url },
    );
    const host = await startHostFor(place, appFolder, env);
    await using ending = new AsyncDisposableStack();
    ending.defer(async () => void (await host.stop()));
    const warmUpId = await startRun(host.url, setting.warmUp.issues);
    await onHost(
      host,
      pollFor(() => endOfRun(host.url, warmUpId), warmUpLooks(setting)),
    );
    const taken = await onHost(host, runAll(place, host.url));
    return { taken, largestHistory: await host.stop() };
  };
}
