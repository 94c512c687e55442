import type { Action } from '../protocol/actions.ts';
import type { EventType, HistoryEvent } from '../protocol/history.ts';
import { createTask, type HostTask, type OpenTask, settledTask } from './host-task.ts';
import { type Divergence, noteDivergence } from './shim-divergence.ts';

/** The end of JavaScript's calendar. */
const LATEST_INSTANT_MS = 8.64e15;

/** What the engine has to do for an orchestrator; `id` is the host's id of the call. */
export type Decision =
  | { readonly kind: 'activity'; readonly id: number; readonly name: string; readonly input: unknown }
  | {
      readonly kind: 'child';
      readonly id: number;
      readonly name: string;
      readonly version: string;
      readonly instanceId: string;
      readonly input: unknown;
    }
  | { readonly kind: 'timer'; readonly id: number; readonly fireAtMs: number }
  /** A request to an entity; `target` is `@name@key`. */
  | { readonly kind: 'send'; readonly id: number; readonly target: string; readonly inputJson: string };

/** A decision less its id, which the context gives. */
export type Undecided = Decision extends infer Each ? (Each extends Decision ? Omit<Each, 'id'> : never) : never;

/** Bounds and lengths that the host gives to orchestrators. */
export interface ShimSettings {
  /** Longer timers are made of segments. Milliseconds; real host: 6 days. */
  readonly maximumShortTimerMs: number;
  /** Length of a segment. Milliseconds; real host: 3 days. */
  readonly longTimerIntervalMs: number;
  /** An orchestration that decides more per generation fails. Real host: 100,000. */
  readonly maxOrchestrationActions: number;
  /** Wait between polls of an HTTP call whose answer names none. Milliseconds; real host: 30 s. */
  readonly httpPollingIntervalMs: number;
  /** Whether an instance fails where its library and the host part, instead of going wrong as on the real host. */
  readonly strict: boolean;
}

/** What the shim must know of the instance and of the app. */
export interface ShimEnvironment {
  readonly name: string;
  readonly instanceId: string;
  readonly executionId: string;
  readonly parentInstanceId: string | null;
  readonly settings: ShimSettings;
  isRegistered(kind: 'activity' | 'orchestrator' | 'entity', name: string): boolean;
}

interface EventWait {
  readonly name: string;
  readonly task: OpenTask;
}

/** Everything that one replay changes. */
export interface ShimContext {
  readonly environment: ShimEnvironment;
  readonly actions: readonly Action[];
  /** Decisions that history does not show yet, by id. */
  readonly decisions: Map<number, Decision>;
  /** Decisions held back by a suspension. */
  readonly heldDecisions: Map<number, Decision>;
  readonly openTasks: Map<number, OpenTask>;
  /** What each id was given for. */
  readonly actionById: Map<number, Action>;
  /** Waits by lower-case event name; the newest is last and is served first. */
  readonly eventWaits: Map<string, EventWait[]>;
  /** Names of events that nobody waits for yet, by lower-case name, oldest first. */
  readonly earlyEvents: Map<string, string[]>;
  /** Events that came while suspended. */
  readonly suspendedEvents: HistoryEvent[];
  /** Events that go over into the next generation. */
  readonly carriedEvents: HistoryEvent[];
  /** Ways in which host and orchestrator part, found in this episode's own events. */
  readonly divergences: Divergence[];
  nextId: number;
  /** JSON of what a task came to, for those who wait for it, while it is being settled. */
  settledResultJson: string | null;
  /** Timestamp of the last OrchestratorStarted. */
  nowMs: number;
  /** True while this episode's own events are walked, false in the past. */
  isLive: boolean;
  isSuspended: boolean;
  /** Set by any timer that needs segments, cleared by the next timer that ends: one flag for the instance, as on the real host. */
  isLongTimerPending: boolean;
  continueAsNew: { readonly input: unknown } | undefined;
  terminateReason: string | undefined;
  /** The entry of the action list that is being started or waited for. */
  actionIndex: number;
}

/** Ends a replay: the instance fails with the message. */
export class ReplayFailure extends Error {
  /** Whether what was decided so far is done all the same, as on the real host. */
  readonly keepsDecisions: boolean;
  constructor(message: string, options: { readonly keepsDecisions: boolean }) {
    super(message);
    this.keepsDecisions = options.keepsDecisions;
  }
}

/** A context in which nothing has happened. */
export function createShimContext(environment: ShimEnvironment, actions: readonly Action[]): ShimContext {
  return {
    environment,
    actions,
    decisions: new Map(),
    heldDecisions: new Map(),
    openTasks: new Map(),
    actionById: new Map(),
    eventWaits: new Map(),
    earlyEvents: new Map(),
    suspendedEvents: [],
    carriedEvents: [],
    divergences: [],
    nextId: 0,
    settledResultJson: null,
    nowMs: 0,
    isLive: false,
    isSuspended: false,
    isLongTimerPending: false,
    continueAsNew: undefined,
    terminateReason: undefined,
    actionIndex: 0,
  };
}

/** The failure of an orchestrator that asks for what the host does not do; nothing of what it asked for is done. */
export function refuse({ environment }: ShimContext, text: string): ReplayFailure {
  return new ReplayFailure(`Orchestrator function '${environment.name}' failed: ${text}`, { keepsDecisions: false });
}

/**
 * Gives the next id to a decision.
 *
 * @param action - the action that it was decided for
 * @returns the id
 * @throws {ReplayFailure} when the instance has decided too much
 */
export function giveId(context: ShimContext, action: Action, undecided: Undecided): number {
  const { maxOrchestrationActions } = context.environment.settings;
  if (context.nextId >= maxOrchestrationActions) {
    throw refuse(
      context,
      `it asked for more than ${maxOrchestrationActions} actions (maxOrchestrationActions); continue as new before that`,
    );
  }
  if (undecided.kind === 'timer' && !(Math.abs(undecided.fireAtMs) <= LATEST_INSTANT_MS)) {
    throw refuse(context, 'it sets a timer, or the timer of a retry, for an instant that is none');
  }
  const id = context.nextId++;
  context.decisions.set(id, { ...undecided, id });
  context.actionById.set(id, action);
  return id;
}

/** Gives the next id to a decision and opens its task; it keeps the instance from ending. Throws as {@link giveId}. */
export function decide(context: ShimContext, action: Action, undecided: Undecided): OpenTask {
  const task = createTask();
  context.openTasks.set(giveId(context, action, undecided), task);
  return task;
}

/**
 * Settles an id's task and runs what waits for it. Ids that are not open are left alone: a second completion changes nothing.
 *
 * @param resultJson - what the task came to; null = nothing
 */
export function settleId(
  context: ShimContext,
  id: number,
  settlement: 'succeeded' | 'failed',
  resultJson: string | null = null,
): void {
  const task = context.openTasks.get(id);
  context.openTasks.delete(id);
  context.settledResultJson = resultJson;
  task?.settle(settlement);
}

/** Waits for an external event; one that came early is taken at once. */
export function waitForEvent(context: ShimContext, name: string): HostTask {
  const key = name.toLowerCase();
  const early = context.earlyEvents.get(key);
  const earlyName = early?.shift();
  if (early?.length === 0) context.earlyEvents.delete(key);
  if (earlyName !== undefined) {
    checkEventCase(context, name, earlyName);
    return settledTask('succeeded');
  }
  const task = createTask();
  const waits = context.eventWaits.get(key);
  if (waits) waits.push({ name, task });
  else context.eventWaits.set(key, [{ name, task }]);
  return task;
}

/** Hands an external event to the newest wait for its name, in any case, or keeps it for the next one. */
export function raiseEvent(
  context: ShimContext,
  event: HistoryEvent & { EventType: typeof EventType.EventRaised },
): void {
  if (context.continueAsNew) {
    context.carriedEvents.push(event);
    return;
  }
  const key = event.Name.toLowerCase();
  const waits = context.eventWaits.get(key);
  const wait = waits?.pop();
  if (waits?.length === 0) context.eventWaits.delete(key);
  if (wait) {
    checkEventCase(context, wait.name, event.Name);
    wait.task.settle('succeeded');
    return;
  }
  const early = context.earlyEvents.get(key);
  if (early) early.push(event.Name);
  else context.earlyEvents.set(key, [event.Name]);
}

function checkEventCase(context: ShimContext, awaited: string, raised: string): void {
  if (awaited === raised) return;
  noteDivergence(
    context,
    'event-case',
    `event "${raised}" was raised while the orchestrator waits for "${awaited}": the host takes them for one, the orchestrator ` +
      'does not and waits on; raise events under the very name that is waited for',
  );
}
