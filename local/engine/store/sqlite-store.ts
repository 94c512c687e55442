import type { DatabaseSync } from 'node:sqlite';
import type { EntityRecord } from '../api.ts';
import type { HistoryEvent } from '../protocol/history.ts';
import { createLists } from './sqlite-lists.ts';
import { inTransaction, openStateDatabase } from './sqlite-schema.ts';
import { createSqliteTables, readRow } from './sqlite-tables.ts';
import type { ActivityTask, Store, StoredInstance } from './store.ts';
import { createWrites } from './writes.ts';

const readEvent = (row: Readonly<Record<string, unknown>>) => JSON.parse(String(row['event'])) as HistoryEvent;

function createRecordReads(database: DatabaseSync) {
  const readMeta = database.prepare('SELECT value FROM meta WHERE key = ?');
  const readInstance = database.prepare('SELECT * FROM instances WHERE instanceId = ?');
  const readEntity = database.prepare('SELECT * FROM entities WHERE entityId = ?');
  return {
    getMeta(key) {
      const value = readMeta.get(key)?.['value'];
      return value === undefined ? undefined : String(value);
    },
    getInstance(instanceId) {
      const row = readInstance.get(instanceId);
      return row && readRow<StoredInstance>(row);
    },
    getEntity(entityId) {
      const row = readEntity.get(entityId);
      return row && readRow<EntityRecord>(row);
    },
  } satisfies Partial<Store>;
}

function createWorkReads(database: DatabaseSync) {
  const readHistory = database.prepare('SELECT event FROM history WHERE instanceId = ? ORDER BY position');
  const readMessages = database.prepare(
    'SELECT seq, executionId, event FROM messages WHERE instanceId = ? ORDER BY seq',
  );
  const readWaiting = database.prepare('SELECT instanceId FROM messages GROUP BY instanceId ORDER BY min(seq)');
  const readActivities = database.prepare('SELECT * FROM activities WHERE seq > ? ORDER BY seq LIMIT ?');
  return {
    readHistory: instanceId => readHistory.all(instanceId).map(readEvent),
    readMessages: instanceId =>
      readMessages.all(instanceId).map(row => ({
        seq: Number(row['seq']),
        executionId: row['executionId'] === null ? null : String(row['executionId']),
        event: readEvent(row),
      })),
    instancesWithMessages: () => readWaiting.all().map(row => String(row['instanceId'])),
    readActivities: (afterSeq, limit) => readActivities.all(afterSeq, limit).map(row => readRow<ActivityTask>(row)),
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
  const tables = createSqliteTables(database);
  return {
    ...createRecordReads(database),
    ...createWorkReads(database),
    ...createLists(database),
    ...createWrites(
      tables,
      work =>
        (...input) =>
          inTransaction(database, () => work(...input)),
    ),
    nextDueAtMs: tables.nextDueAtMs,
    close: () => database.close(),
  };
}
