import type { EntityRecord } from '../api.ts';
import { isEntityId } from '../protocol/entities.ts';
import type { HistoryEvent } from '../protocol/history.ts';
import {
  type ActivityTask,
  type Address,
  type BatchCommit,
  type CommitPoint,
  type Delivery,
  type EpisodeCommit,
  isFinished,
  type NewActivity,
  type NewInstance,
  type Rewound,
  type Store,
  type StoredInstance,
} from './store.ts';

/** What a store is written with, each a single step. The rules of who gets what are not theirs: see `createWrites`. */
export interface Tables {
  setMeta(key: string, value: string): void;

  /** Undefined when there is no instance of that id. */
  stateOf(instanceId: string): Pick<StoredInstance, 'executionId' | 'runtimeStatus'> | undefined;
  putInstance(instance: StoredInstance): void;
  /** False when there was none. */
  removeInstance(instanceId: string): boolean;

  countEvents(instanceId: string): number;
  /** @param startPosition - how many events there are */
  appendEvents(instanceId: string, startPosition: number, events: readonly HistoryEvent[]): void;
  clearHistory(instanceId: string): void;

  putEntity(entity: EntityRecord & { readonly stateJson: string }): void;
  /** False when there was none. */
  removeEntity(entityId: string): boolean;

  addMessage(to: Address, event: HistoryEvent): void;
  /** False when there was none. */
  dropMessages(instanceId: string, throughSeq: number): boolean;

  addActivity(activity: NewActivity): void;
  /** False when there was none. */
  removeActivity(seq: number): boolean;
  removeActivitiesOf(instanceId: string): void;

  schedule(delivery: Delivery, dueAtMs: number): void;
  /** Drops the messages for that address that are not due yet. */
  unscheduleMessages(instanceId: string): void;
  nextDueAtMs(): number | undefined;
  /** Takes out whatever is due, earliest first, and in the order of scheduling where two are due at once. */
  takeDue(nowMs: number): readonly Delivery[];
}

/** Makes one transaction of a work: all that it writes is written, or nothing if it throws. */
export type MakeWrite = <Input extends readonly unknown[], Output>(
  work: (...input: Input) => Output,
) => (...input: Input) => Output;

/** The address of a generation. */
const addressOf = ({ instanceId, executionId }: Address): Address => ({ instanceId, executionId });

/** How messages and other deliveries reach those whom they are for. */
function createPost(tables: Tables) {
  /** Sends now, or for an instant of the future; false when there is nobody to take it. */
  function send(to: Address, event: HistoryEvent, dueAtMs?: number): boolean {
    if (!isEntityId(to.instanceId)) {
      const state = tables.stateOf(to.instanceId);
      if (!state || isFinished(state)) return false;
      if (to.executionId !== null && to.executionId !== state.executionId) return false;
    }
    if (dueAtMs === undefined) tables.addMessage(to, event);
    else tables.schedule({ kind: 'message', to, event }, dueAtMs);
    return true;
  }

  function dropAllFor(instanceId: string): void {
    tables.dropMessages(instanceId, Number.MAX_SAFE_INTEGER);
    tables.unscheduleMessages(instanceId);
  }

  function create({ instance, startedEvent }: NewInstance, dueAtMs?: number): void {
    tables.clearHistory(instance.instanceId);
    dropAllFor(instance.instanceId);
    tables.putInstance(instance);
    send(addressOf(instance), startedEvent, dueAtMs);
  }

  /** Returns who has got a message. */
  function deliver(delivery: Delivery): readonly string[] {
    if (delivery.kind === 'message') return send(delivery.to, delivery.event) ? [delivery.to.instanceId] : [];
    if (delivery.kind === 'activity') {
      tables.addActivity(delivery.activity);
      return [];
    }
    const { child, refused } = delivery;
    const former = tables.stateOf(child.instance.instanceId);
    if (former && !isFinished(former)) return send(refused.to, refused.event) ? [refused.to.instanceId] : [];
    create(child);
    return [child.instance.instanceId];
  }

  function scheduleOrDeliver(delivery: Delivery): readonly string[] {
    if (delivery.dueAtMs === undefined) return deliver(delivery);
    tables.schedule(delivery, delivery.dueAtMs);
    return [];
  }

  return {
    send,
    dropAllFor,
    create,
    /** Delivers now, whatever the instant. */
    deliverAll: (deliveries: readonly Delivery[]) => [...new Set(deliveries.flatMap(deliver))],
    /** Delivers what has no instant, and keeps the rest until it is due. */
    dispatch: (deliveries: readonly Delivery[]) => [...new Set(deliveries.flatMap(scheduleOrDeliver))],
  };
}

/** The writes that are made of several steps. */
function createCommits(tables: Tables, post: ReturnType<typeof createPost>) {
  function commitEpisode(episode: EpisodeCommit): readonly string[] | undefined {
    const { instance, pastEventCount, appended } = episode;
    const { instanceId } = instance;
    if (tables.stateOf(instanceId)?.executionId !== episode.loadedExecutionId) return undefined;
    if (pastEventCount === 0) tables.clearHistory(instanceId);
    else requireEventCount(instanceId, pastEventCount, tables.countEvents(instanceId));
    tables.putInstance(instance);
    tables.appendEvents(instanceId, pastEventCount, appended);
    tables.dropMessages(instanceId, episode.consumedThroughSeq);
    if (isFinished(instance)) tables.unscheduleMessages(instanceId);
    return post.dispatch(episode.deliveries);
  }

  function commitBatch({ entity, consumedThroughSeq, deliveries }: BatchCommit): readonly string[] | undefined {
    const { stateJson } = entity;
    const hadMessages = tables.dropMessages(entity.entityId, consumedThroughSeq);
    if (consumedThroughSeq > 0 && !hadMessages) return undefined;
    if (stateJson === null) tables.removeEntity(entity.entityId);
    else tables.putEntity({ ...entity, stateJson });
    return post.dispatch(deliveries);
  }

  function purge(id: string): boolean {
    post.dropAllFor(id);
    if (isEntityId(id)) return tables.removeEntity(id);
    tables.clearHistory(id);
    return tables.removeInstance(id);
  }

  function rewind(rewound: readonly Rewound[]): readonly string[] {
    for (const { instance, history } of rewound) {
      tables.putInstance(instance);
      tables.clearHistory(instance.instanceId);
      tables.appendEvents(instance.instanceId, 0, history);
      tables.removeActivitiesOf(instance.instanceId);
    }
    return post.dispatch(rewound.flatMap(({ deliveries }) => deliveries));
  }

  return { commitEpisode, commitBatch, purge, rewind };
}

/**
 * The writes of a store, by the rules of its interface.
 *
 * @param makeWrite - each write is made by it
 */
export function createWrites(tables: Tables, makeWrite: MakeWrite): Pick<Store, CommitPoint> {
  const post = createPost(tables);
  const commits = createCommits(tables, post);
  const deliverDue = makeWrite((nowMs: number) => post.deliverAll(tables.takeDue(nowMs)));
  return {
    setMeta: makeWrite(tables.setMeta),
    createInstance: makeWrite(post.create),
    purgeInstance: makeWrite(commits.purge),
    sendMessage: makeWrite(post.send),
    dropMessages: makeWrite(
      (instanceId: string, throughSeq: number) => void tables.dropMessages(instanceId, throughSeq),
    ),
    commitEpisode: makeWrite(commits.commitEpisode),
    commitBatch: makeWrite(commits.commitBatch),
    rewind: makeWrite(commits.rewind),
    completeActivity: makeWrite(
      (task: ActivityTask, event: HistoryEvent, dueAtMs?: number) =>
        tables.removeActivity(task.seq) && post.send(addressOf(task), event, dueAtMs),
    ),
    deliverDue(nowMs) {
      const dueAtMs = tables.nextDueAtMs();
      return dueAtMs === undefined || dueAtMs > nowMs ? [] : deliverDue(nowMs);
    },
  };
}

/** An episode that went by another history than the stored one would leave a history that never was. */
function requireEventCount(instanceId: string, expected: number, stored: number): void {
  if (expected === stored) return;
  throw new Error(`The history of "${instanceId}" has ${stored} events, the episode went by ${expected}`);
}
