import { EventType, eventBase, type HistoryEvent } from '../../../../local/engine/protocol/history.ts';
import type {
  Address,
  BatchCommit,
  Delivery,
  EpisodeCommit,
  NewActivity,
  NewInstance,
  Store,
  StoredInstance,
} from '../../../../local/engine/store/store.ts';

/** An event that differs from others by its name. */
export const raised = (name: string): HistoryEvent => ({
  ...eventBase(1),
  EventType: EventType.EventRaised,
  Name: name,
  Input: '1',
});

/** The end of an activity. */
export const completed = (taskId: number): HistoryEvent => ({
  ...eventBase(2),
  EventType: EventType.TaskCompleted,
  TaskScheduledId: taskId,
  Result: 'null',
});

/** An event that has no JSON, so no store can write it. */
export const unwritable = (): HistoryEvent => ({ ...raised('x'), Input: 1n }) as unknown as HistoryEvent;

/** A new instance; members that a test cares for are given. */
export function newInstance(instanceId: string, members: Partial<StoredInstance> = {}): NewInstance {
  const instance: StoredInstance = {
    instanceId,
    executionId: `${instanceId}-1`,
    name: 'work',
    version: '',
    runtimeStatus: 'Pending',
    inputJson: '{"n":1}',
    outputJson: null,
    customStatusJson: null,
    parentInstanceId: null,
    createdAtMs: 1_000,
    lastUpdatedAtMs: 1_000,
    ...members,
  };
  const OrchestrationInstance = { InstanceId: instanceId, ExecutionId: instance.executionId };
  return {
    instance,
    startedEvent: {
      ...eventBase(1_000),
      EventType: EventType.ExecutionStarted,
      Name: 'work',
      Version: '',
      Input: instance.inputJson,
      OrchestrationInstance,
      ParentInstance: null,
      Tags: null,
    },
  };
}

/** An episode of an instance that changes nothing else. */
export function episodeOf({ instance }: NewInstance, members: Partial<EpisodeCommit> = {}): EpisodeCommit {
  return {
    instance: { ...instance, runtimeStatus: 'Running' },
    loadedExecutionId: instance.executionId,
    consumedThroughSeq: 0,
    pastEventCount: 0,
    appended: [],
    deliveries: [],
    ...members,
  };
}

/** An episode that ends its instance. */
export const lastEpisodeOf = (created: NewInstance, members: Partial<EpisodeCommit> = {}): EpisodeCommit =>
  episodeOf(created, { instance: { ...created.instance, runtimeStatus: 'Completed' }, ...members });

/** A batch that leaves its entity with a state. */
export function batchOf(
  entityId: string,
  stateJson: string | null,
  members: Partial<BatchCommit> & { readonly atMs?: number } = {},
): BatchCommit {
  const { atMs = 2_000, ...rest } = members;
  return {
    entity: { entityId, stateJson, lastOperationAtMs: atMs },
    consumedThroughSeq: 0,
    deliveries: [],
    ...rest,
  };
}

const due = (dueAtMs: number | undefined) => (dueAtMs === undefined ? {} : { dueAtMs });

/** An address by id, of a generation where it is given. */
export const to = (instanceId: string, executionId: string | null = null): Address => ({ instanceId, executionId });

/** A message to deliver, at once or when it is due. */
export const message = (address: Address, name: string, dueAtMs?: number): Delivery => ({
  kind: 'message',
  to: address,
  event: raised(name),
  ...due(dueAtMs),
});

/** A call of an activity. */
export const call = ({ instance }: NewInstance, taskId: number, dueAtMs?: number): Delivery => {
  const { instanceId, executionId } = instance;
  const activity: NewActivity = { instanceId, executionId, taskId, name: 'act', inputJson: '"in"' };
  return { kind: 'activity', activity, ...due(dueAtMs) };
};

/** The start of a child; its parent hears when it is refused. */
export const start = (child: NewInstance, parent: NewInstance, dueAtMs?: number): Delivery => ({
  kind: 'start',
  child,
  refused: { to: parent.instance, event: raised(`refused ${child.instance.instanceId}`) },
  ...due(dueAtMs),
});

/** Creates instances that have no messages any more. */
export function createIdle(store: Store, ...created: readonly NewInstance[]): void {
  for (const each of created) {
    store.createInstance(each);
    store.dropMessages(each.instance.instanceId, lastSeq(store, each.instance.instanceId));
  }
}

/** The number of the last message that waits. */
export const lastSeq = (store: Store, instanceId: string): number => store.readMessages(instanceId).at(-1)?.seq ?? 0;

/** The names of the events that wait, oldest first; of others than raised events, their numbers. */
export const waiting = (store: Store, instanceId: string): (string | number)[] =>
  store
    .readMessages(instanceId)
    .map(({ event }) => (event.EventType === EventType.EventRaised ? event.Name : event.EventType));

/** The ids of the activities that have not ended, as `instance#task`. */
export const activities = (store: Store): string[] =>
  store.readActivities(0, 1_000).map(({ instanceId, taskId }) => `${instanceId}#${taskId}`);

/** All that can be read, without the numbers that a store gives. */
export function readAll(store: Store) {
  const { instances } = store.listInstances({ top: 1_000 });
  const { entities } = store.listEntities({ top: 1_000 });
  const withMessages = store.instancesWithMessages();
  return {
    instances,
    entities,
    histories: instances.map(({ instanceId }) => store.readHistory(instanceId)),
    messages: withMessages.map(id => [id, store.readMessages(id).map(({ seq: _, ...rest }) => rest)]),
    activities: store.readActivities(0, 1_000).map(({ seq: _, ...rest }) => rest),
    nextDueAtMs: store.nextDueAtMs(),
  };
}
