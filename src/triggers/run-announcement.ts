import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { RunControlMessage } from '../core/capacity/messages.ts';
import { CAPACITY_ENTITY, capacityRunId } from '../core/names.ts';
import type { Wish } from '../core/run-control.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';

/** An invocation that speaks to the engine. */
export interface Speaker {
  readonly client: df.DurableClient;
  readonly context: InvocationContext;
}

/**
 * Tells the capacity entity what the row says, until the row says no other thing: of two that tell a run at one moment,
 * the later to write is the last to be heard.
 *
 * @returns whether the entity could be told; a failure is logged, since workers look at the row themselves
 */
export async function announce(
  runs: Pick<RunStore, 'control'>,
  { client, context }: Speaker,
  row: RunRow,
): Promise<boolean> {
  let told: Wish | undefined;
  try {
    for (let wish = row.control; wish !== told; wish = await runs.control(row.runId, row.attempt)) {
      await signal(client, row, wish);
      told = wish;
    }
    return true;
  } catch (error) {
    context.warn(`the capacity of ${row.plan.deployment} was not told of run ${row.runId}`, error);
    return false;
  }
}

function signal(client: df.DurableClient, { runId, attempt, plan }: RunRow, wish: Wish): Promise<void> {
  const message: RunControlMessage = {
    runId: capacityRunId(runId, attempt),
    control: wish ?? 'go',
    nowMs: Date.now(),
  };
  return client.signalEntity(new df.EntityId(CAPACITY_ENTITY, plan.deployment), 'control', message);
}
