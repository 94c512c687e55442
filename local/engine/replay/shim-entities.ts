import { ActionType, type EntityAction } from '../protocol/actions.ts';
import { type EntityRequest, parseEntityId } from '../protocol/entities.ts';
import { guidOf } from '../protocol/ids.ts';
import { type HostTask, settledTask } from './host-task.ts';
import { giveId, refuse, type ShimContext, waitForEvent } from './shim-context.ts';

/**
 * Sends an operation to an entity. The sending takes one id and opens nothing; a call then waits for an event that has the
 * request's GUID as its name, and such a wait keeps no orchestration from ending.
 *
 * @throws {ReplayFailure} when the app does not register the entity; the real host sends nothing and waits for ever
 */
export function startEntityOperation(context: ShimContext, action: EntityAction): HostTask {
  const { environment } = context;
  const { name = '' } = parseEntityId(action.instanceId) ?? {};
  if (!environment.isRegistered('entity', name)) {
    throw refuse(context, `it calls the entity '${name}', which the app does not register`);
  }
  const isSignal = action.actionType === ActionType.SignalEntity;
  const request: EntityRequest = {
    op: action.operation,
    ...(isSignal && { signal: true }),
    ...(action.input !== undefined && { input: JSON.stringify(action.input) }),
    id: guidOf(`${environment.executionId}:${context.nextId}`),
    parent: environment.instanceId,
    parentExecution: environment.executionId,
  };
  giveId(context, action, { kind: 'send', target: action.instanceId, inputJson: JSON.stringify(request) });
  return isSignal ? settledTask('succeeded') : waitForEvent(context, request.id);
}
