import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, onTestFinished, test } from 'vitest';
import { openSqliteStore } from '../../../../local/engine/store/sqlite-store.ts';
import type { Store } from '../../../../local/engine/store/store.ts';
import { temporaryStateFile } from '../../../helpers/engine-harness.ts';
import { describeStore } from './store-contract.ts';
import { newInstance } from './store-samples.ts';

function open(path: string): Store {
  const store = openSqliteStore(path);
  onTestFinished(() => store.close());
  return store;
}

/** A store that is closed and opened again before each call, so that nothing can live outside its file. */
function openAnew(path: string): Store {
  let store = openSqliteStore(path);
  onTestFinished(() => store.close());
  const reopened =
    (member: keyof Store) =>
    (...input: readonly unknown[]): unknown => {
      store.close();
      store = openSqliteStore(path);
      return Reflect.apply(store[member], store, input);
    };
  return new Proxy(store, { get: (_, member) => reopened(member as keyof Store) });
}

describeStore('a store in SQLite in memory', () => open(':memory:'));
describeStore('a store in a file', () => open(temporaryStateFile()));
describeStore('a store in a file that is opened again and again', () => openAnew(temporaryStateFile()));

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

test('a file of a newer schema version is refused, and left as it is', () => {
  const path = temporaryStateFile();
  const other = new DatabaseSync(path);
  other.exec('CREATE TABLE instances (x); PRAGMA user_version = 7;');
  other.close();
  expect(() => openSqliteStore(path)).toThrow(
    `The state file ${path} cannot be used: it has schema version 7, this host reads and writes version 2`,
  );
  const same = new DatabaseSync(path);
  expect(same.prepare('PRAGMA user_version').get()).toEqual({ user_version: 7 });
  same.close();
});

test.each([0, 1])('a file of other tables is refused, and left as it is, where it says version %i', version => {
  const path = temporaryStateFile();
  const other = new DatabaseSync(path);
  other.exec(`CREATE TABLE meta (x); CREATE TABLE timers (x); PRAGMA user_version = ${version}`);
  const tables = () =>
    new Set(
      other
        .prepare('SELECT sql FROM sqlite_schema')
        .all()
        .map(({ sql }) => sql),
    );
  const before = tables();
  other.close();
  expect(() => openSqliteStore(path)).toThrow(
    `The state file ${path} cannot be used: it holds other data, of schema version ${version}; name another file`,
  );
  other.open();
  expect(tables()).toEqual(before);
  other.close();
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
