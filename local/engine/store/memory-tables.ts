import type { EntityRecord } from '../api.ts';
import type { HistoryEvent } from '../protocol/history.ts';
import { createSortedList } from './sorted-list.ts';
import type { ActivityTask, Delivery, Message, Store, StoredInstance } from './store.ts';
import type { Tables } from './writes.ts';

/** In the order of SQLite, which compares the bytes of UTF-8. */
function compareIds(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Records by id, and the ids in order. */
function createRecords<Value>() {
  const byId = new Map<string, Value>();
  const ids = createSortedList(compareIds);
  return {
    get: (id: string) => byId.get(id),
    put(id: string, value: Value): void {
      if (!byId.has(id)) ids.add(id);
      byId.set(id, value);
    },
    remove(id: string): boolean {
      ids.remove(id);
      return byId.delete(id);
    },
    /**
     * In the order of ids.
     *
     * @param prefix - of the ids; empty = any
     * @param afterId - where the last page ended
     */
    *list(prefix: string, afterId = ''): Iterable<Value> {
      for (const id of ids.from(compareIds(prefix, afterId) > 0 ? prefix : afterId)) {
        if (!id.startsWith(prefix)) return;
        const value = byId.get(id);
        if (value !== undefined && id !== afterId) yield value;
      }
    },
  };
}

function createHistories() {
  const byInstance = new Map<string, HistoryEvent[]>();
  return {
    countEvents: (instanceId: string) => byInstance.get(instanceId)?.length ?? 0,
    appendEvents(instanceId: string, _startPosition: number, events: readonly HistoryEvent[]): void {
      const history = byInstance.get(instanceId) ?? [];
      for (const event of events) history.push(event);
      byInstance.set(instanceId, history);
    },
    clearHistory: (instanceId: string) => void byInstance.delete(instanceId),
    readHistory: (instanceId: string): readonly HistoryEvent[] => [...(byInstance.get(instanceId) ?? [])],
  } satisfies Partial<Tables & Store>;
}

function createMessages() {
  const byInstance = new Map<string, Message[]>();
  let lastSeq = 0;
  const firstSeqOf = ([, messages]: [string, Message[]]) => messages[0]?.seq ?? 0;
  return {
    addMessage({ instanceId, executionId }, event) {
      lastSeq += 1;
      const messages = byInstance.get(instanceId) ?? [];
      messages.push(Object.freeze({ seq: lastSeq, executionId, event }));
      byInstance.set(instanceId, messages);
    },
    dropMessages(instanceId, throughSeq) {
      const messages = byInstance.get(instanceId) ?? [];
      const keptFrom = messages.findIndex(({ seq }) => seq > throughSeq);
      if (keptFrom < 0) return byInstance.delete(instanceId);
      return messages.splice(0, keptFrom).length > 0;
    },
    readMessages: (instanceId): readonly Message[] => [...(byInstance.get(instanceId) ?? [])],
    instancesWithMessages: () =>
      [...byInstance].sort((one, other) => firstSeqOf(one) - firstSeqOf(other)).map(([instanceId]) => instanceId),
  } satisfies Partial<Tables & Store>;
}

function createActivities() {
  const bySeq = new Map<number, ActivityTask>();
  const seqs = createSortedList<number>((one, other) => one - other);
  let lastSeq = 0;
  return {
    addActivity({ instanceId, executionId, taskId, name, inputJson }) {
      lastSeq += 1;
      seqs.add(lastSeq);
      bySeq.set(lastSeq, Object.freeze({ seq: lastSeq, instanceId, executionId, taskId, name, inputJson }));
    },
    removeActivity(seq) {
      seqs.remove(seq);
      return bySeq.delete(seq);
    },
    removeActivitiesOf(instanceId) {
      for (const [seq, task] of bySeq) {
        if (task.instanceId !== instanceId) continue;
        seqs.remove(seq);
        bySeq.delete(seq);
      }
    },
    readActivities(afterSeq, limit) {
      const tasks: ActivityTask[] = [];
      for (const seq of seqs.from(afterSeq + 1)) {
        const task = bySeq.get(seq);
        if (tasks.length === limit || !task) break;
        tasks.push(task);
      }
      return tasks;
    },
  } satisfies Partial<Tables & Store>;
}

interface Scheduled {
  readonly seq: number;
  readonly dueAtMs: number;
  readonly delivery: Delivery;
}

function createSchedule() {
  const waiting = createSortedList<Scheduled>((one, other) => one.dueAtMs - other.dueAtMs || one.seq - other.seq);
  const messagesByInstance = new Map<string, Set<Scheduled>>();
  let lastSeq = 0;

  function forget(scheduled: Scheduled): void {
    if (scheduled.delivery.kind !== 'message') return;
    const { instanceId } = scheduled.delivery.to;
    const messages = messagesByInstance.get(instanceId);
    messages?.delete(scheduled);
    if (messages?.size === 0) messagesByInstance.delete(instanceId);
  }

  return {
    schedule(delivery, dueAtMs) {
      lastSeq += 1;
      const scheduled: Scheduled = { seq: lastSeq, dueAtMs, delivery };
      waiting.add(scheduled);
      if (delivery.kind !== 'message') return;
      const { instanceId } = delivery.to;
      messagesByInstance.set(instanceId, (messagesByInstance.get(instanceId) ?? new Set()).add(scheduled));
    },
    unscheduleMessages(instanceId) {
      for (const scheduled of messagesByInstance.get(instanceId) ?? []) waiting.remove(scheduled);
      messagesByInstance.delete(instanceId);
    },
    nextDueAtMs: () => waiting.first()?.dueAtMs,
    takeDue(nowMs) {
      const due = waiting.takeWhile(({ dueAtMs }) => dueAtMs <= nowMs);
      for (const scheduled of due) forget(scheduled);
      return due.map(({ delivery }) => delivery);
    },
  } satisfies Partial<Tables>;
}

/** Tables in memory, with what reads them. They keep what they are given, so it must not change. */
export function createMemoryTables() {
  const meta = new Map<string, string>();
  const instances = createRecords<StoredInstance>();
  const entities = createRecords<EntityRecord>();
  return {
    getMeta: (key: string) => meta.get(key),
    setMeta: (key: string, value: string) => void meta.set(key, value),
    instances,
    stateOf: instances.get,
    putInstance: (instance: StoredInstance) => instances.put(instance.instanceId, instance),
    removeInstance: instances.remove,
    entities,
    putEntity: (entity: EntityRecord) => entities.put(entity.entityId, entity),
    removeEntity: entities.remove,
    ...createHistories(),
    ...createMessages(),
    ...createActivities(),
    ...createSchedule(),
  } satisfies Tables & Partial<Store> & Record<'instances' | 'entities', object>;
}
