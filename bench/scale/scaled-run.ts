import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { startAzurite } from '../../local/azurite.ts';
import { hostEnvironment } from '../../local/environment.ts';
import { type MachineUse, readUse, scaledEnvironment } from '../runs/environment.ts';
import { inventIssues } from '../runs/issues.ts';
import { onHost } from '../runs/place.ts';
import { ask, type BenchHost, type Simulator, startBenchHost, startSimulator } from '../runs/rig.ts';
import { pollFor } from '../runs/waits.ts';
import { DEPLOYMENT } from '../runs/workload.ts';

/** A run to be measured. */
export interface ScaledRun {
  readonly issues: number;
  /** Share of the issues whose first call is answered with 503. */
  readonly faultShare: number;
}

/** What a run of many issues has taken. */
export interface ScaleFigures extends ScaledRun {
  /** Issues that have an answer. */
  readonly succeeded: number;
  /** Calls that the simulator got. */
  readonly calls: number;
  /** From the request that starts it until it is seen to be completed. */
  readonly makespanMs: number;
  /** Requests to storage and their time, added up; null where the app does not tell. */
  readonly storage: { readonly operations: number; readonly ms: number } | null;
  /** Processor time during the run. The simulator does the same for each call, so its own tells how fast the machine is. */
  readonly cpuMs: { readonly host: number; readonly worker: number; readonly simulator: number };
  /** The greatest, since the processes' start. */
  readonly rssBytes: { readonly host: number; readonly worker: number };
  /** The worker's greatest by what the run was at, `upload` first; seen once a second. */
  readonly workerRssByPhase: Readonly<Record<string, number>>;
  readonly largestHistory: number;
}

const FAULT = { reply: 'server_error_json', attempts: 1 };
/** Short ones: an upload may have 90 MB. */
const MEAN_CHARACTERS = 400;
/** No pause between batches: it would be all that is measured, where calls take no time. */
const SETTINGS = { STORAGE_TABLE_SHARDS: '16', AI_BATCH_DELAY_MS: '0' };
/** A run makes more than ten issues a second, or something is wrong. */
const LONGEST_MS_AN_ISSUE = 100;
const LEAST_PATIENCE_MS = 300_000;
const REAL_TIME = { scale: 1, originMs: 0 };

const uploadSchema = z.looseObject({ uploadId: z.string(), issues: z.number() });
const startSchema = z.looseObject({ runId: z.string() });
const statusSchema = z.looseObject({
  status: z.string(),
  phase: z.string().nullish(),
  error: z.string().nullish(),
  summary: z
    .looseObject({
      succeeded: z.number(),
      storage: z.looseObject({ operations: z.number(), ms: z.number() }).nullish(),
    })
    .nullable(),
});

async function upload(url: string, count: number): Promise<string> {
  const lines = inventIssues({ seed: 1, count, meanCharacters: MEAN_CHARACTERS }).map(issue => JSON.stringify(issue));
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(`${url}/api/uploads`, { method: 'POST', headers, body: lines.join('\n') });
  if (!response.ok) throw new Error(`The upload was refused: ${response.status} ${await response.text()}`);
  return uploadSchema.parse(await response.json()).uploadId;
}

async function statusOf(url: string, runId: string) {
  const status = await ask(statusSchema, `${url}/api/runs/${runId}`);
  if (status.status === 'failed' || status.status === 'terminated')
    throw new Error(`Run ${runId} is ${status.status}: ${status.error}`);
  return status;
}

/** Keeps the worker's greatest memory by phase. */
function createMemoryLog(useFolder: string) {
  const byPhase: Record<string, number> = {};
  return {
    byPhase,
    async note(phase: string): Promise<void> {
      const { nowRssBytes = 0 } = (await readUse(useFolder))['worker-main'] ?? {};
      byPhase[phase] = Math.max(byPhase[phase] ?? 0, nowRssBytes);
    },
  };
}

/** What one process, by the name of its script, has taken between two looks. */
function usedBetween(before: MachineUse | undefined, after: MachineUse | undefined) {
  return { cpuMs: (after?.cpuMs ?? 0) - (before?.cpuMs ?? 0), rssBytes: after?.rssBytes ?? 0 };
}

/** The run alone, from its start to its end. */
async function complete(
  host: BenchHost,
  uploadId: string,
  { issues }: ScaledRun,
  note: (phase: string) => Promise<void>,
) {
  const begunMs = performance.now();
  const { runId } = await ask(startSchema, `${host.url}/api/runs`, { source: { uploadId }, deployment: DEPLOYMENT });
  const giveUpMs = Math.max(LEAST_PATIENCE_MS, issues * LONGEST_MS_AN_ISSUE);
  const look = async () => {
    const { status, phase, summary } = await statusOf(host.url, runId);
    await note(phase ?? 'end');
    return status === 'completed' ? summary : null;
  };
  // Seldom all the time: looking costs the app something too.
  const summary = await pollFor(look, { notBeforeMs: giveUpMs, giveUpMs });
  return { ...summary, makespanMs: performance.now() - begunMs };
}

async function measure(
  host: BenchHost,
  simulator: Simulator,
  run: ScaledRun,
  useFolder: string,
): Promise<ScaleFigures> {
  const memory = createMemoryLog(useFolder);
  const uploadId = await onHost(host, upload(host.url, run.issues));
  await memory.note('upload');
  const before = await readUse(useFolder);
  const { succeeded, storage, makespanMs } = await onHost(host, complete(host, uploadId, run, memory.note));
  const { stats } = await simulator.read();
  const largestHistory = await host.stop();
  const after = await readUse(useFolder);
  const used = (script: string) => usedBetween(before[script], after[script]);
  const [inHost, inWorker, inSimulator] = [used('host-main'), used('worker-main'), used('main')];
  return {
    ...run,
    succeeded,
    calls: stats.calls,
    makespanMs,
    storage: storage ? { operations: storage.operations, ms: storage.ms } : null,
    cpuMs: { host: inHost.cpuMs, worker: inWorker.cpuMs, simulator: inSimulator.cpuMs },
    rssBytes: { host: inHost.rssBytes, worker: inWorker.rssBytes },
    workerRssByPhase: memory.byPhase,
    largestHistory,
  };
}

/**
 * Runs many issues through an environment of their own: storage emulator, a simulator that answers at once, host and worker.
 *
 * @param appFolder - the built app
 * @throws when a part does not start, or the run does not come to its end
 */
export async function measureScaledRun(run: ScaledRun, appFolder: string): Promise<ScaleFigures> {
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'bench-scale-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const [useFolder, faultsFile] = [join(folder, 'use'), join(folder, 'faults.json')];
  await writeFile(
    faultsFile,
    JSON.stringify(run.faultShare > 0 ? [{ ...FAULT, when: { share: run.faultShare } }] : []),
  );
  const azurite = await startAzurite({ folder: null });
  started.defer(() => azurite.stop());
  const simulatorOptions = { 'latency-ms': 0, deployments: DEPLOYMENT, faults: faultsFile };
  const simulator = await startSimulator(simulatorOptions, scaledEnvironment(REAL_TIME, useFolder));
  started.defer(() => simulator.stop());
  const service = { simulator: true, endpoint: null, deployment: DEPLOYMENT };
  const env = hostEnvironment(
    { ...scaledEnvironment(REAL_TIME, useFolder), ...SETTINGS },
    { connectionString: azurite.connectionString, service, simulatorUrl: simulator.url },
  );
  const host = await startBenchHost({ appFolder, stateFile: join(folder, 'state.db'), env });
  started.defer(async () => void (await host.stop()));
  return await measure(host, simulator, run, useFolder);
}
