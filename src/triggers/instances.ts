import type { DurableClient } from 'durable-functions';
import { CONTRACTS, type RunInput } from '../core/contracts.ts';
import { streamInstanceId } from '../core/names.ts';
import { type InstanceView, RootStatusSchema, type RunStatus, rootOfAttempt, runStatusOf } from '../core/run-status.ts';
import type { RunRow } from '../services/run-store.ts';

/** An orchestration instance as the durable client shows it; null where there is none. */
export async function instanceOf(
  client: DurableClient,
  instanceId: string,
  { showInput = false } = {},
): Promise<InstanceView> {
  try {
    return await client.getStatus(instanceId, { showInput });
  } catch (error) {
    // The client has no other sign for it.
    if (/HTTP 404/.test(String(error))) return null;
    throw error;
  }
}

/** The root orchestration of a run's attempt; null where there is none, or one of another attempt. */
export async function rootOf(
  client: DurableClient,
  { runId, attempt }: Pick<RunRow, 'runId' | 'attempt'>,
): Promise<InstanceView> {
  return rootOfAttempt(await instanceOf(client, runId, { showInput: true }), attempt);
}

/** Instance ids of the first streams of a run's current attempt. */
export function streamIdsOf({ runId, attempt }: Pick<RunRow, 'runId' | 'attempt'>, streams: number): string[] {
  return Array.from({ length: streams }, (_, stream) => streamInstanceId(runId, attempt, stream));
}

/** Where a run stands, by its row and its orchestrations; one with a summary is not looked for in the engine. */
export async function statusOf(row: RunRow, client: DurableClient): Promise<RunStatus> {
  const { analysis, deployment } = row.plan;
  const facts = { ...row, analysis, deployment, caps: row.plan, limits: row.plan, spent: row.plan.spent };
  if (row.summary) return runStatusOf(facts, null, [], Date.now());
  const root = await rootOf(client, row);
  const ids = streamIdsOf(row, RootStatusSchema.safeParse(root?.customStatus).data?.streams ?? 0);
  return runStatusOf(facts, root, await Promise.all(ids.map(id => instanceOf(client, id))), Date.now());
}

/** Starts a run's orchestration; a request that lost the race against its own repetition finds it started. */
export async function startOnce(client: DurableClient, input: RunInput): Promise<void> {
  try {
    await client.startNew(CONTRACTS.processIssues.name, { instanceId: input.runId, input });
  } catch (error) {
    if ((await rootOf(client, input)) === null) throw error;
  }
}
