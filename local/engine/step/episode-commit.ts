import type { RuntimeStatus } from '../api.ts';
import { REQUEST_EVENT } from '../protocol/entities.ts';
import { EventType, type ExecutionStarted, eventBase, type HistoryEvent } from '../protocol/history.ts';
import { executionIdAfter } from '../protocol/ids.ts';
import type { Outcome, Replay } from '../replay/shim.ts';
import type { Decision } from '../replay/shim-context.ts';
import type { Delivery, EpisodeCommit, Letter, StoredInstance } from '../store/store.ts';
import type { StepSettings } from './step.ts';

/** The part of an instance's life between two continue-as-new, as one episode takes it up. */
export interface Generation {
  readonly instance: StoredInstance;
  readonly startedEvent: ExecutionStarted;
  readonly pastEventCount: number;
  /** This episode's own events, in order. */
  readonly fresh: readonly HistoryEvent[];
}

/** A value as JSON text; null where there is none. */
export function toJson(value: unknown): string | null {
  return value === undefined || value === null ? null : JSON.stringify(value);
}

/**
 * The first event of an execution.
 *
 * @param start.inputJson - JSON text; null = none
 * @param start.parent - the call that it answers to; null = none
 */
export function executionStarted(
  { instanceId, executionId, name, version }: StoredInstance,
  start: {
    readonly nowMs: number;
    readonly inputJson: string | null;
    readonly parent: ExecutionStarted['ParentInstance'];
  },
): ExecutionStarted {
  return {
    ...eventBase(start.nowMs),
    EventType: EventType.ExecutionStarted,
    Name: name,
    Version: version,
    Input: start.inputJson,
    OrchestrationInstance: { InstanceId: instanceId, ExecutionId: executionId },
    ParentInstance: start.parent,
    Tags: null,
  };
}

const STATUS_BY_OUTCOME: Readonly<Record<Outcome['kind'], RuntimeStatus>> = {
  running: 'Running',
  suspended: 'Suspended',
  completed: 'Completed',
  failed: 'Failed',
  terminated: 'Terminated',
  continuedAsNew: 'ContinuedAsNew',
};

/** The output as stored: JSON of a result, but the bare text of a failure or of a termination's reason. */
function outputOf(outcome: Outcome): string | null {
  if (outcome.kind === 'completed') return outcome.outputJson;
  return outcome.kind === 'failed' || outcome.kind === 'terminated' ? outcome.reason : null;
}

function decisionEvent(decision: Decision, nowMs: number, storesInputs: boolean): HistoryEvent {
  const base = eventBase(nowMs, decision.id);
  const inputOf = (input: unknown) => (storesInputs ? toJson(input) : null);
  switch (decision.kind) {
    case 'activity': {
      const { name: Name, input } = decision;
      return { ...base, EventType: EventType.TaskScheduled, Name, Version: '', Input: inputOf(input) };
    }
    case 'child': {
      const { name: Name, version: Version, instanceId: InstanceId, input } = decision;
      const Input = inputOf(input);
      return { ...base, EventType: EventType.SubOrchestrationInstanceCreated, Name, Version, InstanceId, Input };
    }
    case 'timer':
      return { ...base, EventType: EventType.TimerCreated, FireAt: new Date(decision.fireAtMs).toISOString() };
    case 'send': {
      const { target: InstanceId, inputJson: Input } = decision;
      return { ...base, EventType: EventType.EventSent, Name: REQUEST_EVENT, InstanceId, Input };
    }
  }
}

function endEvents(outcome: Outcome, nowMs: number): HistoryEvent[] {
  if (outcome.kind !== 'completed' && outcome.kind !== 'failed' && outcome.kind !== 'terminated') return [];
  const OrchestrationStatus =
    outcome.kind === 'completed' ? 'Completed' : outcome.kind === 'failed' ? 'Failed' : 'Terminated';
  const Details = outcome.kind === 'failed' ? outcome.details : null;
  const base = eventBase(nowMs, outcome.id);
  return [
    { ...base, EventType: EventType.ExecutionCompleted, OrchestrationStatus, Result: outputOf(outcome), Details },
  ];
}

/** What the history gains: the episode's events, now played, then what was decided, closed by OrchestratorCompleted. */
function appendedEvents(
  fresh: readonly HistoryEvent[],
  { decisions, outcome }: Replay,
  nowMs: number,
  storesInputs: boolean,
): HistoryEvent[] {
  const neverPlayed: readonly number[] = [EventType.OrchestratorStarted, EventType.OrchestratorCompleted];
  const events = [
    ...fresh.map(event => (neverPlayed.includes(event.EventType) ? event : { ...event, IsPlayed: true })),
    ...decisions.map(decision => decisionEvent(decision, nowMs, storesInputs)),
    ...endEvents(outcome, nowMs),
  ];
  if (events.at(-1)?.EventType === EventType.OrchestratorCompleted) return events;
  return [...events, { ...eventBase(nowMs), EventType: EventType.OrchestratorCompleted }];
}

/** What a decision sends out. */
function deliveryOf(instance: StoredInstance, decision: Decision, nowMs: number): Delivery {
  const { instanceId, executionId } = instance;
  switch (decision.kind) {
    case 'activity': {
      const { id: taskId, name, input } = decision;
      return { kind: 'activity', activity: { instanceId, executionId, taskId, name, inputJson: toJson(input) } };
    }
    case 'timer': {
      const FireAt = new Date(decision.fireAtMs).toISOString();
      const base = eventBase(decision.fireAtMs);
      const event: HistoryEvent = { ...base, EventType: EventType.TimerFired, TimerId: decision.id, FireAt };
      return { kind: 'message', dueAtMs: decision.fireAtMs, to: { instanceId, executionId }, event };
    }
    case 'send': {
      const Input = decision.inputJson;
      const base = eventBase(nowMs);
      const event: HistoryEvent = { ...base, EventType: EventType.EventRaised, Name: REQUEST_EVENT, Input };
      return { kind: 'message', to: { instanceId: decision.target, executionId: null }, event };
    }
    case 'child':
      return startOf(instance, decision, nowMs);
  }
}

function startOf(parent: StoredInstance, child: Decision & { kind: 'child' }, nowMs: number): Delivery {
  const instance: StoredInstance = {
    instanceId: child.instanceId,
    executionId: executionIdAfter(parent.executionId, child.id),
    name: child.name,
    version: child.version,
    runtimeStatus: 'Pending',
    inputJson: toJson(child.input),
    outputJson: null,
    customStatusJson: null,
    parentInstanceId: parent.instanceId,
    createdAtMs: nowMs,
    lastUpdatedAtMs: nowMs,
  };
  const { instanceId, executionId, name: Name, version: Version } = parent;
  const OrchestrationInstance = { InstanceId: instanceId, ExecutionId: executionId };
  const ParentInstance = { Name, OrchestrationInstance, TaskScheduleId: child.id, Version };
  const startedEvent = executionStarted(instance, { nowMs, inputJson: instance.inputJson, parent: ParentInstance });
  const Reason = `Sub-orchestrator '${child.name}' was not started: the instance '${child.instanceId}' exists and has not ended`;
  const refusedEvent: HistoryEvent = {
    ...eventBase(nowMs),
    EventType: EventType.SubOrchestrationInstanceFailed,
    TaskScheduledId: child.id,
    Reason,
    Details: `Message: ${Reason}`,
  };
  return {
    kind: 'start',
    child: { instance, startedEvent },
    refused: { to: { instanceId, executionId }, event: refusedEvent },
  };
}

/** What a parent is told of its child's end. */
function lettersToParent({ startedEvent }: Generation, outcome: Outcome, nowMs: number): Letter[] {
  const parent = startedEvent.ParentInstance;
  if (!parent) return [];
  const { InstanceId: instanceId, ExecutionId: executionId } = parent.OrchestrationInstance;
  const to = { instanceId, executionId };
  const base = { ...eventBase(nowMs), TaskScheduledId: parent.TaskScheduleId };
  if (outcome.kind === 'completed') {
    const event = { ...base, EventType: EventType.SubOrchestrationInstanceCompleted, Result: outcome.outputJson };
    return [{ to, event }];
  }
  if (outcome.kind !== 'failed' && outcome.kind !== 'terminated') return [];
  // A terminated child has no details, on which the parent's library fails: so it is on the real host.
  const Details = outcome.kind === 'failed' ? outcome.details : null;
  return [
    { to, event: { ...base, EventType: EventType.SubOrchestrationInstanceFailed, Reason: outcome.reason, Details } },
  ];
}

/**
 * What is to be stored of an episode.
 *
 * @param generation - the generation that the episode ended in
 * @param end.consumedThroughSeq - the last message that it took
 * @param end.loadedExecutionId - the generation that it began in
 */
export function toCommit(
  { storeInputsInOrchestrationHistory }: Pick<StepSettings, 'storeInputsInOrchestrationHistory'>,
  generation: Generation,
  replay: Replay,
  end: {
    readonly nowMs: number;
    readonly customStatusJson: string | null;
    readonly consumedThroughSeq: number;
    readonly loadedExecutionId: string;
  },
): EpisodeCommit {
  const { instance, pastEventCount, fresh } = generation;
  const { decisions, outcome } = replay;
  const { nowMs, customStatusJson, consumedThroughSeq, loadedExecutionId } = end;
  return {
    instance: {
      ...instance,
      runtimeStatus: STATUS_BY_OUTCOME[outcome.kind],
      outputJson: outputOf(outcome),
      customStatusJson,
      lastUpdatedAtMs: nowMs,
    },
    loadedExecutionId,
    consumedThroughSeq,
    pastEventCount,
    appended: appendedEvents(fresh, replay, nowMs, storeInputsInOrchestrationHistory),
    deliveries: [
      ...decisions.map(decision => deliveryOf(instance, decision, nowMs)),
      ...lettersToParent(generation, outcome, nowMs).map(letter => ({ kind: 'message' as const, ...letter })),
    ],
  };
}
