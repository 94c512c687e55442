import { type Action, ActionType, actionName } from './actions.ts';
import type { HostTask } from './host-task.ts';
import type { ShimContext } from './shim-context.ts';

function takesId({ actionType }: Action): boolean {
  return actionType !== ActionType.ContinueAsNew && actionType !== ActionType.WaitForExternalEvent;
}

/** Calls decided now that look like calls still open from an earlier entry of the action list. */
function findRepeatedCalls({ decisions, openTasks, startedById }: ShimContext): string[] {
  return [...decisions.keys()].flatMap(id => {
    const started = startedById.get(id);
    if (!started) return [];
    const twinId = [...openTasks.keys()].find(openId => {
      const other = startedById.get(openId);
      if (!other || other.actionIndex >= started.actionIndex) return false;
      return JSON.stringify(other.action) === JSON.stringify(started.action);
    });
    if (twinId === undefined) return [];
    return [
      `${actionName(started.action)} ${id} repeats call ${twinId}, which is still open. If a pending task was put into a new ` +
        'Task.any or Task.all, it now runs twice and results go to the wrong tasks (azure-functions-durable-js issue 574)',
    ];
  });
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
  const found = [...context.divergences, ...findRepeatedCalls(context)];
  const isAhead = main.settlement === undefined && actions.slice(actionIndex + 1).some(takesId);
  if (context.hasLateId && isAhead) {
    found.push(
      `the orchestrator went on to its action ${actions.length - 1} while the host still waits for action ${actionIndex}, where a ` +
        'retry or a long timer takes ids: results will go to the wrong tasks. After a failed Task.all, yield each of its tasks first',
    );
  }
  if (!context.isSuspended && context.openTasks.size === 0 && context.eventWaits.size === 0) {
    found.push(
      'the orchestrator has not ended and the host has nothing open for it: it stays Running until it is terminated',
    );
  }
  return found;
}
