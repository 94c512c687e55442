import type { DatabaseSync } from 'node:sqlite';
import type { HistoryEvent } from '../protocol/history.ts';
import type { Address, Delivery, NewActivity, StoredInstance } from './store.ts';
import type { Tables } from './writes.ts';

const INSTANCE_COLUMNS = [
  'instanceId',
  'executionId',
  'name',
  'version',
  'runtimeStatus',
  'inputJson',
  'outputJson',
  'customStatusJson',
  'parentInstanceId',
  'createdAtMs',
  'lastUpdatedAtMs',
] as const satisfies readonly (keyof StoredInstance)[];

/** A row as an object of its own: rows come with a null prototype, and their columns are named as the members. */
export function readRow<Row extends object>(row: unknown): Row {
  return { ...(row as Row) };
}

function createInstanceTables(database: DatabaseSync) {
  const readState = database.prepare('SELECT executionId, runtimeStatus FROM instances WHERE instanceId = ?');
  const places = INSTANCE_COLUMNS.map(() => '?').join(', ');
  const write = database.prepare(
    `INSERT OR REPLACE INTO instances (${INSTANCE_COLUMNS.join(', ')}) VALUES (${places})`,
  );
  const remove = database.prepare('DELETE FROM instances WHERE instanceId = ?');
  const append = database.prepare('INSERT INTO history (instanceId, position, event) VALUES (?, ?, ?)');
  // Positions have no gaps, so the last one tells how many there are.
  const readLast = database.prepare('SELECT max(position) AS position FROM history WHERE instanceId = ?');
  const clear = database.prepare('DELETE FROM history WHERE instanceId = ?');
  return {
    stateOf(instanceId) {
      const row = readState.get(instanceId);
      return row && readRow<Pick<StoredInstance, 'executionId' | 'runtimeStatus'>>(row);
    },
    putInstance: instance => void write.run(...INSTANCE_COLUMNS.map(column => instance[column])),
    removeInstance: instanceId => remove.run(instanceId).changes > 0,
    countEvents: instanceId => Number(readLast.get(instanceId)?.['position'] ?? -1) + 1,
    appendEvents(instanceId, startPosition, events) {
      for (const [index, event] of events.entries())
        append.run(instanceId, startPosition + index, JSON.stringify(event));
    },
    clearHistory: instanceId => void clear.run(instanceId),
  } satisfies Partial<Tables>;
}

function createEntityTable(database: DatabaseSync) {
  const write = database.prepare(
    'INSERT OR REPLACE INTO entities (entityId, stateJson, lastOperationAtMs) VALUES (?, ?, ?)',
  );
  const remove = database.prepare('DELETE FROM entities WHERE entityId = ?');
  return {
    putEntity: ({ entityId, stateJson, lastOperationAtMs }) => void write.run(entityId, stateJson, lastOperationAtMs),
    removeEntity: entityId => remove.run(entityId).changes > 0,
  } satisfies Partial<Tables>;
}

function createWorkTables(database: DatabaseSync) {
  const addMessage = database.prepare('INSERT INTO messages (instanceId, executionId, event) VALUES (?, ?, ?)');
  const dropMessages = database.prepare('DELETE FROM messages WHERE instanceId = ? AND seq <= ?');
  const addActivity = database.prepare(
    'INSERT INTO activities (instanceId, executionId, taskId, name, inputJson) VALUES (?, ?, ?, ?, ?)',
  );
  const removeActivity = database.prepare('DELETE FROM activities WHERE seq = ?');
  const removeActivitiesOf = database.prepare('DELETE FROM activities WHERE instanceId = ?');
  return {
    addMessage: ({ instanceId, executionId }, event) =>
      void addMessage.run(instanceId, executionId, JSON.stringify(event)),
    dropMessages: (instanceId, throughSeq) => dropMessages.run(instanceId, throughSeq).changes > 0,
    addActivity: ({ instanceId, executionId, taskId, name, inputJson }) =>
      void addActivity.run(instanceId, executionId, taskId, name, inputJson),
    removeActivity: seq => removeActivity.run(seq).changes > 0,
    removeActivitiesOf: instanceId => void removeActivitiesOf.run(instanceId),
  } satisfies Partial<Tables>;
}

/** A row of the table `scheduled`. */
interface Scheduled extends Address {
  readonly kind: Delivery['kind'];
  /** JSON: the event of a message, the activity, or the child and what is sent when it is refused. */
  readonly body: string;
}

function toScheduled(delivery: Delivery): Scheduled {
  const [{ instanceId, executionId }, body] = addressAndBody(delivery);
  return { kind: delivery.kind, instanceId, executionId, body: JSON.stringify(body) };
}

function addressAndBody(delivery: Delivery): readonly [Address, object] {
  switch (delivery.kind) {
    case 'message':
      return [delivery.to, delivery.event];
    case 'activity':
      return [delivery.activity, delivery.activity];
    case 'start': {
      const { child, refused } = delivery;
      return [child.instance, { child, refused }];
    }
  }
}

function toDelivery({ kind, body, ...to }: Scheduled): Delivery {
  switch (kind) {
    case 'message':
      return { kind, to, event: JSON.parse(body) as HistoryEvent };
    case 'activity':
      return { kind, activity: JSON.parse(body) as NewActivity };
    case 'start':
      return { kind, ...(JSON.parse(body) as Pick<Delivery & { kind: 'start' }, 'child' | 'refused'>) };
  }
}

function createScheduleTable(database: DatabaseSync) {
  const add = database.prepare(
    'INSERT INTO scheduled (dueAtMs, kind, instanceId, executionId, body) VALUES (?, ?, ?, ?, ?)',
  );
  const removeMessages = database.prepare("DELETE FROM scheduled WHERE instanceId = ? AND kind = 'message'");
  const readNext = database.prepare('SELECT min(dueAtMs) AS dueAtMs FROM scheduled');
  const readDue = database.prepare(
    'SELECT kind, instanceId, executionId, body FROM scheduled WHERE dueAtMs <= ? ORDER BY dueAtMs, seq',
  );
  const removeDue = database.prepare('DELETE FROM scheduled WHERE dueAtMs <= ?');
  return {
    schedule(delivery, dueAtMs) {
      const { kind, instanceId, executionId, body } = toScheduled(delivery);
      add.run(dueAtMs, kind, instanceId, executionId, body);
    },
    unscheduleMessages: instanceId => void removeMessages.run(instanceId),
    nextDueAtMs() {
      const instant = readNext.get()?.['dueAtMs'];
      return typeof instant === 'number' ? instant : undefined;
    },
    takeDue(nowMs) {
      const due = readDue.all(nowMs).map(row => toDelivery(readRow<Scheduled>(row)));
      removeDue.run(nowMs);
      return due;
    },
  } satisfies Partial<Tables>;
}

/** The tables of a state file; each step runs within the caller's transaction. */
export function createSqliteTables(database: DatabaseSync): Tables {
  const writeMeta = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  return {
    setMeta: (key, value) => void writeMeta.run(key, value),
    ...createInstanceTables(database),
    ...createEntityTable(database),
    ...createWorkTables(database),
    ...createScheduleTable(database),
  };
}
