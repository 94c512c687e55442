import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteStore } from '../../../../local/engine/store/sqlite-store.ts';
import type { Store } from '../../../../local/engine/store/store.ts';
import { temporaryStateFile } from '../../../helpers/engine-harness.ts';
import { describeStore, newInstance } from './store-contract.ts';

function open(path: string): Store {
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  return store;
}

describeStore('a store in memory', () => open(':memory:'));
describeStore('a store in a file', () => open(temporaryStateFile()));

test('a file keeps everything when it is opened again', () => {
  const path = temporaryStateFile();
  const before = openSqliteStore(path);
  before.setMeta('marker', 'kept');
  before.createInstance(newInstance('one'));
  before.close();
  const after = open(path);
  expect(after.getMeta('marker')).toBe('kept');
  expect(after.getInstance('one')).toEqual(newInstance('one').instance);
  expect(after.instancesWithMessages()).toEqual(['one']);
});

test('a file of another schema version is refused, and left as it is', () => {
  const path = temporaryStateFile();
  const other = new DatabaseSync(path);
  other.exec('CREATE TABLE instances (x); PRAGMA user_version = 7;');
  other.close();
  expect(() => openSqliteStore(path)).toThrow(
    `The state file ${path} cannot be used: it has schema version 7, this host reads and writes version 1`,
  );
  const same = new DatabaseSync(path);
  expect(same.prepare('PRAGMA user_version').get()).toEqual({ user_version: 7 });
  same.close();
});

test('a file of other tables, without a version, is refused', () => {
  const path = temporaryStateFile();
  const other = new DatabaseSync(path);
  other.exec('CREATE TABLE notes (x)');
  other.close();
  expect(() => openSqliteStore(path)).toThrow(/schema version 0/);
});

test('a file that is no database is refused by name', () => {
  const path = temporaryStateFile();
  writeFileSync(path, 'this is no database, though it is long enough to be looked at as if it were one.'.repeat(20));
  expect(() => openSqliteStore(path)).toThrow(`The state file ${path} cannot be used: file is not a database`);
});

test('a file in use is refused until it is closed', () => {
  const path = temporaryStateFile();
  const first = openSqliteStore(path);
  expect(() => openSqliteStore(path)).toThrow(`The state file ${path} cannot be used: another process uses it`);
  first.close();
  open(path);
});
