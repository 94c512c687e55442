import { ActionType } from '../../engine/protocol/actions.ts';
import { EventType } from '../../engine/protocol/history.ts';
import type { ExecutorTask, ExecutorView } from '../../engine/protocol/worker.ts';

/*
 * What is read here are inner members of durable-functions 3.5, which no contract promises: every step asks for the shape
 * that it needs.
 */

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members => typeof value === 'object' && value !== null;

const objectAt = (value: unknown, key: string): Members | undefined => {
  const member = isObject(value) ? value[key] : undefined;
  return isObject(member) ? member : undefined;
};

const TASK_RUNNING = 0;

/**
 * Reads the bookkeeping of the library that ran an orchestrator, after it ran.
 *
 * @param context - what the handler was called with
 * @returns undefined when the library is built in another way, or the context is no orchestrator's
 */
export function readExecutorView(context: unknown): ExecutorView | undefined {
  const df = objectAt(context, 'df');
  const executor = objectAt(df, 'taskOrchestratorExecutor');
  const openTasks = objectAt(executor, 'openTasks');
  const openEvents = objectAt(executor, 'openEvents');
  const deferredTasks = objectAt(executor, 'deferredTasks');
  const actions = executor?.['actions'];
  const sequenceNumber = executor?.['sequenceNumber'];
  if (!executor || !openTasks || !openEvents || !deferredTasks) return undefined;
  if (!Array.isArray(actions) || typeof sequenceNumber !== 'number') return undefined;
  const listed = listActions(actions);
  const firstPlaces = new Map<unknown, number>();
  listed.forEach((action, place) => {
    if (!firstPlaces.has(action)) firstPlaces.set(action, place);
  });
  return {
    sequenceNumber,
    openTasks: idsIn(openTasks).map(id => readTask(id, openTasks[id], firstPlaces)),
    parkedIds: idsIn(deferredTasks),
    repeatedActions: listed.flatMap((action, again) => {
      const first = firstPlaces.get(action) ?? again;
      return first === again ? [] : [{ first, again }];
    }),
    awaitedEvents: Object.keys(openEvents).filter(name => waitsOf(openEvents, name).size > 0),
    swallowedEvents: hasEnded(executor) ? [] : swallowedEvents(df?.['state'], firstPlaces, openEvents, deferredTasks),
  };
}

/** All actions but compounds, depth first. */
function listActions(actions: readonly unknown[]): unknown[] {
  return actions.flatMap(action => {
    const children = isObject(action) ? action['compoundActions'] : undefined;
    return Array.isArray(children) ? listActions(children) : [action];
  });
}

/** Keys that are ids; the others are names of events, or GUIDs of requests to entities. */
function idsIn(map: Members): number[] {
  return Object.keys(map)
    .filter(key => /^\d+$/.test(key))
    .map(Number);
}

/** An attempt again, the timer before it, a poll and a segment have no action in the list: the task that made them has. */
function readTask(id: number, task: unknown, firstPlaces: ReadonlyMap<unknown, number>): ExecutorTask {
  let place: number | undefined;
  for (let at: unknown = task; place === undefined && isObject(at); at = at['parent'])
    place = firstPlaces.get(at['action']);
  const rest = place === undefined ? {} : { place };
  const parent = objectAt(task, 'parent');
  if (objectAt(task, 'action')) return { id, ...describe(objectAt(task, 'action')), ...rest };
  if (parent?.['isWaitingOnTimer'] === true) return { id, kind: 'timer', ...rest };
  return { id, ...describe(objectAt(objectAt(parent, 'innerTask'), 'action')), ...rest };
}

function describe(action: Members | undefined): Omit<ExecutorTask, 'id'> {
  switch (action?.['actionType']) {
    case ActionType.CallActivity:
    case ActionType.CallActivityWithRetry:
      return { kind: 'activity', name: String(action['functionName']) };
    case ActionType.CallSubOrchestrator:
    case ActionType.CallSubOrchestratorWithRetry:
      return { kind: 'child', name: String(action['functionName']) };
    case ActionType.CreateTimer:
      return { kind: 'timer' };
    case ActionType.CallHttp:
      return { kind: 'http' };
    case ActionType.CallEntity:
      return { kind: 'entity', name: String(action['instanceId']) };
    default:
      return { kind: 'other' };
  }
}

function hasEnded(executor: Members): boolean {
  return (
    executor['orchestratorReturned'] === true ||
    executor['willContinueAsNew'] === true ||
    executor['exception'] !== undefined
  );
}

/** Tasks that wait for the event, each once however often it is registered. */
function waitsOf(openEvents: Members, name: string): ReadonlySet<unknown> {
  const registered = openEvents[name];
  if (!Array.isArray(registered)) return new Set();
  return new Set(registered.filter(task => isObject(task) && task['state'] === TASK_RUNNING));
}

/** Of a name, events have come, waits have been yielded, some still wait: what is left over went to a wait that had one. */
function swallowedEvents(
  history: unknown,
  firstPlaces: ReadonlyMap<unknown, number>,
  openEvents: Members,
  deferredTasks: Members,
): string[] {
  if (!Array.isArray(history)) return [];
  const surplus = new Map<string, number>();
  for (const action of firstPlaces.keys()) {
    if (!isObject(action) || action['actionType'] !== ActionType.WaitForExternalEvent) continue;
    const name = String(action['externalEventName']);
    surplus.set(name, (surplus.get(name) ?? 0) - 1);
  }
  for (const event of history) {
    const name = isObject(event) ? event['Name'] : undefined;
    if (typeof name !== 'string' || event['EventType'] !== EventType.EventRaised) continue;
    const count = surplus.get(name);
    if (count !== undefined) surplus.set(name, count + 1);
  }
  return [...surplus].flatMap(([name, count]) => {
    const parked = deferredTasks[name];
    const parkedCount = Array.isArray(parked) ? parked.length : 0;
    return count - parkedCount + waitsOf(openEvents, name).size > 0 ? [name] : [];
  });
}
