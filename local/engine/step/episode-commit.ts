import { randomUUID } from 'node:crypto';
import type { RuntimeStatus } from '../api.ts';
import { EventType, type ExecutionStarted, eventBase, type HistoryEvent } from '../protocol/history.ts';
import type { Outcome, Replay } from '../replay/shim.ts';
import type { Decision } from '../replay/shim-context.ts';
import type { EpisodeCommit, StoredInstance } from '../store/store.ts';

/** The part of an instance's life between two continue-as-new, as one episode takes it up. */
export interface Generation {
  readonly instance: StoredInstance;
  readonly startedEvent: ExecutionStarted;
  readonly pastEventCount: number;
  /** This episode's own events, in order. */
  readonly fresh: readonly HistoryEvent[];
}

/** A new id of 32 hex digits. */
export function newId(): string {
  return randomUUID().replaceAll('-', '');
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

function decisionEvent(decision: Decision, nowMs: number): HistoryEvent {
  const base = eventBase(nowMs, decision.id);
  switch (decision.kind) {
    case 'activity':
      return { ...base, EventType: EventType.TaskScheduled, Name: decision.name, Version: '', Input: null };
    case 'child': {
      const { name: Name, version: Version, instanceId: InstanceId } = decision;
      return { ...base, EventType: EventType.SubOrchestrationInstanceCreated, Name, Version, InstanceId, Input: null };
    }
    case 'timer':
      return { ...base, EventType: EventType.TimerCreated, FireAt: new Date(decision.fireAtMs).toISOString() };
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
function appendedEvents(fresh: readonly HistoryEvent[], { decisions, outcome }: Replay, nowMs: number): HistoryEvent[] {
  const neverPlayed: readonly number[] = [EventType.OrchestratorStarted, EventType.OrchestratorCompleted];
  const events = [
    ...fresh.map(event => (neverPlayed.includes(event.EventType) ? event : { ...event, IsPlayed: true })),
    ...decisions.map(decision => decisionEvent(decision, nowMs)),
    ...endEvents(outcome, nowMs),
  ];
  if (events.at(-1)?.EventType === EventType.OrchestratorCompleted) return events;
  return [...events, { ...eventBase(nowMs), EventType: EventType.OrchestratorCompleted }];
}

function activityOf({ id: taskId, name, input }: Decision & { kind: 'activity' }): EpisodeCommit['activities'][number] {
  return { taskId, name, inputJson: toJson(input) };
}

function childOf(
  parent: StoredInstance,
  child: Decision & { kind: 'child' },
  nowMs: number,
): EpisodeCommit['children'][number] {
  const instance: StoredInstance = {
    instanceId: child.instanceId,
    executionId: newId(),
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
  const OrchestrationInstance = { InstanceId: parent.instanceId, ExecutionId: parent.executionId };
  const ParentInstance = {
    Name: parent.name,
    OrchestrationInstance,
    TaskScheduleId: child.id,
    Version: parent.version,
  };
  const Reason = `Sub-orchestrator '${child.name}' was not started: the instance '${child.instanceId}' exists and has not ended`;
  return {
    instance,
    startedEvent: executionStarted(instance, { nowMs, inputJson: instance.inputJson, parent: ParentInstance }),
    refusedEvent: {
      ...eventBase(nowMs),
      EventType: EventType.SubOrchestrationInstanceFailed,
      TaskScheduledId: child.id,
      Reason,
      Details: `Message: ${Reason}`,
    },
  };
}

/** What a parent is told of its child's end. */
function messagesToParent({ startedEvent }: Generation, outcome: Outcome, nowMs: number): EpisodeCommit['messages'] {
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
    appended: appendedEvents(fresh, replay, nowMs),
    activities: decisions.flatMap(each => (each.kind === 'activity' ? [activityOf(each)] : [])),
    timers: decisions.flatMap(each => (each.kind === 'timer' ? [{ ...each, timerId: each.id }] : [])),
    children: decisions.flatMap(each => (each.kind === 'child' ? [childOf(instance, each, nowMs)] : [])),
    messages: messagesToParent(generation, outcome, nowMs),
  };
}
