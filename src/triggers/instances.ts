import type { DurableClient } from 'durable-functions';
import type { InstanceView } from '../core/run-status.ts';

/** An orchestration instance as the durable client shows it; null where there is none. */
export async function instanceOf(client: DurableClient, instanceId: string): Promise<InstanceView> {
  try {
    return await client.getStatus(instanceId, { showInput: false });
  } catch (error) {
    // The client has no other sign for it.
    if (/HTTP 404/.test(String(error))) return null;
    throw error;
  }
}
