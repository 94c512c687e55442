import { DatabaseSync } from 'node:sqlite';
import { migrateFromVersion1, VERSION_1_TABLES } from './sqlite-migration.ts';

/**
 * Pages of 4 KiB that the log file gathers before they go into the main file, which holds up the host for some 35 ms. Ten
 * times the default: pages are written again and again, and the more seldom they go over, the less there is to write.
 */
const CHECKPOINT_PAGES = 10_000;

/** Raised with every change of the tables; each older version needs a migration. */
const SCHEMA_VERSION = 2;

const SCHEDULED_AND_ENTITIES = `
CREATE TABLE scheduled (
  seq INTEGER PRIMARY KEY,
  dueAtMs INTEGER NOT NULL,
  kind TEXT NOT NULL,
  instanceId TEXT NOT NULL,
  executionId TEXT,
  body TEXT NOT NULL
);
CREATE INDEX scheduled_by_instant ON scheduled (dueAtMs, seq);
CREATE INDEX scheduled_by_instance ON scheduled (instanceId);
CREATE TABLE entities (entityId TEXT PRIMARY KEY, stateJson TEXT NOT NULL, lastOperationAtMs INTEGER NOT NULL);
`;

const SCHEMA = `
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
${SCHEDULED_AND_ENTITIES}
`;

/** Makes the tables of a new file, or brings those of an older one up to date. */
function prepareTables(database: DatabaseSync): void {
  const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const names = new Set(tables.map(({ name }) => String(name)));
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION) {
    throw new Error(
      `it has schema version ${version}, this host reads and writes version ${SCHEMA_VERSION}; ` +
        'open it with the newer host that wrote it, or delete it to start afresh',
    );
  }
  if (version === 0 && names.size === 0) database.exec(SCHEMA);
  else if (version === 1 && VERSION_1_TABLES.every(name => names.has(name))) {
    migrateFromVersion1(database, SCHEDULED_AND_ENTITIES);
  } else throw new Error(`it holds other data, of schema version ${version}; name another file`);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/**
 * Opens a state file, and makes its tables when it is new. A file of an older schema version is brought up to date, in one
 * transaction. The file belongs to this process until it is closed: two engines on one file would run everything twice.
 *
 * @param path - a file, or `:memory:`
 * @throws when the file is used by another process, is of a newer schema version, or is no state file; the message names
 *   the file
 */
export function openStateDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    // Order matters: exclusive before WAL also keeps the shared-memory file away.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};`);
    database.exec('BEGIN IMMEDIATE');
    prepareTables(database);
    database.exec('COMMIT');
    return database;
  } catch (error) {
    database?.close();
    const text = error instanceof Error ? error.message : String(error);
    const reason = text === 'database is locked' ? 'another process uses it' : text;
    throw new Error(`The state file ${path} cannot be used: ${reason}`, { cause: error });
  }
}

/** Runs the work in one transaction: all of it is written, or nothing if it throws. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    database.exec('ROLLBACK');
    throw error;
  }
}
