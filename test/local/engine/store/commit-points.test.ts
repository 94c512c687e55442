import { expect, expectTypeOf, test } from 'vitest';
import { createMemoryStore } from '../../../../local/engine/store/memory-store.ts';
import { openSqliteStore } from '../../../../local/engine/store/sqlite-store.ts';
import { COMMIT_POINTS, type CommitPoint, type Store } from '../../../../local/engine/store/store.ts';

/** What changes nothing. */
const READS = [
  'getMeta',
  'getInstance',
  'listInstances',
  'getEntity',
  'listEntities',
  'readHistory',
  'readMessages',
  'instancesWithMessages',
  'readActivities',
  'nextDueAtMs',
] as const satisfies readonly (keyof Store)[];

type Read = (typeof READS)[number];

test('each member of a store is a read, a commit point or close, by its type', () => {
  expectTypeOf<Exclude<keyof Store, Read | CommitPoint | 'close'>>().toBeNever();
  expectTypeOf<Read & CommitPoint>().toBeNever();
});

test.each([
  ['in SQLite', () => openSqliteStore(':memory:')],
  ['in memory', createMemoryStore],
])('each member of a store %s is a read, a commit point or close', (_, createStore) => {
  const store = createStore();
  expect(Object.keys(store).sort()).toEqual([...READS, ...COMMIT_POINTS, 'close'].sort());
  store.close();
});
