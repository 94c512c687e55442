import { DatabaseSync } from 'node:sqlite';

/** Raised with every change of the tables; a file of another version is refused, not converted. */
const SCHEMA_VERSION = 1;

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
CREATE TABLE timers (
  seq INTEGER PRIMARY KEY,
  instanceId TEXT NOT NULL,
  executionId TEXT NOT NULL,
  timerId INTEGER NOT NULL,
  fireAtMs INTEGER NOT NULL
);
CREATE INDEX timers_by_instant ON timers (fireAtMs, seq);
CREATE INDEX timers_by_instance ON timers (instanceId);
`;

/**
 * Opens a state file, and makes its tables when it is new. The file belongs to this process until it is closed: two engines
 * on one file would run everything twice.
 *
 * @param path - a file, or `:memory:`
 * @throws when the file is used by another process, is of another schema version, or is no SQLite file; the message names the file
 */
export function openStateDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    // Order matters: exclusive before WAL also keeps the shared-memory file away.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    database.exec('BEGIN IMMEDIATE');
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    const isNew = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get()?.['tables'] === 0;
    if (!isNew && version !== SCHEMA_VERSION) {
      throw new Error(
        `it has schema version ${version}, this host reads and writes version ${SCHEMA_VERSION}; delete it to start afresh`,
      );
    }
    if (isNew) database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
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
