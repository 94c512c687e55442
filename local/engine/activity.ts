import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import { activityFailure, activityResult, activityTrigger } from './protocol/payloads.ts';
import type { InvocationOutcome } from './protocol/worker.ts';
import { type EngineServices, invokeSafely } from './services.ts';
import type { ActivityTask } from './store/store.ts';

/**
 * Runs an activity and sends its end to the orchestrator.
 *
 * @param functionTimeoutMs - after that it counts as failed; its code may run on, and its result is dropped
 * @returns whether its instance has a message now
 */
export async function runActivity(
  services: EngineServices,
  functionTimeoutMs: number,
  task: ActivityTask,
): Promise<boolean> {
  const { store, clock, isRegistered } = services;
  const outcome = isRegistered('activity', task.name)
    ? await invokeWithin(services, functionTimeoutMs, task)
    : ({ kind: 'threw', message: `The app does not register an activity '${task.name}'`, stack: '' } as const);
  return store.completeActivity(task, endEvent(task, outcome, clock.nowMs()));
}

async function invokeWithin(
  { worker, clock, log }: EngineServices,
  functionTimeoutMs: number,
  { name, instanceId, inputJson }: ActivityTask,
): Promise<InvocationOutcome> {
  const trigger = activityTrigger(inputJson);
  const metadata = { instanceId: { string: instanceId }, data: trigger };
  const { promise: timedOut, resolve } = Promise.withResolvers<InvocationOutcome>();
  const withdraw = clock.callAt(clock.nowMs() + functionTimeoutMs, () => {
    const message = `Timeout value of ${functionTimeoutMs / 1_000} s (functionTimeout) exceeded by function 'Functions.${name}'`;
    log('error', name, `${instanceId}: ${message}`);
    resolve({ kind: 'threw', message, stack: '' });
  });
  try {
    return await Promise.race([invokeSafely(worker, name, trigger, metadata), timedOut]);
  } finally {
    withdraw();
  }
}

function endEvent({ name, taskId }: ActivityTask, outcome: InvocationOutcome, nowMs: number): HistoryEvent {
  const base = { ...eventBase(nowMs), TaskScheduledId: taskId };
  if (outcome.kind === 'threw') {
    return { ...base, EventType: EventType.TaskFailed, ...activityFailure(name, outcome.message, outcome.stack) };
  }
  return { ...base, EventType: EventType.TaskCompleted, Result: activityResult(outcome.returnValue) };
}
