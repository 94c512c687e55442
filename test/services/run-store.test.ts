import { describe, expect, test } from 'vitest';
import { triage } from '../../src/core/triage.ts';
import { createRunStore } from '../../src/services/run-store.ts';
import { NOON_MS, plan, summary } from '../helpers/factories.ts';
import { createMemoryRunStore } from '../helpers/memory-run-store.ts';
import { runRow } from '../helpers/run-rows.ts';
import { ownStorage } from '../helpers/test-storage.ts';

const RAISED = plan({ maxCostUsd: 5 });
const LATER_MS = NOON_MS + 3_600_000;

describe.each([
  ['in Table storage', () => createRunStore(ownStorage())],
  ['in memory', () => createMemoryRunStore()],
])('runs %s', (_, create) => {
  /** A store with one run, and how to read it for a change. */
  async function withRun(row = runRow()) {
    const runs = create();
    await runs.insert(row);
    const entry = async () => {
      const found = await runs.entry(row.runId);
      if (!found) throw new Error('the run is gone');
      return found;
    };
    return { runs, entry };
  }

  test('a run is inserted once; whoever comes later gets the one that is there', async () => {
    const runs = create();
    expect(await runs.read('run-1')).toBeNull();
    expect(await runs.entry('run-1')).toBeNull();
    expect(await runs.insert(runRow())).toBeNull();
    expect(await runs.insert(runRow({ requestHash: 'hash-2', linkSecret: 'other' }))).toEqual(runRow());
    expect(await runs.read('run-1')).toEqual(runRow());
  });

  test('of two that insert at one time, one wins and the other sees its run', async () => {
    const runs = create();
    const rows = [runRow({ requestHash: 'a' }), runRow({ requestHash: 'b' })];
    const results = await Promise.all(rows.map(row => runs.insert(row)));
    const winner = results.indexOf(null);
    expect(results[1 - winner]).toEqual(rows[winner]);
    expect(await runs.read('run-1')).toEqual(rows[winner]);
  });

  test('a summary joins its run and may be written again', async () => {
    const { runs } = await withRun();
    await runs.finish('run-1', summary({ succeeded: 1 }));
    await runs.finish('run-1', summary({ succeeded: 2 }));
    expect(await runs.read('run-1')).toEqual(runRow({ summary: summary({ succeeded: 2 }) }));
    expect(await runs.insert(runRow())).toEqual(runRow({ summary: summary({ succeeded: 2 }) }));
  });

  test('the summary of a run that is not there is let go', async () => {
    const runs = create();
    await runs.finish('run-1', summary());
    expect(await runs.read('run-1')).toBeNull();
  });

  test('what a run is told is read by itself; one that is not there counts as cancelled', async () => {
    const { runs, entry } = await withRun();
    expect(await runs.control('run-1', 1)).toBeNull();
    for (const control of ['paused', null, 'cancelled'] as const) {
      expect(await runs.setControl(await entry(), control)).toBe(true);
      expect([await runs.control('run-1', 1), (await entry()).row.control]).toEqual([control, control]);
    }
    expect(await runs.control('run-2', 1)).toBe('cancelled');
  });

  test('a run that was changed since it was read is told nothing, and so is one that is gone', async () => {
    const { runs, entry } = await withRun();
    const old = await entry();
    await runs.finish('run-1', summary());
    expect(await runs.setControl(old, 'cancelled')).toBe(false);
    const current = await entry();
    expect(current.row).toEqual(runRow({ summary: summary() }));
    await runs.remove('run-1');
    expect(await runs.setControl(current, 'cancelled')).toBe(false);
    expect(await runs.read('run-1')).toBeNull();
  });

  test('a summary does not lose what the run is told, nor the other way round', async () => {
    const { runs, entry } = await withRun();
    await runs.setControl(await entry(), 'cancelled');
    await runs.finish('run-1', summary());
    expect(await runs.read('run-1')).toEqual(runRow({ control: 'cancelled', summary: summary() }));
    await runs.setControl(await entry(), null);
    expect(await runs.read('run-1')).toEqual(runRow({ summary: summary() }));
  });

  test('a retry begins anew with its own plan, and keeps what came before', async () => {
    const { runs, entry } = await withRun();
    await runs.setControl(await entry(), 'cancelled');
    await runs.finish('run-1', summary());
    const restarted = runRow({
      plan: RAISED,
      attempt: 2,
      attempts: [
        { attempt: 1, startedAtMs: NOON_MS, summary: summary() },
        { attempt: 2, startedAtMs: LATER_MS, summary: null },
      ],
    });
    const answered = await runs.restart(await entry(), { plan: RAISED, startedAtMs: LATER_MS });
    expect(answered).toEqual(restarted);
    expect(await runs.read('run-1')).toEqual(restarted);
    expect(await runs.control('run-1', 2)).toBeNull();
    const second = summary({ attempt: 2, succeeded: 3 });
    await runs.finish('run-1', second);
    const [first] = restarted.attempts;
    const attempts = [first, { attempt: 2, startedAtMs: LATER_MS, summary: second }];
    expect(await runs.read('run-1')).toEqual({ ...restarted, attempts, summary: second });
  });

  test('after a retry, what is left of the attempt before is told to stop, whatever the new one is told', async () => {
    const { runs, entry } = await withRun();
    await runs.restart(await entry(), { plan: RAISED, startedAtMs: LATER_MS });
    for (const control of [null, 'paused', 'cancelled', null] as const) {
      await runs.setControl(await entry(), control);
      expect([await runs.control('run-1', 1), await runs.control('run-1', 2)]).toEqual(['cancelled', control]);
    }
    await runs.restart(await entry(), { plan: RAISED, startedAtMs: LATER_MS });
    expect([await runs.control('run-1', 2), await runs.control('run-1', 3)]).toEqual(['cancelled', null]);
  });

  test('of two retries at one time, one wins', async () => {
    const { runs, entry } = await withRun(runRow());
    await runs.finish('run-1', summary());
    const found = await entry();
    const next = { plan: plan(), startedAtMs: LATER_MS };
    const results = await Promise.all([runs.restart(found, next), runs.restart(found, next)]);
    expect(results.map(row => row?.attempt).sort()).toEqual([2, undefined]);
    expect((await entry()).row.attempt).toBe(2);
  });

  test('a report that an earlier attempt writes late does not end the new one', async () => {
    const { runs, entry } = await withRun();
    await runs.restart(await entry(), { plan: plan(), startedAtMs: LATER_MS });
    await runs.finish('run-1', summary({ attempt: 1 }));
    const { row } = await entry();
    expect(row.summary).toBeNull();
    expect(row.attempts.map(each => each.summary?.attempt)).toEqual([1, undefined]);
  });

  test('a run is removed once; removing it again, or one that never was, is no failure', async () => {
    const { runs } = await withRun();
    await runs.finish('run-1', summary());
    for (const runId of ['run-1', 'run-1', 'run-2']) await runs.remove(runId);
    await runs.finish('run-1', summary());
    expect([await runs.read('run-1'), await runs.entry('run-1'), await runs.list(10)]).toEqual([null, null, []]);
    expect(await runs.control('run-1', 1)).toBe('cancelled');
    expect(await runs.insert(runRow({ runId: 'run-2' }))).toBeNull();
  });

  test('the id of a removed run is not used again, not even by the same request', async () => {
    const { runs } = await withRun();
    await runs.remove('run-1');
    for (const requestHash of ['hash-1', 'hash-2']) {
      await expect(runs.insert(runRow({ requestHash }))).rejects.toThrow(/^runId is "run-1"; allowed: an id.* deleted/);
    }
    expect(await runs.list(10)).toEqual([]);
  });

  test('runs are listed from the newest on, as many as asked for', async () => {
    const runs = create();
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
});

test('a run of version 0.1.0 is read as one attempt, without caps, and can be retried', async () => {
  const storage = ownStorage();
  const table = storage.table('FanfoldRuns');
  await table.createTable();
  const { runId, requestHash, createdAtMs, linkSecret, source } = runRow();
  const { analysis, deployment, concurrency, batchSize, streams, batchDelayMs, requestTimeoutMs } = plan();
  const old = { analysis, deployment, concurrency, batchSize, streams, batchDelayMs, requestTimeoutMs };
  const row = {
    ...{ runId, attempt: 1, source, requestHash, createdAtMs, linkSecret, summary: null },
    plan: { ...old, deadlineMs: null, ledgerShards: 4 },
  };
  const { verdict: _, spentMs: __, storage: ___, ...oldSummary } = summary();
  await table.createEntity({
    partitionKey: 'runs',
    rowKey: runId,
    row: JSON.stringify(row),
    summary: JSON.stringify(oldSummary),
  });
  const runs = createRunStore(storage);
  const read = await runs.entry(runId);
  expect(read?.row).toEqual(
    runRow({
      plan: plan({ ledgerShards: 4, useCache: false, cacheTtlMs: 0, maxCompletionTokens: triage.maxCompletionTokens }),
      summary: summary(),
    }),
  );
  expect(await runs.control(runId, 1)).toBeNull();
  const restarted = read && (await runs.restart(read, { plan: read.row.plan, startedAtMs: LATER_MS }));
  expect(restarted?.attempts.map(({ attempt, summary: end }) => [attempt, end?.attempt])).toEqual([
    [1, 1],
    [2, undefined],
  ]);
  expect([await runs.control(runId, 1), await runs.control(runId, 2)]).toEqual(['cancelled', null]);
});
