import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { EventType, eventBase, type HistoryEvent } from '../../../../local/engine/protocol/history.ts';
import { openSqliteStore } from '../../../../local/engine/store/sqlite-store.ts';
import type { Store } from '../../../../local/engine/store/store.ts';
import { temporaryStateFile } from '../../../helpers/engine-harness.ts';
import { completed, newInstance, raised } from './store-samples.ts';

/** The tables as version 1 made them. */
const VERSION_1 = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE instances (
  instanceId TEXT PRIMARY KEY,
  executionId TEXT NOT NULL,
  name TEXT NOT NULL,
  version TEXT NOT NULL,
  runtimeStatus TEXT NOT NULL,
  inputJson TEXT,
  outputJson TEXT,
  customStatusJson TEXT,
  parentInstanceId TEXT,
  createdAtMs INTEGER NOT NULL,
  lastUpdatedAtMs INTEGER NOT NULL
);
CREATE TABLE history (
  instanceId TEXT NOT NULL,
  position INTEGER NOT NULL,
  event TEXT NOT NULL,
  PRIMARY KEY (instanceId, position)
) WITHOUT ROWID;
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  instanceId TEXT NOT NULL,
  executionId TEXT,
  event TEXT NOT NULL
);
CREATE INDEX messages_by_instance ON messages (instanceId, seq);
CREATE TABLE activities (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  instanceId TEXT NOT NULL,
  executionId TEXT NOT NULL,
  taskId INTEGER NOT NULL,
  name TEXT NOT NULL,
  inputJson TEXT
);
CREATE TABLE timers (
  seq INTEGER PRIMARY KEY,
  instanceId TEXT NOT NULL,
  executionId TEXT NOT NULL,
  timerId INTEGER NOT NULL,
  fireAtMs INTEGER NOT NULL
);
CREATE INDEX timers_by_instant ON timers (fireAtMs, seq);
CREATE INDEX timers_by_instance ON timers (instanceId);
PRAGMA user_version = 1;
`;

const FIRE_AT_MS = Date.UTC(2026, 0, 1, 0, 0, 7, 123);
const one = newInstance('one', {
  runtimeStatus: 'Running',
  version: '2.1',
  customStatusJson: '"half"',
  parentInstanceId: 'p',
});
const done = newInstance('done', { runtimeStatus: 'Completed', inputJson: null, outputJson: '[1]' });
const history: readonly HistoryEvent[] = [
  { ...eventBase(1_000), EventType: EventType.OrchestratorStarted },
  one.startedEvent,
  { ...eventBase(1_000, 0), EventType: EventType.TimerCreated, FireAt: new Date(FIRE_AT_MS).toISOString() },
];

const fired = (timerId: number, atMs: number): HistoryEvent => ({
  ...eventBase(atMs),
  EventType: EventType.TimerFired,
  TimerId: timerId,
  FireAt: new Date(atMs).toISOString(),
});

/** A file of version 1: a running instance with history, messages, activities and timers, and a finished one. */
function writeVersion1(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(VERSION_1);
  const insert = (table: string, ...values: (string | number | null)[]) =>
    database.prepare(`INSERT INTO ${table} VALUES (${values.map(() => '?').join(', ')})`).run(...values);
  insert('meta', 'storageMarker', 'm');
  for (const { instance } of [one, done]) {
    const { instanceId, executionId, name, version, runtimeStatus, inputJson, outputJson } = instance;
    const { customStatusJson, parentInstanceId, createdAtMs, lastUpdatedAtMs } = instance;
    const head = [instanceId, executionId, name, version, runtimeStatus, inputJson, outputJson];
    insert('instances', ...head, customStatusJson, parentInstanceId, createdAtMs, lastUpdatedAtMs);
  }
  for (const [position, event] of history.entries()) insert('history', 'one', position, JSON.stringify(event));
  insert('messages', 41, 'one', 'one-1', JSON.stringify(completed(3)));
  insert('messages', 42, 'one', null, JSON.stringify(raised('b')));
  insert('activities', 8, 'one', 'one-1', 5, 'act', '"in"');
  insert('activities', 9, 'one', 'one-1', 6, 'act', null);
  database.exec('DELETE FROM activities WHERE seq = 9');
  insert('timers', 1, 'one', 'one-1', 2, FIRE_AT_MS + 1);
  insert('timers', 2, 'one', 'one-1', 0, FIRE_AT_MS);
  insert('timers', 3, 'one', 'one-0', 4, FIRE_AT_MS);
  return database;
}

function open(path: string): Store {
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  return store;
}

/** The tables and indexes of a file, as their SQL. */
function schemaOf(path: string): unknown[] {
  const database = new DatabaseSync(path);
  const rows = database.prepare('SELECT name, sql FROM sqlite_schema ORDER BY name').all();
  const version = database.prepare('PRAGMA user_version').get();
  database.close();
  return [...rows, version];
}

test('a file of version 1 keeps all that it holds', () => {
  const path = temporaryStateFile();
  writeVersion1(path).close();
  const store = open(path);
  expect(store.getMeta('storageMarker')).toBe('m');
  expect(store.listInstances({}).instances).toEqual([done.instance, one.instance]);
  expect(store.listEntities({}).entities).toEqual([]);
  expect(store.readHistory('one')).toEqual(history);
  expect(store.readMessages('one')).toEqual([
    { seq: 41, executionId: 'one-1', event: completed(3) },
    { seq: 42, executionId: null, event: raised('b') },
  ]);
  expect(store.instancesWithMessages()).toEqual(['one']);
  expect(store.readActivities(0, 10)).toEqual([
    { seq: 8, instanceId: 'one', executionId: 'one-1', taskId: 5, name: 'act', inputJson: '"in"' },
  ]);
});

test('timers of version 1 fire at their instants, for the generation that set them', () => {
  const path = temporaryStateFile();
  writeVersion1(path).close();
  const store = open(path);
  store.dropMessages('one', 42);
  expect(store.nextDueAtMs()).toBe(FIRE_AT_MS);
  expect(store.deliverDue(FIRE_AT_MS - 1)).toEqual([]);
  expect(store.deliverDue(FIRE_AT_MS)).toEqual(['one']);
  expect(store.nextDueAtMs()).toBe(FIRE_AT_MS + 1);
  expect(store.deliverDue(FIRE_AT_MS + 1)).toEqual(['one']);
  expect(store.readMessages('one').map(({ event }) => event)).toEqual([fired(0, FIRE_AT_MS), fired(2, FIRE_AT_MS + 1)]);
  expect(fired(0, FIRE_AT_MS)).toMatchObject({ FireAt: '2026-01-01T00:00:07.123Z' });
});

test('a file of version 1 goes on as one of version 2', () => {
  const path = temporaryStateFile();
  writeVersion1(path).close();
  const before = openSqliteStore(path);
  const activity = { instanceId: 'one', executionId: 'one-1', taskId: 7, name: 'act', inputJson: null };
  const deliveries = [{ kind: 'activity', activity }] as const;
  before.commitEpisode({
    instance: one.instance,
    loadedExecutionId: 'one-1',
    consumedThroughSeq: 42,
    pastEventCount: 3,
    appended: [raised('b')],
    deliveries,
  });
  before.commitBatch({
    entity: { entityId: '@e@k', stateJson: '1', lastOperationAtMs: 5 },
    consumedThroughSeq: 0,
    deliveries: [],
  });
  before.close();
  const after = open(path);
  expect(after.readHistory('one')).toEqual([...history, raised('b')]);
  expect(after.readActivities(8, 10)).toEqual([{ seq: 10, ...activity }]);
  expect(after.getEntity('@e@k')?.stateJson).toBe('1');
  expect(after.nextDueAtMs()).toBe(FIRE_AT_MS);
});

test('a migrated file has the tables of a new one', () => {
  const [old, fresh] = [temporaryStateFile(), temporaryStateFile()];
  writeVersion1(old).close();
  for (const path of [old, fresh]) openSqliteStore(path).close();
  expect(schemaOf(old)).toEqual(schemaOf(fresh));
  expect(schemaOf(old).at(-1)).toEqual({ user_version: 2 });
});

test('a file that cannot be migrated is refused and stays as it was', () => {
  const path = temporaryStateFile();
  const database = writeVersion1(path);
  database.prepare('UPDATE timers SET fireAtMs = ? WHERE seq = 3').run(9e15);
  database.close();
  const before = schemaOf(path);
  expect(() => openSqliteStore(path)).toThrow(`The state file ${path} cannot be used: Invalid time value`);
  expect(schemaOf(path)).toEqual(before);
  database.open();
  expect(database.prepare('SELECT count(*) AS timers FROM timers').get()).toEqual({ timers: 3 });
  database.close();
});
