import type { DurableClient } from 'durable-functions';
import { type InstanceView, isLive, isUnderWay, RootStatusSchema, type RunStatus } from '../core/run-status.ts';
import type { RunRow } from '../services/run-store.ts';
import { instanceOf, rootOf, streamIdsOf } from './instances.ts';
import { HttpProblem, RETRY_AFTER_SECONDS } from './responses.ts';

/** Resolves after so many milliseconds. */
export type Sleep = (delayMs: number) => Promise<void>;

const LOOK_EVERY_MS = 250;
/** What a caller of HTTP can be asked to wait. */
const LOOKS = 20;
const AT_A_TIME = 10;

/** Waits until the root orchestration of a run's current attempt has ended, at most 5 s; answers whether it has. */
export function hasRootEnded(client: DurableClient, sleep: Sleep, row: RunRow): Promise<boolean> {
  return haveEnded(sleep, [row.runId], () => rootOf(client, row));
}

/**
 * Waits until none of the orchestrations is under way, at most 5 s.
 *
 * @returns whether that is so
 */
async function haveEnded(
  sleep: Sleep,
  instanceIds: readonly string[],
  look: (instanceId: string) => Promise<InstanceView>,
): Promise<boolean> {
  let open = instanceIds;
  for (let looks = 0; ; looks += 1) {
    const instances = await inGroups(open, look);
    open = open.filter((_, i) => isLive(instances[i] ?? null));
    if (open.length === 0) return true;
    if (looks === LOOKS) return false;
    await sleep(LOOK_EVERY_MS);
  }
}

/**
 * Terminates a run's root orchestration and then its streams: a terminated root ends no stream, and a terminated stream
 * fails its root. What an activity is doing goes on; its result is dropped.
 *
 * @returns whether all of them have ended; it is the engine that ends them, some time after it was told
 */
export async function terminateRun(client: DurableClient, sleep: Sleep, row: RunRow): Promise<boolean> {
  await terminate(client, row.runId);
  // From then on it starts no more streams.
  const isRootOver = await hasRootEnded(client, sleep, row);
  const streamIds = await terminateStreams(client, row);
  return isRootOver && haveEnded(sleep, streamIds, id => instanceOf(client, id));
}

/**
 * Terminates the streams of a run's current attempt.
 *
 * @returns the ids of all that there may be
 */
export async function terminateStreams(client: DurableClient, row: RunRow): Promise<string[]> {
  const live = RootStatusSchema.safeParse((await rootOf(client, row))?.customStatus).data;
  const isLaidOut = live !== undefined && live.phase !== 'loading';
  const streamIds = streamIdsOf(row, isLaidOut ? live.streams : row.plan.streams);
  await inGroups(streamIds, id => terminate(client, id));
  return streamIds;
}

/**
 * Why a run can be neither retried nor deleted now.
 *
 * @param advice - what to do with a run that is under way
 */
export function stillUnderWay({ runId, status }: RunStatus, advice: string): HttpProblem {
  const detail = isUnderWay(status)
    ? `Run ${runId} is ${status}: ${advice}.`
    : `Run ${runId} is ${status}, but its orchestrations have not ended yet: try again.`;
  return new HttpProblem(409, 'Under way', detail, { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
}

async function terminate(client: DurableClient, instanceId: string): Promise<void> {
  try {
    await client.terminate(instanceId, 'cancelled');
  } catch (error) {
    // The client has no other sign for an instance that is not there; one that has ended is none to it.
    if (!/No instance with ID/.test(String(error))) throw error;
  }
}

/** Does the same for each, ten at a time, and answers in order. */
export async function inGroups<T, R>(items: readonly T[], task: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_A_TIME) {
    results.push(...(await Promise.all(items.slice(at, at + AT_A_TIME).map(task))));
  }
  return results;
}
