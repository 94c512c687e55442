import type { Action } from '../protocol/actions.ts';
import { EventType, type HistoryEvent } from '../protocol/history.ts';
import type { ExecutorView } from '../protocol/worker.ts';
import { type HostTask, spawn } from './host-task.ts';
import { CANCELLED_TIMER_TEXT, hasCancelledTimer, withoutCancelling } from './parted-ids.ts';
import { runActions } from './shim-actions.ts';
import {
  createShimContext,
  type Decision,
  ReplayFailure,
  raiseEvent,
  type ShimContext,
  type ShimEnvironment,
  settleId,
} from './shim-context.ts';
import { addDivergence, type Divergence, findDivergences } from './shim-divergence.ts';

/** What the orchestrator function answered: all it asked for since its start, and how it ended if it did. */
export interface OrchestratorTurn {
  readonly actions: readonly Action[];
  /** Pending with `hasThrown`: it threw without a message, which the real host takes for work that goes on. */
  readonly ending:
    | { readonly kind: 'pending'; readonly hasThrown?: true }
    | { readonly kind: 'completed'; readonly outputJson: string | null }
    | { readonly kind: 'failed'; readonly reason: string; readonly details: string };
  /** The bookkeeping of its library; absent when the worker cannot tell. */
  readonly executor?: ExecutorView;
}

/** What becomes of the instance; an ending takes an id of its own. */
export type Outcome =
  | { readonly kind: 'running' | 'suspended' }
  | { readonly kind: 'completed'; readonly id: number; readonly outputJson: string | null }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string; readonly details: string }
  | { readonly kind: 'terminated'; readonly id: number; readonly reason: string }
  | {
      readonly kind: 'continuedAsNew';
      readonly input: unknown;
      readonly carriedEvents: readonly HistoryEvent[];
    };

/** What one episode comes to. */
export interface Replay {
  /** What is new, in the order of ids. */
  readonly decisions: readonly Decision[];
  readonly outcome: Outcome;
  /** Ways in which host and orchestrator have parted, for the log. */
  readonly divergences: readonly Divergence[];
}

/**
 * The host's half of an episode: walks the history and starts the orchestrator's actions as the real host would, which gives
 * each call its id, and finds what history does not show yet. The protocol carries no ids, so both halves count for themselves.
 *
 * Pure: the same arguments give the same replay.
 *
 * @param environment - the instance and the app's functions
 * @param past - the stored history of this generation
 * @param fresh - this episode's events; the first is OrchestratorStarted
 * @param turn - what the orchestrator function answered to both
 */
export function replay(
  environment: ShimEnvironment,
  past: readonly HistoryEvent[],
  fresh: readonly HistoryEvent[],
  turn: OrchestratorTurn,
): Replay {
  const { context, main, failure } = walk(environment, past, fresh, turn.actions);
  const outcome = conclude(context, main, failure, turn);
  if (failure?.keepsDecisions && turn.actions.some(hasCancelledTimer)) {
    const { failure: otherwise } = walk(environment, past, fresh, turn.actions.map(withoutCancelling));
    if (!otherwise) addDivergence(context, 'cancelled-timer', CANCELLED_TIMER_TEXT);
  }
  const divergences = failure ? context.divergences : findDivergences(context, turn, outcome);
  const [divergence] = divergences;
  if (environment.settings.strict && divergence && outcome.kind !== 'terminated') {
    const error = `${divergence.report} (strict)`;
    const reason = `Orchestrator function '${environment.name}' failed: ${error}`;
    const failed = { kind: 'failed', id: context.nextId, reason, details: `Message: ${error}` } as const;
    return { decisions: [], outcome: failed, divergences };
  }
  const decisions =
    failure?.keepsDecisions === false ? [] : [...context.decisions.values()].sort((a, b) => a.id - b.id);
  return { decisions, outcome, divergences };
}

interface Walk {
  readonly context: ShimContext;
  /** The task of the whole action list; absent when the execution did not start. */
  readonly main: HostTask | undefined;
  readonly failure: ReplayFailure | undefined;
}

function walk(
  environment: ShimEnvironment,
  past: readonly HistoryEvent[],
  fresh: readonly HistoryEvent[],
  actions: readonly Action[],
): Walk {
  const context = createShimContext(environment, actions);
  let main: HostTask | undefined;
  const start = () => {
    main = spawn(runActions(context));
  };
  try {
    for (const event of past) processEvent(context, event, start);
    context.isLive = true;
    for (const event of fresh) processEvent(context, event, start);
    return { context, main, failure: undefined };
  } catch (error) {
    if (!(error instanceof ReplayFailure)) throw error;
    return { context, main, failure: error };
  }
}

function conclude(
  context: ShimContext,
  main: HostTask | undefined,
  failure: ReplayFailure | undefined,
  { ending }: OrchestratorTurn,
): Outcome {
  if (context.terminateReason !== undefined) {
    return { kind: 'terminated', id: context.nextId, reason: context.terminateReason };
  }
  if (failure) {
    const details = `Unhandled exception while executing orchestration: ${failure.message}`;
    return { kind: 'failed', id: context.nextId, reason: failure.message, details };
  }
  const hasSettled = main?.settlement !== undefined && ending.kind !== 'pending';
  if (!hasSettled || context.openTasks.size > 0) return { kind: context.isSuspended ? 'suspended' : 'running' };
  if (ending.kind === 'failed') return { ...ending, id: context.nextId };
  if (context.continueAsNew) {
    return { kind: 'continuedAsNew', ...context.continueAsNew, carriedEvents: context.carriedEvents };
  }
  return { ...ending, id: context.nextId };
}

function processEvent(context: ShimContext, event: HistoryEvent, start: () => void): void {
  if (event.EventType === EventType.OrchestratorStarted) {
    context.nowMs = Date.parse(event.Timestamp);
    return;
  }
  const endsSuspension =
    event.EventType === EventType.ExecutionResumed || event.EventType === EventType.ExecutionTerminated;
  if (context.isSuspended && !endsSuspension) {
    if (event.EventType !== EventType.ExecutionSuspended) context.suspendedEvents.push(event);
    return;
  }
  switch (event.EventType) {
    case EventType.ExecutionStarted:
      start();
      break;
    case EventType.ExecutionTerminated:
      context.terminateReason ??= event.Input;
      break;
    case EventType.ExecutionSuspended:
      suspend(context);
      break;
    case EventType.ExecutionResumed:
      resume(context, start);
      break;
    case EventType.EventRaised:
      raiseEvent(context, event);
      break;
    case EventType.TaskScheduled:
      matchDecision(context, event.EventId, 'activity', event.Name);
      break;
    case EventType.SubOrchestrationInstanceCreated:
      matchDecision(context, event.EventId, 'child', event.Name);
      break;
    case EventType.TimerCreated:
      matchDecision(context, event.EventId, 'timer');
      break;
    case EventType.EventSent:
      matchDecision(context, event.EventId, 'send', event.InstanceId);
      break;
    case EventType.TaskCompleted:
    case EventType.SubOrchestrationInstanceCompleted:
      settleId(context, event.TaskScheduledId, 'succeeded', event.Result);
      break;
    case EventType.TaskFailed:
    case EventType.SubOrchestrationInstanceFailed:
      settleId(context, event.TaskScheduledId, 'failed');
      break;
    case EventType.TimerFired:
      settleId(context, event.TimerId, 'succeeded');
      break;
    default:
      break;
  }
}

/** Holds back what was decided but not done: nothing is started while suspended. */
function suspend(context: ShimContext): void {
  context.isSuspended = true;
  for (const [id, decision] of context.decisions) context.heldDecisions.set(id, decision);
  context.decisions.clear();
}

function resume(context: ShimContext, start: () => void): void {
  context.isSuspended = false;
  for (const [id, decision] of context.heldDecisions) context.decisions.set(id, decision);
  context.heldDecisions.clear();
  for (const event of context.suspendedEvents.splice(0)) processEvent(context, event, start);
}

const KIND_LABEL: Readonly<Record<Decision['kind'], string>> = {
  activity: 'an activity task',
  child: 'a sub-orchestration',
  timer: 'a timer',
  send: 'a request to an entity',
};

/** What a decision is about: a function, or an entity. */
function nameOf(decision: Decision | undefined): string | undefined {
  if (decision?.kind === 'send') return decision.target;
  return decision && 'name' in decision ? decision.name : undefined;
}

/**
 * Strikes a decision that history shows as done already.
 *
 * @throws {ReplayFailure} when this replay did not decide the same: then ids mean different things now and then
 */
function matchDecision(context: ShimContext, id: number, kind: Decision['kind'], name?: string): void {
  const decision = context.decisions.get(id);
  const decidedName = nameOf(decision);
  if (decision?.kind === kind && decidedName?.toLowerCase() === name?.toLowerCase()) {
    context.decisions.delete(id);
    return;
  }
  const then =
    `A previous execution of this orchestration scheduled ${KIND_LABEL[kind]} with sequence ID ${id}` +
    (name === undefined ? '' : ` and name '${name}' (version '')`);
  const now = decision
    ? `but the current replay execution scheduled ${KIND_LABEL[decision.kind]}${decidedName === undefined ? '' : ` named '${decidedName}'`} under this ID.`
    : "but the current replay execution hasn't (yet?) scheduled this task.";
  throw new ReplayFailure(
    `Non-Deterministic workflow detected: ${then}, ${now} Either the orchestrator's code has changed since the instance started, or it does not do the same on each replay.`,
    { keepsDecisions: true },
  );
}
