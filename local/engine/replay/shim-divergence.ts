import { ActionType } from '../protocol/actions.ts';
import type { ExecutorView } from '../protocol/worker.ts';
import { describeAction, findPartedId, firstIdOf, listPlaces, type Place } from './parted-ids.ts';
import type { OrchestratorTurn, Outcome } from './shim.ts';
import type { ShimContext } from './shim-context.ts';

/** The ways in which host and orchestrator are known to part. */
export type DivergenceCode =
  /** A task that was yielded before was put into another Task.any or Task.all, and is done again. */
  | 'repeated-task'
  /** The orchestrator went on while the host still waits, and retries or the like took ids meanwhile. */
  | 'went-on-early'
  /** A timer was cancelled that raced something which had taken more ids than one. */
  | 'cancelled-timer'
  /** Something took an id beside an HTTP call that was being polled. */
  | 'http-polling'
  /** An HTTP call was answered by 202 without a place to ask. */
  | 'http-without-location'
  /** An id stands for different things, for none of the reasons above. */
  | 'ids-parted'
  /** A result came for an id that the orchestrator has not given. */
  | 'parked-result'
  /** The host gave up a call for good, the orchestrator waits for its next attempt. */
  | 'retry-ended-early'
  /** The host refused a call, the orchestrator waits for it. */
  | 'call-never-made'
  /** A timer was due at once while a long timer was pending: the host gives it no id. */
  | 'unnumbered-timer'
  /** An event differs from the awaited one in its case. */
  | 'event-case'
  /** A wait for an event was yielded twice, and swallowed a second event. */
  | 'stale-event-wait'
  /** What was thrown has no message: the host takes it for work that goes on. */
  | 'throw-without-message'
  /** The orchestrator has not ended, and nothing will wake it. */
  | 'stuck';

/** A way in which host and orchestrator have parted. */
export interface Divergence {
  readonly code: DivergenceCode;
  /** One sentence that begins with the code: what happened, then what to write instead. */
  readonly report: string;
}

/** Notes a divergence, unless it lies in the past and was noted then. */
export function noteDivergence(context: ShimContext, code: DivergenceCode, text: string): void {
  if (context.isLive) addDivergence(context, code, text);
}

/** Adds a divergence that was found in the end, each code once. */
export function addDivergence({ divergences }: ShimContext, code: DivergenceCode, text: string): void {
  if (divergences.some(each => each.code === code)) return;
  divergences.push({ code, report: `${code}: ${text}` });
}

/** What follows once the sides have parted, for whatever reason. */
const CONSEQUENCES: ReadonlySet<DivergenceCode> = new Set([
  'went-on-early',
  'http-polling',
  'ids-parted',
  'parked-result',
]);

/**
 * The divergences to report: each code once in a generation, and a consequence only where nothing was reported before.
 *
 * @param reported - what has been reported of the generation
 */
export function notYetReported(
  divergences: readonly Divergence[],
  reported: readonly DivergenceCode[],
): readonly Divergence[] {
  return divergences.filter(
    ({ code }) => !reported.includes(code) && (reported.length === 0 || !CONSEQUENCES.has(code)),
  );
}

/**
 * Tells how host and orchestrator have parted, by what the host noted and by the bookkeeping of the orchestrator's library
 * where that is known. The outcome stays what it is on the real host.
 *
 * @param context - after the walk; a walk that failed has nothing to compare
 * @returns each way once
 */
export function findDivergences(
  context: ShimContext,
  { ending, executor }: OrchestratorTurn,
  outcome: Outcome,
): readonly Divergence[] {
  if (outcome.kind === 'terminated') return context.divergences;
  const hasThrown = ending.kind === 'pending' && ending.hasThrown === true;
  if (hasThrown) {
    addDivergence(
      context,
      'throw-without-message',
      'it threw something without a message, which the host takes for work that goes on; throw an Error that has a message',
    );
  }
  if (executor) {
    const isAtWork = ending.kind === 'pending' && !hasThrown;
    compare(context, executor, isAtWork);
    if (isAtWork && outcome.kind === 'running') findParked(context, executor);
  }
  if (!hasThrown && outcome.kind === 'running' && isIdle(context) && !executor?.awaitedEvents.length) {
    addDivergence(
      context,
      'stuck',
      'the orchestrator has not ended and the host has nothing open for it: it stays Running until it is terminated; mend what ' +
        'was reported before, or let it yield nothing but tasks that can end',
    );
  }
  return context.divergences;
}

function isIdle({ isSuspended, openTasks, eventWaits }: ShimContext): boolean {
  return !isSuspended && openTasks.size === 0 && eventWaits.size === 0;
}

/** @param isAtWork - whether the orchestrator has seen every event: one that has ended reads no further */
function compare(context: ShimContext, executor: ExecutorView, isAtWork: boolean): void {
  const places = listPlaces(context.actions);
  findRepeated(context, executor, places);
  const [swallowed] = executor.swallowedEvents;
  if (swallowed !== undefined) {
    addDivergence(
      context,
      'stale-event-wait',
      `an event "${swallowed}" went to a wait that had its event already, and overwrote it, because that wait was yielded more than ` +
        'once; yield each wait for an event once, and call waitForExternalEvent anew for the next one',
    );
  }
  // Once the sides have parted, ids mean nothing any more: what follows is a consequence.
  if (context.divergences.length > 0) return;
  const parted = findPartedId(context, executor, { places, isAtWork });
  if (parted) addDivergence(context, parted.code, parted.text);
}

function findRepeated(context: ShimContext, { repeatedActions }: ExecutorView, places: readonly Place[]): void {
  for (const { first, again } of repeatedActions) {
    const action = places[again]?.action;
    // An event that is waited for twice takes no id; what it can do is reported when it does.
    if (!action || action.actionType === ActionType.WaitForExternalEvent) continue;
    const againId = firstIdOf(context, action);
    const firstId = firstIdOf(context, places[first]?.action ?? action);
    addDivergence(
      context,
      'repeated-task',
      `${describeAction(action)} (id ${firstId}) stands a second time in a Task.any or Task.all and is done again` +
        `${againId === undefined ? '' : ` as id ${againId}`}, after which results go to the wrong tasks ` +
        '(azure-functions-durable-js issue 574); yield a task again only by itself, and put only new tasks into a new Task.any or Task.all',
    );
    return;
  }
}

function findParked(context: ShimContext, { parkedIds: [id] }: ExecutorView): void {
  if (id === undefined || context.divergences.length > 0 || context.isSuspended || context.openTasks.size > 0) return;
  addDivergence(
    context,
    'parked-result',
    `the result of id ${id} found no task in the orchestrator, and will be handed to the next one that gets this id; let the ` +
      'orchestrator do the same on each replay, and put each retried call that runs beside others into a sub-orchestration',
  );
}
