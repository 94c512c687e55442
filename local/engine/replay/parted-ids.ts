import { type Action, ActionType, actionName } from '../protocol/actions.ts';
import { HTTP_ACTIVITY } from '../protocol/http-call.ts';
import type { ExecutorTask, ExecutorView } from '../protocol/worker.ts';
import type { Decision, ShimContext } from './shim-context.ts';
import type { DivergenceCode } from './shim-divergence.ts';

/** An action that is no compound, at its place in the list. */
export interface Place {
  readonly action: Action;
  /** Index of the entry of the list that it belongs to. */
  readonly entry: number;
}

/** All actions but compounds, depth first: the order in which both sides count them. */
export function listPlaces(actions: readonly Action[]): readonly Place[] {
  const places: Place[] = [];
  function visit(action: Action, entry: number): void {
    if (action.actionType === ActionType.WhenAll || action.actionType === ActionType.WhenAny) {
      for (const each of action.compoundActions) visit(each, entry);
    } else places.push({ action, entry });
  }
  actions.forEach(visit);
  return places;
}

/** An action as reports name it. */
export function describeAction(action: Action): string {
  switch (action.actionType) {
    case ActionType.CallActivity:
    case ActionType.CallActivityWithRetry:
      return `activity '${action.functionName}'`;
    case ActionType.CallSubOrchestrator:
    case ActionType.CallSubOrchestratorWithRetry:
      return `sub-orchestration '${action.functionName}'`;
    case ActionType.CreateTimer:
      return 'a timer';
    case ActionType.CallHttp:
      return `the HTTP call of ${action.httpRequest.uri}`;
    case ActionType.CallEntity:
    case ActionType.SignalEntity:
      return `the operation '${action.operation}' of entity ${action.instanceId}`;
    default:
      return actionName(action);
  }
}

type TaskKind = ExecutorTask['kind'];

function kindOf(decision: Decision): TaskKind {
  if (decision.kind === 'send') return 'entity';
  return decision.kind === 'activity' && decision.name === HTTP_ACTIVITY ? 'http' : decision.kind;
}

/** What an id stands for: retries and polls put timers under ids of an action that is no timer. */
function describe(kind: TaskKind, action: Action): string {
  const text = describeAction(action);
  return kind === 'timer' && action.actionType !== ActionType.CreateTimer ? `a timer of ${text}` : text;
}

function describeTask(task: ExecutorTask | undefined, place: Place | undefined): string {
  if (!task) return 'nothing that it waits for';
  return place
    ? describe(task.kind, place.action)
    : [task.kind, task.name && `'${task.name}'`].filter(Boolean).join(' ');
}

/** Why host and orchestrator have parted: the code of the cause, and the sentence. */
export interface Cause {
  readonly code: DivergenceCode;
  readonly text: string;
}

/** What cancelling a timer does to ids that were taken after its race began. */
export const CANCELLED_TIMER_TEXT =
  'a timer was cancelled that raced something while retries, polls or long timers took ids: the host now takes the race for decided ' +
  'at its start, and numbers what follows differently; put what is retried, polled or long into a sub-orchestration, or cancel the ' +
  'timer directly before return or continueAsNew';

/**
 * The first of the host's new ids that stands for something else in the orchestrator. An orchestrator that is ahead is no
 * fault yet: after a failed Task.all it goes on at once, while the host waits for all tasks.
 *
 * @param options.isAtWork - whether the orchestrator has seen every event; only then must it know each id of the host
 */
export function findPartedId(
  context: ShimContext,
  executor: ExecutorView,
  { places, isAtWork }: { readonly places: readonly Place[]; readonly isAtWork: boolean },
): Cause | undefined {
  const tasks = new Map(executor.openTasks.map(task => [task.id, task]));
  const placeOf = new Map(places.map((place, index) => [place.action, index]));
  for (const decision of [...context.decisions.values()].sort((a, b) => a.id - b.id)) {
    const action = context.actionById.get(decision.id);
    const index = action && placeOf.get(action);
    const ours = index === undefined ? undefined : places[index];
    if (index === undefined || !ours) continue;
    const task = tasks.get(decision.id);
    // What an orchestrator has sent without waiting is not among its open tasks.
    const isMissing = isAtWork && (decision.id >= executor.sequenceNumber || decision.kind !== 'send');
    if (task ? isSame(decision, index, task) : !isMissing) continue;
    const theirs = task?.place === undefined ? undefined : places[task.place];
    const text =
      `id ${decision.id} is ${describe(kindOf(decision), ours.action)} for the host, and for the orchestrator ${describeTask(task, theirs)}, ` +
      'so that results go to the wrong tasks';
    // An id that the orchestrator has given, and that is not open, went to something that it sent on its way.
    const isSent = !task && decision.id < executor.sequenceNumber;
    const isAhead = isSent ? places.some(({ entry }) => entry > ours.entry) : (theirs?.entry ?? 0) > ours.entry;
    const isPolling = [ours, theirs].some(place => place && isPoll(context, place.action, decision.id));
    return explain(places, { ours, theirs, isAhead, isPolling, text });
  }
  return undefined;
}

function isSame(decision: Decision, place: number, task: ExecutorTask): boolean {
  if (task.kind !== 'other' && task.kind !== kindOf(decision)) return false;
  if (task.place !== undefined) return task.place === place;
  return !task.name || !('name' in decision) || task.name.toLowerCase() === decision.name.toLowerCase();
}

/** Whether the id is another than that of the HTTP call itself. */
function isPoll(context: ShimContext, action: Action, id: number): boolean {
  return action.actionType === ActionType.CallHttp && (firstIdOf(context, action) ?? id) < id;
}

/** The id that an action got when it was started; retries, polls and segments have later ones. */
export function firstIdOf({ actionById }: ShimContext, action: Action): number | undefined {
  for (const [id, each] of actionById) if (each === action) return id;
  return undefined;
}

interface PartedId {
  /** What the id stands for at the host. */
  readonly ours: Place;
  /** What it stands for in the orchestrator; undefined where that has no such task open. */
  readonly theirs: Place | undefined;
  readonly isAhead: boolean;
  readonly isPolling: boolean;
  readonly text: string;
}

function explain(places: readonly Place[], { ours, theirs, isAhead, isPolling, text }: PartedId): Cause {
  if (isPolling) {
    const advice =
      'yield a polled HTTP call by itself, put it into a sub-orchestration, or set its enablePolling to false';
    return { code: 'http-polling', text: `${text}; ${advice}` };
  }
  if (isAhead) {
    const advice =
      'the orchestrator went on while the host still waits: after a failed Task.all, yield each of its tasks again by itself, ' +
      'in a try of its own, before anything new';
    return { code: 'went-on-early', text: `${text}; ${advice}` };
  }
  if (theirs && places.some(({ action, entry }) => entry < ours.entry && hasCancelledTimer(action))) {
    return { code: 'cancelled-timer', text: `${text}: ${CANCELLED_TIMER_TEXT}` };
  }
  const advice =
    'let the orchestrator do the same on each replay, and put a retried call beside others into a sub-orchestration';
  return { code: 'ids-parted', text: `${text}; ${advice}` };
}

/** Whether the action is, or holds, a timer that was cancelled. */
export function hasCancelledTimer(action: Action): boolean {
  if ('compoundActions' in action) return action.compoundActions.some(hasCancelledTimer);
  return action.actionType === ActionType.CreateTimer && action.isCanceled;
}

/** The action as it would be, had no timer been cancelled. */
export function withoutCancelling(action: Action): Action {
  if ('compoundActions' in action) {
    return { ...action, compoundActions: action.compoundActions.map(withoutCancelling) };
  }
  return action.actionType === ActionType.CreateTimer ? { ...action, isCanceled: false } : action;
}
