import { type Action, ActionType, actionName } from '../protocol/actions.ts';
import type { HostTask } from './host-task.ts';
import type { ShimContext } from './shim-context.ts';

/** Notes a way in which host and orchestrator part, unless it lies in the past and was noted then. */
export function noteDivergence(context: ShimContext, text: string): void {
  if (context.isLive) context.divergences.push(text);
}

/**
 * Notes a call that looks like one still open from an earlier entry of the action list. The protocol does not tell a call
 * made again from an equal call, hence the "if".
 */
export function noteRepeatedCall(context: ShimContext, id: number, action: Action): void {
  if (!context.isLive || !context.isStarting) return;
  for (const openId of context.openTasks.keys()) {
    const other = context.startedById.get(openId);
    if (!other || other.actionIndex >= context.actionIndex) continue;
    if (JSON.stringify(other.action) !== JSON.stringify(action)) continue;
    context.divergences.push(
      `${actionName(action)} ${id} repeats call ${openId}, which is still open. If a pending task was put into a new Task.any ` +
        'or Task.all, it now runs twice and results go to the wrong tasks (azure-functions-durable-js issue 574)',
    );
    return;
  }
}

function takesId({ actionType }: Action): boolean {
  return actionType !== ActionType.ContinueAsNew && actionType !== ActionType.WaitForExternalEvent;
}

/**
 * Tells how host and orchestrator have parted, as far as this episode shows it. The outcome stays what it is on the real host.
 *
 * @param context - after the walk of an instance that goes on
 * @param main - the task of the whole action list
 * @returns one sentence each, for the log
 */
export function findDivergences(context: ShimContext, main: HostTask): readonly string[] {
  const { actions, actionIndex } = context;
  const isAhead = main.settlement === undefined && actions.slice(actionIndex + 1).some(takesId);
  if (context.hasLateId && isAhead) {
    noteDivergence(
      context,
      `the orchestrator went on to its action ${actions.length - 1} while the host still waits for action ${actionIndex}, where a ` +
        'retry or a long timer takes ids: results will go to the wrong tasks. After a failed Task.all, yield each of its tasks first',
    );
  }
  if (!context.isSuspended && context.openTasks.size === 0 && context.eventWaits.size === 0) {
    noteDivergence(
      context,
      'the orchestrator has not ended and the host has nothing open for it: it stays Running until it is terminated',
    );
  }
  return context.divergences;
}
