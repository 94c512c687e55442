import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { InstanceFilter } from '../api.ts';
import { EventType, eventBase, type HistoryEvent } from '../protocol/history.ts';
import { inTransaction, openStateDatabase } from './sqlite-schema.ts';
import {
  type ActivityTask,
  type Address,
  type EpisodeCommit,
  isFinished,
  type NewInstance,
  type Store,
  type StoredInstance,
} from './store.ts';

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

const DEFAULT_PAGE_SIZE = 100;

/** Rows come with a null prototype; the columns are named as the members. */
function readRow<Row extends object>(row: unknown): Row {
  return { ...(row as Row) };
}

function createTables(database: DatabaseSync) {
  const readInstance = database.prepare('SELECT * FROM instances WHERE instanceId = ?');
  const writeInstance = database.prepare(
    `INSERT OR REPLACE INTO instances (${INSTANCE_COLUMNS.join(', ')}) VALUES (${INSTANCE_COLUMNS.map(() => '?').join(', ')})`,
  );
  const appendEvent = database.prepare('INSERT INTO history (instanceId, position, event) VALUES (?, ?, ?)');
  const addMessage = database.prepare('INSERT INTO messages (instanceId, executionId, event) VALUES (?, ?, ?)');
  const clearTimers = database.prepare('DELETE FROM timers WHERE instanceId = ?');
  const clearHistory = database.prepare('DELETE FROM history WHERE instanceId = ?');
  const clearMessages = database.prepare('DELETE FROM messages WHERE instanceId = ?');

  const getInstance = (instanceId: string): StoredInstance | undefined => {
    const row = readInstance.get(instanceId);
    return row && readRow<StoredInstance>(row);
  };
  const clear = (instanceId: string) => {
    for (const statement of [clearHistory, clearMessages, clearTimers]) statement.run(instanceId);
  };
  const deliver = ({ instanceId, executionId }: Address, event: HistoryEvent): boolean => {
    const instance = getInstance(instanceId);
    if (!instance || isFinished(instance)) return false;
    if (executionId !== null && executionId !== instance.executionId) return false;
    addMessage.run(instanceId, executionId, JSON.stringify(event));
    return true;
  };
  return {
    getInstance,
    putInstance: (instance: StoredInstance) => writeInstance.run(...INSTANCE_COLUMNS.map(column => instance[column])),
    create({ instance, startedEvent }: NewInstance) {
      clear(instance.instanceId);
      writeInstance.run(...INSTANCE_COLUMNS.map(column => instance[column]));
      deliver(instance, startedEvent);
    },
    deliver,
    clear,
    clearHistory: (instanceId: string) => clearHistory.run(instanceId),
    clearTimers: (instanceId: string) => clearTimers.run(instanceId),
    appendEvents(instanceId: string, startPosition: number, events: readonly HistoryEvent[]) {
      for (const [index, event] of events.entries())
        appendEvent.run(instanceId, startPosition + index, JSON.stringify(event));
    },
  };
}

type Tables = ReturnType<typeof createTables>;

function createInstanceStore(database: DatabaseSync, tables: Tables) {
  const removeInstance = database.prepare('DELETE FROM instances WHERE instanceId = ?');
  const readHistory = database.prepare('SELECT event FROM history WHERE instanceId = ? ORDER BY position');
  return {
    getInstance: tables.getInstance,
    listInstances: (filter: InstanceFilter) => listInstances(database, filter),
    createInstance: (created: NewInstance) => inTransaction(database, () => tables.create(created)),
    purgeInstance: (instanceId: string) =>
      inTransaction(database, () => {
        tables.clear(instanceId);
        return removeInstance.run(instanceId).changes > 0;
      }),
    readHistory: (instanceId: string) =>
      readHistory.all(instanceId).map(row => JSON.parse(String(row['event'])) as HistoryEvent),
  } satisfies Partial<Store>;
}

function listInstances(database: DatabaseSync, filter: InstanceFilter): ReturnType<Store['listInstances']> {
  const {
    instanceIdPrefix,
    createdFromMs,
    createdToMs,
    runtimeStatus,
    top = DEFAULT_PAGE_SIZE,
    continuationToken,
  } = filter;
  const conditions: [sql: string, values: readonly SQLInputValue[]][] = [];
  if (continuationToken !== undefined) conditions.push(['instanceId > ?', [continuationToken]]);
  if (instanceIdPrefix) conditions.push(['substr(instanceId, 1, length(?)) = ?', [instanceIdPrefix, instanceIdPrefix]]);
  if (createdFromMs !== undefined) conditions.push(['createdAtMs >= ?', [createdFromMs]]);
  if (createdToMs !== undefined) conditions.push(['createdAtMs <= ?', [createdToMs]]);
  if (runtimeStatus) conditions.push([`runtimeStatus IN (${runtimeStatus.map(() => '?').join(', ')})`, runtimeStatus]);
  const where = conditions.map(([sql]) => sql).join(' AND ');
  const query = `SELECT * FROM instances ${where && `WHERE ${where}`} ORDER BY instanceId LIMIT ?`;
  const values = conditions.flatMap(([, each]) => each);
  const rows = database.prepare(query).all(...values, top + 1);
  const instances = rows.slice(0, top).map(row => readRow<StoredInstance>(row));
  const last = instances.at(-1);
  return rows.length > top && last ? { instances, continuationToken: last.instanceId } : { instances };
}

function createMessageStore(database: DatabaseSync, tables: Tables) {
  const readMessages = database.prepare(
    'SELECT seq, executionId, event FROM messages WHERE instanceId = ? ORDER BY seq',
  );
  const dropMessages = database.prepare('DELETE FROM messages WHERE instanceId = ? AND seq <= ?');
  const readWaiting = database.prepare('SELECT instanceId FROM messages GROUP BY instanceId ORDER BY min(seq)');
  const addActivity = database.prepare(
    'INSERT INTO activities (instanceId, executionId, taskId, name, inputJson) VALUES (?, ?, ?, ?, ?)',
  );
  const addTimer = database.prepare(
    'INSERT INTO timers (instanceId, executionId, timerId, fireAtMs) VALUES (?, ?, ?, ?)',
  );

  function commit({ instance, ...episode }: EpisodeCommit): readonly string[] | undefined {
    const { instanceId, executionId } = instance;
    if (tables.getInstance(instanceId)?.executionId !== episode.loadedExecutionId) return undefined;
    tables.putInstance(instance);
    if (episode.pastEventCount === 0) tables.clearHistory(instanceId);
    if (isFinished(instance)) tables.clearTimers(instanceId);
    tables.appendEvents(instanceId, episode.pastEventCount, episode.appended);
    for (const { taskId, name, inputJson } of episode.activities)
      addActivity.run(instanceId, executionId, taskId, name, inputJson);
    for (const { timerId, fireAtMs } of episode.timers) addTimer.run(instanceId, executionId, timerId, fireAtMs);
    const woken: string[] = [];
    const deliver = (to: Address, event: HistoryEvent) => tables.deliver(to, event) && woken.push(to.instanceId);
    for (const child of episode.children) {
      const former = tables.getInstance(child.instance.instanceId);
      if (former && !isFinished(former)) deliver(instance, child.refusedEvent);
      else {
        tables.create(child);
        woken.push(child.instance.instanceId);
      }
    }
    for (const { to, event } of episode.messages) deliver(to, event);
    dropMessages.run(instanceId, episode.consumedThroughSeq);
    return woken;
  }

  return {
    sendMessage: (to: Address, event: HistoryEvent) => inTransaction(database, () => tables.deliver(to, event)),
    readMessages: (instanceId: string) =>
      readMessages.all(instanceId).map(row => ({
        seq: Number(row['seq']),
        executionId: row['executionId'] === null ? null : String(row['executionId']),
        event: JSON.parse(String(row['event'])) as HistoryEvent,
      })),
    dropMessages: (instanceId: string, throughSeq: number) => void dropMessages.run(instanceId, throughSeq),
    instancesWithMessages: () => readWaiting.all().map(row => String(row['instanceId'])),
    commitEpisode: (episode: EpisodeCommit) => inTransaction(database, () => commit(episode)),
  } satisfies Partial<Store>;
}

function createWorkStore(database: DatabaseSync, tables: Tables) {
  const readActivities = database.prepare('SELECT * FROM activities WHERE seq > ? ORDER BY seq LIMIT ?');
  const removeActivity = database.prepare('DELETE FROM activities WHERE seq = ?');
  const readNextTimer = database.prepare('SELECT min(fireAtMs) AS fireAtMs FROM timers');
  const readDueTimers = database.prepare('SELECT * FROM timers WHERE fireAtMs <= ? ORDER BY fireAtMs, seq');
  const removeTimer = database.prepare('DELETE FROM timers WHERE seq = ?');

  function fire(nowMs: number): string[] {
    const due = readDueTimers
      .all(nowMs)
      .map(row => readRow<Address & { seq: number; timerId: number; fireAtMs: number }>(row));
    return due.flatMap(timer => {
      removeTimer.run(timer.seq);
      const FireAt = new Date(timer.fireAtMs).toISOString();
      const event = { ...eventBase(nowMs), EventType: EventType.TimerFired, TimerId: timer.timerId, FireAt };
      return tables.deliver(timer, event) ? [timer.instanceId] : [];
    });
  }

  function nextTimerAtMs(): number | undefined {
    const instant = readNextTimer.get()?.['fireAtMs'];
    return typeof instant === 'number' ? instant : undefined;
  }

  return {
    readActivities: (afterSeq: number, limit: number) =>
      readActivities.all(afterSeq, limit).map(row => readRow<ActivityTask>(row)),
    completeActivity: (task: ActivityTask, event: HistoryEvent) =>
      inTransaction(database, () => removeActivity.run(task.seq).changes > 0 && tables.deliver(task, event)),
    nextTimerAtMs,
    fireTimers(nowMs: number) {
      const nextAtMs = nextTimerAtMs();
      return nextAtMs === undefined || nextAtMs > nowMs ? [] : inTransaction(database, () => fire(nowMs));
    },
  } satisfies Partial<Store>;
}

/**
 * A store in one SQLite file. A killed process loses nothing that was written; a power cut may lose the last moments.
 *
 * @param path - the file, made if it is not there; `:memory:` = kept nowhere
 * @throws when the file cannot be used (see the message)
 */
export function openSqliteStore(path: string): Store {
  const database = openStateDatabase(path);
  const tables = createTables(database);
  const readMeta = database.prepare('SELECT value FROM meta WHERE key = ?');
  const writeMeta = database.prepare('INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)');
  return {
    getMeta(key) {
      const value = readMeta.get(key)?.['value'];
      return value === undefined ? undefined : String(value);
    },
    setMeta: (key, value) => void writeMeta.run(key, value),
    ...createInstanceStore(database, tables),
    ...createMessageStore(database, tables),
    ...createWorkStore(database, tables),
    close: () => database.close(),
  };
}
