import {
  type Action,
  ActionType,
  type ActivityAction,
  actionName,
  type RetryOptions,
  type SubOrchestratorAction,
} from '../protocol/actions.ts';
import { type HostTask, type Routine, settledTask, spawn, whenAll, whenAny } from './host-task.ts';
import { decide, refuse, type ShimContext, waitForEvent } from './shim-context.ts';
import { noteDivergence } from './shim-divergence.ts';
import { startEntityOperation } from './shim-entities.ts';
import { runHttpCall } from './shim-http.ts';

const DEFAULT_MAX_RETRY_INTERVAL_MS = 6 * 24 * 3_600_000;
const LARGEST_INT32 = 2 ** 31 - 1;

/** The action list, each entry waited for before the next is started. What fails is swallowed: the orchestrator saw it already. */
export function* runActions(context: ShimContext): Routine {
  for (const [index, action] of context.actions.entries()) {
    context.actionIndex = index;
    yield startAction(context, action);
  }
  context.actionIndex = context.actions.length;
  return 'succeeded';
}

function startAction(context: ShimContext, action: Action): HostTask {
  switch (action.actionType) {
    case ActionType.CallActivity:
    case ActionType.CallActivityWithRetry:
      return startActivity(context, action);
    case ActionType.CallSubOrchestrator:
    case ActionType.CallSubOrchestratorWithRetry:
      return startSubOrchestrator(context, action);
    case ActionType.ContinueAsNew:
      context.continueAsNew = { input: action.input };
      return settledTask('succeeded');
    case ActionType.CreateTimer:
      return spawn(runTimer(context, action, Date.parse(action.fireAt), action.isCanceled));
    case ActionType.WaitForExternalEvent:
      return waitForEvent(context, action.externalEventName);
    case ActionType.WhenAll:
      return whenAll(action.compoundActions.map(each => startAction(context, each)));
    case ActionType.WhenAny:
      return whenAny(action.compoundActions.map(each => startAction(context, each)));
    case ActionType.CallEntity:
    case ActionType.SignalEntity:
      return startEntityOperation(context, action);
    case ActionType.CallHttp:
      return spawn(runHttpCall(context, action));
    default:
      throw refuse(context, `it uses ${actionName(action)}, which this local host does not offer`);
  }
}

function startActivity(context: ShimContext, action: ActivityAction): HostTask {
  const { functionName: name } = action;
  if (!context.environment.isRegistered('activity', name)) {
    throw refuse(context, `it calls the activity '${name}', which the app does not register`);
  }
  const attempt = () => decide(context, action, { kind: 'activity', name, input: action.input });
  return action.actionType === ActionType.CallActivity ? attempt() : startWithRetry(context, action, attempt);
}

function startSubOrchestrator(context: ShimContext, action: SubOrchestratorAction): HostTask {
  const { functionName: name, instanceId, version = '', input } = action;
  const { environment } = context;
  if (!environment.isRegistered('orchestrator', name)) {
    throw refuse(context, `it calls the sub-orchestrator '${name}', which the app does not register`);
  }
  if (instanceId && isRefusedChildId(context, instanceId)) {
    noteDivergence(
      context,
      'call-never-made',
      `sub-orchestration id "${instanceId}" is the instance's own, its parent's, or starts with "@": the host refuses the call, ` +
        'the orchestrator waits for it; give the child an id of its own, or none',
    );
    return settledTask('failed');
  }
  const attempt = () =>
    decide(context, action, {
      kind: 'child',
      name,
      version,
      instanceId: instanceId?.trim() ? instanceId : `${environment.executionId}:${context.nextId}`,
      input,
    });
  return action.actionType === ActionType.CallSubOrchestrator ? attempt() : startWithRetry(context, action, attempt);
}

function isRefusedChildId({ environment }: ShimContext, instanceId: string): boolean {
  const id = instanceId.toLowerCase();
  const taken = [environment.instanceId, environment.parentInstanceId ?? environment.instanceId];
  return id.startsWith('@') || taken.some(each => each.toLowerCase() === id);
}

type RetriedAction = (ActivityAction | SubOrchestratorAction) & { readonly retryOptions: RetryOptions };

function startWithRetry(context: ShimContext, action: RetriedAction, attempt: () => HostTask): HostTask {
  const { maximumShortTimerMs } = context.environment.settings;
  const { retryOptions } = action;
  if (Object.values(retryOptions).some(value => value > LARGEST_INT32)) {
    throw refuse(
      context,
      `Value was either too large or too small for an Int32. (retry options of '${action.functionName}')`,
    );
  }
  const longestMs = Math.max(
    retryOptions.firstRetryIntervalInMilliseconds,
    retryOptions.maxRetryIntervalInMilliseconds ?? 0,
  );
  if (longestMs > maximumShortTimerMs || retryOptions.maxNumberOfAttempts < 1) {
    noteDivergence(
      context,
      'call-never-made',
      `the call of '${action.functionName}' with ${retryOptions.maxNumberOfAttempts} attempts and an interval of ${longestMs} ms is never ` +
        `made, and the orchestrator waits for it; ask for at least 1 attempt and at most ${maximumShortTimerMs} ms`,
    );
    return settledTask('failed');
  }
  return spawn(runWithRetry(context, action, attempt));
}

/** Attempts with timers between them. After the last failure one more timer, due at once, comes before the error. */
function* runWithRetry(context: ShimContext, action: RetriedAction, attempt: () => HostTask): Routine {
  const { retryOptions } = action;
  const { maxNumberOfAttempts, firstRetryIntervalInMilliseconds: firstMs, backoffCoefficient = 1 } = retryOptions;
  const maxMs = retryOptions.maxRetryIntervalInMilliseconds ?? DEFAULT_MAX_RETRY_INTERVAL_MS;
  const giveUpAtMs = context.nowMs + (retryOptions.retryTimeoutInMilliseconds ?? Number.POSITIVE_INFINITY);
  for (let failures = 0; failures < maxNumberOfAttempts; failures++) {
    if ((yield attempt()) === 'succeeded') return 'succeeded';
    if (context.nowMs >= giveUpAtMs) {
      noteDivergence(
        context,
        'retry-ended-early',
        `retryTimeoutInMilliseconds ended the retries of '${action.functionName}': the host is done with the call, the orchestrator ` +
          'waits for a timer that never comes; bound the retries by maxNumberOfAttempts alone',
      );
      return 'failed';
    }
    const isLast = failures + 1 >= maxNumberOfAttempts;
    const delayMs = isLast ? 0 : Math.min(firstMs * backoffCoefficient ** failures, maxMs);
    yield decide(context, action, { kind: 'timer', fireAtMs: context.nowMs + delayMs });
  }
  return 'failed';
}

/** One timer, in segments when it is long. A cancelled one takes its id and is over at once. */
function* runTimer(context: ShimContext, action: Action, fireAtMs: number, isCanceled: boolean): Routine {
  const { maximumShortTimerMs, longTimerIntervalMs } = context.environment.settings;
  let segmentEndMs = fireAtMs;
  if (fireAtMs - context.nowMs > maximumShortTimerMs) {
    context.isLongTimerPending = true;
    segmentEndMs = context.nowMs + longTimerIntervalMs;
  }
  const isSegmented = context.isLongTimerPending;
  // While a long timer is pending, a timer that is due already takes no id: the real host's loop never starts for it.
  const takesNoId = isSegmented && context.nowMs >= fireAtMs;
  if (takesNoId) {
    noteDivergence(
      context,
      'unnumbered-timer',
      'a timer that is due already was made while a long timer is pending: the host gives it no id, the orchestrator waits for it; ' +
        'make no timer whose instant is not after currentUtcDateTime',
    );
  }
  while (!takesNoId) {
    const id = context.nextId;
    const segment = decide(context, action, { kind: 'timer', fireAtMs: segmentEndMs });
    if (isCanceled) {
      context.openTasks.delete(id);
      return 'failed';
    }
    yield segment;
    const restMs = fireAtMs - context.nowMs;
    if (!isSegmented || restMs <= 0) break;
    segmentEndMs = context.nowMs + Math.min(restMs, longTimerIntervalMs);
  }
  context.isLongTimerPending = false;
  return 'succeeded';
}
