import { callHttp } from './http-activity.ts';
import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import { HTTP_ACTIVITY } from './protocol/http-call.ts';
import { activityFailure, activityResult, activityTrigger } from './protocol/payloads.ts';
import { deliver } from './run-step.ts';
import type { EngineServices } from './services.ts';
import type { ActivityTask } from './store/store.ts';

/** An event less what every end of an activity has. */
type End =
  | { readonly EventType: typeof EventType.TaskCompleted; readonly Result: string | null }
  | { readonly EventType: typeof EventType.TaskFailed; readonly Reason: string; readonly Details: string };

/**
 * Runs an activity and sends its end to the orchestrator.
 *
 * @returns whether its instance has a message now; false too when the host closes before the end, and the activity runs again
 */
export async function runActivity(services: EngineServices, task: ActivityTask): Promise<boolean> {
  const { store, clock } = services;
  const end = await (task.name === HTTP_ACTIVITY ? runHttpCall(services, task) : runFunction(services, task));
  if (!end) return false;
  const event: HistoryEvent = { ...eventBase(clock.nowMs()), TaskScheduledId: task.taskId, ...end };
  return store.completeActivity(task, event);
}

async function runFunction(
  services: EngineServices,
  { name, instanceId, inputJson }: ActivityTask,
): Promise<End | undefined> {
  if (!services.isRegistered('activity', name)) return failed(name, `The app does not register an activity '${name}'`);
  const trigger = activityTrigger(inputJson);
  const metadata = { instanceId: { string: instanceId }, data: trigger };
  const outcome = await deliver(services, name, trigger, metadata);
  if (!outcome) return undefined;
  if (outcome.kind === 'returned') {
    return { EventType: EventType.TaskCompleted, Result: activityResult(outcome.returnValue) };
  }
  if (outcome.kind === 'timedOut') services.log('error', name, `${instanceId}: ${outcome.message}`);
  return failed(name, outcome.message, outcome.kind === 'threw' ? outcome.stack : '');
}

function failed(name: string, message: string, stack = ''): End {
  return { EventType: EventType.TaskFailed, ...activityFailure(name, message, stack) };
}

async function runHttpCall({ fetch, closing }: EngineServices, { inputJson }: ActivityTask): Promise<End | undefined> {
  try {
    const response = await callHttp(fetch, JSON.parse(inputJson ?? 'null'), closing);
    return { EventType: EventType.TaskCompleted, Result: JSON.stringify(response) };
  } catch (error) {
    if (closing.aborted) return undefined;
    return failed(HTTP_ACTIVITY, error instanceof Error ? error.message : String(error));
  }
}
