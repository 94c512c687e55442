import type { WorkEnd } from './episode.ts';
import { callHttp } from './http-activity.ts';
import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import { HTTP_ACTIVITY } from './protocol/http-call.ts';
import { activityFailure, activityResult, activityTrigger } from './protocol/payloads.ts';
import { invokeSafely } from './run-step.ts';
import type { EngineServices } from './services.ts';
import { type ActivityTask, isFinished } from './store/store.ts';

/** An event less what every end of an activity has. */
type End =
  | { readonly EventType: typeof EventType.TaskCompleted; readonly Result: string | null }
  | { readonly EventType: typeof EventType.TaskFailed; readonly Reason: string; readonly Details: string };

/**
 * Runs an activity and sends its end to the orchestrator.
 *
 * @param hasBroken - whether this was tried before and its worker died: then it counts as failed where nobody waits for it
 */
export async function runActivity(services: EngineServices, task: ActivityTask, hasBroken: boolean): Promise<WorkEnd> {
  const { store, clock } = services;
  const end = await (task.name === HTTP_ACTIVITY
    ? runHttpCall(services, task)
    : runFunction(services, task, hasBroken));
  if (end === 'closed') return { woken: [] };
  if (end === 'lost') return { brokenBy: 'lost' };
  const event: HistoryEvent = { ...eventBase(clock.nowMs()), TaskScheduledId: task.taskId, ...end };
  return { woken: store.completeActivity(task, event) ? [task.instanceId] : [] };
}

async function runFunction(
  services: EngineServices,
  { name, instanceId, executionId, inputJson }: ActivityTask,
  hasBroken: boolean,
): Promise<End | 'lost' | 'closed'> {
  const { worker, store, log } = services;
  if (!services.isRegistered('activity', name)) return failed(name, `The app does not register an activity '${name}'`);
  const instance = hasBroken ? store.getInstance(instanceId) : undefined;
  if (hasBroken && (instance?.executionId !== executionId || isFinished(instance))) {
    return failed(name, 'Nobody waits for it any more');
  }
  const trigger = activityTrigger(inputJson);
  const metadata = { instanceId: { string: instanceId }, data: trigger };
  const outcome = await invokeSafely(worker, name, trigger, metadata);
  switch (outcome.kind) {
    case 'closed':
      return 'closed';
    case 'lost':
      log('debug', name, `${instanceId}: ${outcome.message}; it is delivered again`);
      return 'lost';
    case 'returned':
      return { EventType: EventType.TaskCompleted, Result: activityResult(outcome.returnValue) };
    case 'timedOut':
      log('error', name, `${instanceId}: ${outcome.message}`);
      return failed(name, outcome.message);
    case 'threw':
      return failed(name, outcome.message, outcome.stack);
  }
}

function failed(name: string, message: string, stack = ''): End {
  return { EventType: EventType.TaskFailed, ...activityFailure(name, message, stack) };
}

async function runHttpCall({ fetch, closing }: EngineServices, { inputJson }: ActivityTask): Promise<End | 'closed'> {
  try {
    const response = await callHttp(fetch, JSON.parse(inputJson ?? 'null'), closing);
    return { EventType: EventType.TaskCompleted, Result: JSON.stringify(response) };
  } catch (error) {
    if (closing.aborted) return 'closed';
    return failed(HTTP_ACTIVITY, error instanceof Error ? error.message : String(error));
  }
}
