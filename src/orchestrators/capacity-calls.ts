import { EntityId, type OrchestrationContext, type Task } from 'durable-functions';
import type { Leave, Reserve } from '../core/capacity/messages.ts';
import { CAPACITY_ENTITY } from '../core/names.ts';

/** Asks the capacity entity of a deployment for the right to start calls; the task's result is a `Grant`. */
export function reserve(context: OrchestrationContext, deployment: string, message: Reserve): Task {
  return context.df.callEntity(new EntityId(CAPACITY_ENTITY, deployment), 'reserve', message);
}

/** Tells the capacity entity of a deployment that a run has ended; the task's result is a `CapacityView`. */
export function leave(context: OrchestrationContext, deployment: string, message: Leave): Task {
  return context.df.callEntity(new EntityId(CAPACITY_ENTITY, deployment), 'leave', message);
}
