import type { ControlResult } from './api.ts';
import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import type { EngineServices } from './services.ts';
import { isFinished, type Rewound } from './store/store.ts';

/** What a rewind came to, and which instances have a message because of it. */
interface Rewind {
  readonly result: ControlResult;
  readonly woken: readonly string[];
}

/**
 * Puts a failed instance back to before its failure: the events of the failure give way to generic ones, so the next replay
 * decides again what had failed, under the same id. Failed sub-orchestrations are put back in the same way; their parents wait
 * for them as before.
 */
export function rewindInstance({ store, clock }: EngineServices, instanceId: string, reason: string): Rewind {
  const instance = store.getInstance(instanceId);
  if (!instance) return { result: 'not_found', woken: [] };
  if (instance.runtimeStatus !== 'Failed') {
    return { result: isFinished(instance) ? 'finished' : 'wrong_state', woken: [] };
  }
  const rewound = collect({ store, clock }, instanceId, reason);
  store.rewind(rewound);
  return {
    result: 'accepted',
    woken: rewound.map(each => each.instance.instanceId),
  };
}

/** The instance and, before it, the failed children that it waits for. */
function collect(services: Pick<EngineServices, 'store' | 'clock'>, instanceId: string, reason: string): Rewound[] {
  const { store, clock } = services;
  const stored = store.getInstance(instanceId);
  if (stored?.runtimeStatus !== 'Failed') return [];
  const nowMs = clock.nowMs();
  const history = store.readHistory(instanceId);
  const failedChildren = history.flatMap(event => childOf(history, event));
  const children = failedChildren.flatMap(childId => collect(services, childId, reason));
  const wake: HistoryEvent = { ...eventBase(nowMs), EventType: EventType.GenericEvent, Reason: reason };
  const instance = { ...stored, runtimeStatus: 'Running', outputJson: null, lastUpdatedAtMs: nowMs } as const;
  return [...children, { instance, history: withoutFailures(history, reason), wake }];
}

/** The instance that a failed sub-orchestration was. */
function childOf(history: readonly HistoryEvent[], failure: HistoryEvent): string[] {
  if (failure.EventType !== EventType.SubOrchestrationInstanceFailed) return [];
  return history.flatMap(event =>
    event.EventType === EventType.SubOrchestrationInstanceCreated && event.EventId === failure.TaskScheduledId
      ? [event.InstanceId]
      : [],
  );
}

function withoutFailures(history: readonly HistoryEvent[], reason: string): HistoryEvent[] {
  const failedTasks = new Set(
    history.flatMap(event => (event.EventType === EventType.TaskFailed ? [event.TaskScheduledId] : [])),
  );
  const isFailure = (event: HistoryEvent) =>
    event.EventType === EventType.TaskFailed ||
    event.EventType === EventType.SubOrchestrationInstanceFailed ||
    (event.EventType === EventType.TaskScheduled && failedTasks.has(event.EventId)) ||
    (event.EventType === EventType.ExecutionCompleted && event.OrchestrationStatus === 'Failed');
  return history.map(event =>
    isFailure(event)
      ? {
          ...eventBase(Date.parse(event.Timestamp)),
          IsPlayed: event.IsPlayed,
          EventType: EventType.GenericEvent,
          Reason: `Rewound: ${reason}`,
        }
      : event,
  );
}
