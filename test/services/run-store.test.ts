import { expect, test } from 'vitest';
import { createRunStore } from '../../src/services/run-store.ts';
import { summary } from '../helpers/factories.ts';
import { runRow } from '../helpers/run-rows.ts';
import { ownStorage } from '../helpers/test-storage.ts';

test('a run is inserted once; whoever comes later gets the one that is there', async () => {
  const runs = createRunStore(ownStorage());
  expect(await runs.read('run-1')).toBeNull();
  expect(await runs.insert(runRow())).toBeNull();
  expect(await runs.insert(runRow({ requestHash: 'hash-2', linkSecret: 'other' }))).toEqual(runRow());
  expect(await runs.read('run-1')).toEqual(runRow());
});

test('of two that insert at one time, one wins and the other sees its run', async () => {
  const runs = createRunStore(ownStorage());
  const rows = [runRow({ requestHash: 'a' }), runRow({ requestHash: 'b' })];
  const results = await Promise.all(rows.map(row => runs.insert(row)));
  const winner = results.indexOf(null);
  expect(results[1 - winner]).toEqual(rows[winner]);
  expect(await runs.read('run-1')).toEqual(rows[winner]);
});

test('a summary joins its run and may be written again', async () => {
  const runs = createRunStore(ownStorage());
  await runs.insert(runRow());
  await runs.finish('run-1', summary({ succeeded: 1 }));
  await runs.finish('run-1', summary({ succeeded: 2 }));
  expect(await runs.read('run-1')).toEqual(runRow({ summary: summary({ succeeded: 2 }) }));
  expect(await runs.insert(runRow())).toEqual(runRow({ summary: summary({ succeeded: 2 }) }));
});

test('the summary of a run that is not there is refused', async () => {
  const runs = createRunStore(ownStorage());
  await expect(runs.finish('run-1', summary())).rejects.toMatchObject({ statusCode: 404 });
});

test('runs are listed from the newest on, as many as asked for', async () => {
  const runs = createRunStore(ownStorage());
  expect(await runs.list(10)).toEqual([]);
  for (const [runId, createdAtMs] of [
    ['b', 2],
    ['c', 3],
    ['a', 1],
    ['d', 4],
  ] as const) {
    await runs.insert(runRow({ runId, createdAtMs }));
  }
  await runs.finish('c', summary({ runId: 'c' }));
  const listed = await runs.list(3);
  expect(listed.map(({ runId }) => runId)).toEqual(['d', 'c', 'b']);
  expect(listed.map(row => row.summary?.runId)).toEqual([undefined, 'c', undefined]);
});
