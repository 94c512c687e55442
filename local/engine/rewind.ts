import type { ControlResult } from './api.ts';
import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import type { EngineServices } from './services.ts';
import { type Delivery, isFinished, type Rewound, type StoredInstance } from './store/store.ts';

type Services = Pick<EngineServices, 'store' | 'clock'>;

/** What a rewind came to, and which instances have a message because of it. */
interface Rewind {
  readonly result: ControlResult;
  readonly woken: readonly string[];
}

/**
 * Puts a failed instance back to before its failure: the events of the failure give way to generic ones, so the next replay
 * decides again what had failed, under the same id. Failed sub-orchestrations are put back in the same way; their parents wait
 * for them as before. What was under way at the failure is taken up again: activities run anew, timers fire at their instant.
 */
export function rewindInstance(services: Services, instanceId: string, reason: string): Rewind {
  const { store } = services;
  const instance = store.getInstance(instanceId);
  if (!instance) return { result: 'not_found', woken: [] };
  if (instance.runtimeStatus !== 'Failed') {
    return { result: isFinished(instance) ? 'finished' : 'wrong_state', woken: [] };
  }
  const rewound = new Map<string, Rewound>();
  collect(services, instance, reason, rewound);
  return { result: 'accepted', woken: store.rewind([...rewound.values()]) };
}

/** Adds the instance and the failed children that it waits for, each once. */
function collect(services: Services, stored: StoredInstance, reason: string, rewound: Map<string, Rewound>): void {
  const { store, clock } = services;
  const { instanceId, executionId } = stored;
  const nowMs = clock.nowMs();
  const to = { instanceId, executionId };
  const history = store.readHistory(instanceId);
  const children = childrenOf(services, stored, history);
  const wake: HistoryEvent = { ...eventBase(nowMs), EventType: EventType.GenericEvent, Reason: reason };
  const events = [wake, ...openTimers(history), ...children.completions];
  rewound.set(instanceId, {
    instance: { ...stored, runtimeStatus: 'Running', outputJson: null, lastUpdatedAtMs: nowMs },
    history: withoutFailures(history, children.lostIds, reason),
    deliveries: events.map((event): Delivery => {
      const dueAtMs = event.EventType === EventType.TimerFired ? { dueAtMs: Date.parse(event.FireAt) } : {};
      return { kind: 'message', ...dueAtMs, to, event };
    }),
  });
  for (const child of children.failed) {
    if (!rewound.has(child.instanceId)) collect(services, child, reason, rewound);
  }
}

/** The sub-orchestrations that an instance waits for, by what has become of them. */
interface Children {
  readonly failed: readonly StoredInstance[];
  /** Events for those that came to their end while nobody waited for them. */
  readonly completions: readonly HistoryEvent[];
  /** Ids of calls whose instances are gone or were terminated: they are started anew. */
  readonly lostIds: ReadonlySet<number>;
}

function childrenOf({ store, clock }: Services, parent: StoredInstance, history: readonly HistoryEvent[]): Children {
  const done = idsOf(history, EventType.SubOrchestrationInstanceCompleted);
  const failed: StoredInstance[] = [];
  const completions: HistoryEvent[] = [];
  const lostIds = new Set<number>();
  for (const event of history) {
    if (event.EventType !== EventType.SubOrchestrationInstanceCreated || done.has(event.EventId)) continue;
    const child = store.getInstance(event.InstanceId);
    if (child?.parentInstanceId !== parent.instanceId) lostIds.add(event.EventId);
    else if (child.runtimeStatus === 'Failed') failed.push(child);
    else if (child.runtimeStatus === 'Completed') {
      const base = { ...eventBase(clock.nowMs()), TaskScheduledId: event.EventId };
      const completed = { ...base, EventType: EventType.SubOrchestrationInstanceCompleted, Result: child.outputJson };
      completions.push(completed);
    } else if (isFinished(child)) lostIds.add(event.EventId);
  }
  return { failed, completions, lostIds };
}

type Completion = typeof EventType.TaskCompleted | typeof EventType.SubOrchestrationInstanceCompleted;

/** Ids of the calls that have events of that kind. */
function idsOf(history: readonly HistoryEvent[], type: Completion): ReadonlySet<number> {
  return new Set(history.flatMap(event => (event.EventType === type ? [event.TaskScheduledId] : [])));
}

/** What will be sent when the timers fire that have not. */
function openTimers(history: readonly HistoryEvent[]): HistoryEvent[] {
  const fired = new Set(history.flatMap(event => (event.EventType === EventType.TimerFired ? [event.TimerId] : [])));
  return history.flatMap((event): HistoryEvent[] => {
    if (event.EventType !== EventType.TimerCreated || fired.has(event.EventId)) return [];
    const { EventId: TimerId, FireAt } = event;
    return [{ ...eventBase(Date.parse(FireAt)), EventType: EventType.TimerFired, TimerId, FireAt }];
  });
}

/** The history with generic events for failures, and for the calls that are to be made again. */
function withoutFailures(
  history: readonly HistoryEvent[],
  lostChildren: ReadonlySet<number>,
  reason: string,
): HistoryEvent[] {
  const done = idsOf(history, EventType.TaskCompleted);
  const goes = (event: HistoryEvent) =>
    event.EventType === EventType.TaskFailed ||
    event.EventType === EventType.SubOrchestrationInstanceFailed ||
    (event.EventType === EventType.TaskScheduled && !done.has(event.EventId)) ||
    (event.EventType === EventType.SubOrchestrationInstanceCreated && lostChildren.has(event.EventId)) ||
    (event.EventType === EventType.ExecutionCompleted && event.OrchestrationStatus === 'Failed');
  return history.map(event => {
    if (!goes(event)) return event;
    const { Timestamp, IsPlayed } = event;
    const Reason = `Rewound: ${reason}`;
    return { ...eventBase(Date.parse(Timestamp)), IsPlayed, EventType: EventType.GenericEvent, Reason };
  });
}
