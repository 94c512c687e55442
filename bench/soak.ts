// Kills the host and its workers again and again while orchestrations run, and checks that nothing is lost or done twice.
// usage: npm run soak [-- --rounds N] [--minutes N] [--seed N]
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { startHostProcess } from '../local/host-process.ts';

const APP = join(import.meta.dirname, 'apps/load');
const TALLY = 'soak';
const ITEMS = 6;
const STARTS_PER_ROUND = 4;
/** What a run adds to the tally: 1 by a signal, a million by a call. */
const TALLY_PER_RUN = 1_000_001;
const MANAGEMENT = '/runtime/webhooks/durabletask';

/** How to soak. */
export interface SoakOptions {
  readonly rounds: number;
  /** No further round begins after that. */
  readonly maxMs: number;
  readonly seed: number;
  readonly log: (line: string) => void;
}

/** What came of it. */
export interface SoakResult {
  readonly rounds: number;
  readonly killedHosts: number;
  readonly killedWorkers: number;
  readonly runs: number;
  readonly completed: number;
  /** Ends of activities that histories show more than once, or not at all. */
  readonly wrongEnds: number;
  /** The entity's count against what it must be. */
  readonly tally: { readonly is: number; readonly expected: number };
  readonly durationMs: number;
}

const workerSchema = z.object({ pid: z.number() });
const statusSchema = z.looseObject({
  runtimeStatus: z.string(),
  output: z.unknown(),
  historyEvents: z.array(z.looseObject({ EventType: z.string(), FunctionName: z.string().optional() })).optional(),
});

/** Numbers from 0 to 1 that follow from a seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const pause = (lengthMs: number) => new Promise(resolve => setTimeout(resolve, lengthMs));

/** A host that can be killed and started again on the same state. */
async function createVictim(folder: string) {
  const start = (port: number) =>
    startHostProcess({
      appFolder: APP,
      port,
      stateFile: join(folder, 'state.db'),
      env: { ...definedEnvironment(), FUNCTIONS_WORKER_PROCESS_COUNT: '2', FUNCTIONS_WORKER_LOG_LEVEL: 'ERROR' },
    });
  let host = await start(0);
  const url = host.ready;
  return {
    url,
    async killHost() {
      process.kill(host.pid, 'SIGKILL');
      await host.ended;
      host = await start(Number(new URL(url).port));
    },
    async killWorker() {
      const { pid } = workerSchema.parse(await (await fetch(`${url}/api/worker`)).json());
      process.kill(pid, 'SIGKILL');
    },
    stop: () => host.stop(),
  };
}

function definedEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function startRun(url: string, id: string): Promise<void> {
  const body = JSON.stringify({ items: ITEMS, tally: TALLY, delayMs: 20 });
  const response = await fetch(`${url}${MANAGEMENT}/orchestrators/everything/${id}`, { method: 'POST', body });
  if (response.status !== 202) throw new Error(`Start of ${id}: ${response.status} ${await response.text()}`);
}

async function statusOf(url: string, id: string) {
  const query = 'showHistory=true&showHistoryOutput=false&showInput=false';
  return statusSchema.parse(await (await fetch(`${url}${MANAGEMENT}/instances/${id}?${query}`)).json());
}

async function waitForEnd(url: string, id: string, deadlineMs: number) {
  for (;;) {
    const status = await statusOf(url, id);
    if (!['Pending', 'Running'].includes(status.runtimeStatus) || performance.now() > deadlineMs) return status;
    await pause(50);
  }
}

const EXPECTED_OUTPUT = JSON.stringify({
  echoes: Array.from({ length: ITEMS }, (_, value) => value),
  child: (ITEMS * (ITEMS - 1)) / 2,
});

/** Ends of the fan-out's activities that a history shows too often or not at all. */
function countWrongEnds({ historyEvents = [] }: z.infer<typeof statusSchema>): number {
  const ends = historyEvents.filter(
    ({ EventType, FunctionName }) => /^Task/.test(EventType) && FunctionName === 'echo',
  );
  return Math.abs(ends.length - ITEMS) + ends.filter(({ EventType }) => EventType !== 'TaskCompleted').length;
}

async function judge(url: string, ids: readonly string[]) {
  const deadlineMs = performance.now() + 60_000;
  let [completed, wrongEnds] = [0, 0];
  for (const id of ids) {
    const status = await waitForEnd(url, id, deadlineMs);
    if (status.runtimeStatus === 'Completed' && JSON.stringify(status.output) === EXPECTED_OUTPUT) completed += 1;
    wrongEnds += countWrongEnds(status);
  }
  const tally = await (await fetch(`${url}${MANAGEMENT}/entities/tally/${TALLY}`)).json();
  return { completed, wrongEnds, tally: { is: Number(tally), expected: ids.length * TALLY_PER_RUN } };
}

/** Soaks a host: each round starts orchestrations and kills, in turn, a worker or the host in their midst. */
export async function soak({ rounds, maxMs, seed, log }: SoakOptions): Promise<SoakResult> {
  const random = createRandom(seed);
  const startedMs = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'soak-'));
  const ids: string[] = [];
  let [killedHosts, killedWorkers] = [0, 0];
  const victim = await createVictim(folder);
  try {
    for (let round = 0; round < rounds && performance.now() - startedMs < maxMs; round++) {
      for (let k = 0; k < STARTS_PER_ROUND; k++) {
        const id = `run-${round}-${k}`;
        await startRun(victim.url, id);
        ids.push(id);
      }
      await pause(random() * 250);
      if (round % 2 === 0) {
        await victim.killWorker();
        killedWorkers += 1;
      } else {
        await victim.killHost();
        killedHosts += 1;
      }
      log(`round ${round + 1}: ${round % 2 === 0 ? 'a worker' : 'the host'} killed`);
    }
    const verdict = await judge(victim.url, ids);
    const durationMs = Math.round(performance.now() - startedMs);
    return {
      rounds: killedHosts + killedWorkers,
      killedHosts,
      killedWorkers,
      runs: ids.length,
      ...verdict,
      durationMs,
    };
  } finally {
    await victim.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Whether nothing was lost and nothing done twice. */
export function isSound({ runs, completed, wrongEnds, tally }: SoakResult): boolean {
  return completed === runs && wrongEnds === 0 && tally.is === tally.expected;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string' }, minutes: { type: 'string' }, seed: { type: 'string' } },
  });
  const { rounds, minutes, seed } = z
    .object({
      rounds: z.coerce.number().int().min(1).max(10_000).default(50),
      minutes: z.coerce.number().min(0.1).max(600).default(4),
      seed: z.coerce
        .number()
        .int()
        .default(Date.now() % 1_000_000),
    })
    .parse(values);
  console.log(`soak: ${rounds} rounds, at most ${minutes} min, seed ${seed}`);
  const result = await soak({ rounds, maxMs: minutes * 60_000, seed, log: console.log });
  console.log(JSON.stringify(result, null, 2));
  console.log(isSound(result) ? 'nothing lost, nothing done twice' : 'FAILED');
  process.exitCode = isSound(result) ? 0 : 1;
}
