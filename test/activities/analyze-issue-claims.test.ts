import { beforeEach, describe, expect, test } from 'vitest';
import { createAnalyzeIssue } from '../../src/activities/analyze-issue.ts';
import { type AnalyzeOutput, AnalyzeOutputSchema } from '../../src/core/contracts.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import { type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import type { Completion, ModelClient } from '../../src/services/azure-openai.ts';
import { createPermits } from '../../src/services/permits.ts';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';
import { ANSWER, completion, runActivity, throttled } from '../helpers/activities.ts';
import { createAnalyzeBench, PLACE } from '../helpers/analyze-bench.ts';
import { issue, ledgerFacts, NOON_MS, plan, settledRow } from '../helpers/factories.ts';
import { createMemoryLedger } from '../helpers/memory-stores.ts';

let { ledger, waiting, worker, activity, row, put } = createAnalyzeBench();
beforeEach(() => {
  ({ ledger, waiting, worker, activity, row, put } = createAnalyzeBench());
});

const claim = (workerId: string, facts = NO_FACTS): LedgerRow => ({
  state: 'claimed',
  ...facts,
  workerId,
  untilMs: NOON_MS + 1_000,
});

describe('a claim', () => {
  test('of another worker that lives is waited for, without a call', async () => {
    await put(claim(createWorkerIdentity('other', 9).id));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toEqual({ kind: 'deferred', code: 'claimed_elsewhere', notBeforeMs: NOON_MS + 1_000 });
    expect(analyze.requests).toEqual([]);
    expect(row()).toMatchObject({ state: 'claimed' });
  });

  test('that has long to run is looked at again after five seconds: its worker may have died meanwhile', async () => {
    await put({ ...claim(createWorkerIdentity('other', 9).id), untilMs: NOON_MS + 600_000 } as LedgerRow);
    const output = await activity([completion()]).run();
    expect(output).toEqual({ kind: 'deferred', code: 'claimed_elsewhere', notBeforeMs: NOON_MS + 5_000 });
  });

  test('of this very worker that has nothing under way is a leftover, and taken over at once', async () => {
    await put(claim(worker.id));
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 1, calls: 2 });
    expect(row()).toMatchObject({ possiblyPaidTwice: true });
  });

  test('of this very worker, whose other delivery is still at it, is left alone', async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<Completion>();
    const called = Promise.withResolvers<void>();
    const complete: ModelClient['complete'] = () => {
      called.resolve();
      return answered;
    };
    const analyze = activity([completion()], { model: { complete } });
    const first = analyze.run();
    await called.promise;
    expect(await analyze.run()).toMatchObject({ kind: 'deferred', code: 'claimed_elsewhere' });
    answer(completion());
    expect(await first).toMatchObject({ outcome: 'succeeded', calls: 1 });
    expect(await analyze.run()).toMatchObject({ outcome: 'succeeded', calls: 1 });
  });

  test('of a worker that is gone is taken over at once, as a failed attempt that may have been paid', async () => {
    await put(claim(createWorkerIdentity('host', 1).id, ledgerFacts({ failedAttempts: 1 })));
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 2, calls: 3 });
    expect(row()).toMatchObject({ state: 'settled', calls: 3, possiblyPaidTwice: true });
  });

  test('that ran out is taken over, wherever its worker is', async () => {
    await put(claim(createWorkerIdentity('other', 9).id));
    waiting.passMs(1_000);
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 1, calls: 2 });
    expect(row()).toMatchObject({ possiblyPaidTwice: true });
  });

  test('of workers that ended again and again is given up', async () => {
    await put(claim(createWorkerIdentity('host', 1).id, ledgerFacts({ failedAttempts: 4 })));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({ outcome: 'failed', code: 'worker_lost', failedAttempts: 5, calls: 2 });
    expect(row()).toMatchObject({ state: 'settled', calls: 2, possiblyPaidTwice: false });
    expect(analyze.requests).toEqual([]);
  });
});

describe('a race', () => {
  test('for the claim has one winner; the loser makes no call and comes back soon', async () => {
    const [one, other] = [
      activity([completion()]),
      activity([completion()], { worker: createWorkerIdentity('other', 2) }),
    ];
    const outputs = await Promise.all([one.run(), other.run()]);
    expect(outputs).toEqual([
      expect.objectContaining({ kind: 'settled', outcome: 'succeeded' }),
      { kind: 'deferred', code: 'claimed_elsewhere', notBeforeMs: NOON_MS + 1_000 },
    ]);
    expect(one.requests.length + other.requests.length).toBe(1);
  });

  test('lost at the end keeps the row of the one that took over', async () => {
    const winner = settledRow({ answer: { category: 'crash' } });
    const complete: ModelClient['complete'] = async () => {
      const entry = await ledger.read('run', PLACE);
      await ledger.write('run', PLACE, winner, entry?.etag ?? null);
      return completion();
    };
    const slow = activity([completion()], { model: { complete } });
    expect(await slow.run()).toEqual({ kind: 'deferred', code: 'claimed_elsewhere', notBeforeMs: NOON_MS + 1_000 });
    expect(row()).toEqual(winner);
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', costUsd: 0.001 });
  });
});

test("a run's ledger has as many tables as its plan says", async () => {
  const ledgers = new Map([1, 4].map(shards => [shards, createMemoryLedger()]));
  const asked: number[] = [];
  const handler = createAnalyzeIssue({
    ledger(shards) {
      asked.push(shards);
      return ledgers.get(shards) ?? ledger;
    },
    pages: { unit: async (_runId: string, unit: number) => ({ index: unit, issue: issue(), copies: 0 }) },
    model: { complete: async () => completion() },
    permits: createPermits(),
    worker,
    waiting,
  });
  for (const ledgerShards of [1, 4])
    await runActivity(handler, { runId: `run-${ledgerShards}`, unit: 0, plan: plan({ ledgerShards }) });
  expect(asked).toEqual([1, 4]);
  for (const [shards, { row: rowIn }] of ledgers) {
    expect(rowIn(`run-${shards}`, 0)).toMatchObject({ state: 'settled', outcome: 'succeeded' });
    expect(rowIn(`run-${5 - shards}`, 0)).toBeNull();
  }
});

test("the number of calls at one time is the run's, whatever the number of activities", async () => {
  const ends: (() => void)[] = [];
  const complete: ModelClient['complete'] = async () => {
    await new Promise<void>(resolve => ends.push(resolve));
    return completion();
  };
  const permits = createPermits();
  const pages = { unit: async (_runId: string, unit: number) => ({ index: unit, issue: issue(), copies: 0 }) };
  const handler = createAnalyzeIssue({ ledger: () => ledger, pages, model: { complete }, permits, worker, waiting });
  const all = Promise.all(
    Array.from({ length: 8 }, (_, unit) =>
      runActivity<AnalyzeOutput>(handler, {
        runId: 'run',
        unit,
        plan: plan({ concurrency: 3 }),
      }),
    ),
  );
  const waves: number[] = [];
  for (let done = 0; done < 8; done += waves.at(-1) ?? 8) {
    await expect.poll(() => ends.length).toBe(Math.min(3, 8 - done));
    waves.push(ends.length);
    for (const end of ends.splice(0)) end();
  }
  expect(waves).toEqual([3, 3, 2]);
  expect((await all).every(output => output.kind === 'settled')).toBe(true);
});

describe('no text of an issue, an answer or an error', () => {
  const SECRET = 'marker-7f3a';
  const secretIssue = issue({ id: SECRET, title: SECRET, description: SECRET, comments: [SECRET] });
  const storageError = Object.assign(new Error(SECRET), {
    name: 'RestError',
    code: 'InternalError',
    statusCode: 500,
    details: SECRET,
  });
  const failing = () => Promise.reject(storageError);
  const secretCompletion = completion({ text: JSON.stringify({ ...ANSWER, summary: SECRET }) });

  test.each<
    [string, [Completion | Error, ...(Completion | Error)[]], () => NonNullable<Parameters<typeof activity>[1]>]
  >([
    ['a success', [secretCompletion], () => ({})],
    ['an answer that does not fit', [completion({ text: SECRET })], () => ({})],
    ['a throttle', [throttled(60_000)], () => ({})],
    ['a failure that is thrown', [new ModelCallError('timeout')], () => ({})],
    ['a defect', [new TypeError(SECRET)], () => ({})],
    ['pages that fail', [secretCompletion], () => ({ pages: { unit: failing } })],
    ['a ledger that cannot be read', [secretCompletion], () => ({ ledger: { ...ledger, read: failing } })],
    ['a ledger that cannot be written', [secretCompletion], () => ({ ledger: { ...ledger, write: failing } })],
  ])('leaves the activity with %s', async (_, script, changes) => {
    const left = await activity(script, { unit: { issue: secretIssue }, ...changes() })
      .run()
      .then(
        output => AnalyzeOutputSchema.parse(output),
        (error: Error) => [error.message, error.stack, { ...error }, error.cause],
      );
    expect(JSON.stringify(left)).not.toContain(SECRET);
    const stored = row();
    if (stored?.state !== 'settled' || stored.outcome !== 'succeeded')
      expect(JSON.stringify(stored)).not.toContain(SECRET);
  });
});
