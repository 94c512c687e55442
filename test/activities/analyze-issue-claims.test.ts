import { beforeEach, describe, expect, test } from 'vitest';
import { AnalyzeOutputSchema } from '../../src/core/contracts.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import { type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import type { Completion, ModelClient } from '../../src/services/azure-openai.ts';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';
import { ANSWER, completion, throttled } from '../helpers/activities.ts';
import { createAnalyzeBench, PLACE, STORAGE_USE } from '../helpers/analyze-bench.ts';
import { ADMISSION } from '../helpers/asking.ts';
import { issue, ledgerFacts, NOON_MS, seen, settledRow } from '../helpers/factories.ts';

let { ledger, waiting, worker, activity, row, put } = createAnalyzeBench();
beforeEach(() => {
  ({ ledger, waiting, worker, activity, row, put } = createAnalyzeBench());
});

/** The answer for an issue that another delivery has in hand, without a call. */
const elsewhere = (notBeforeMs: number) => ({
  kind: 'deferred',
  code: 'claimed_elsewhere',
  notBeforeMs,
  seen: seen({ calls: 0, admittedTokens: 0, storage: STORAGE_USE }),
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
    expect(await analyze.run()).toEqual(elsewhere(NOON_MS + 1_000));
    expect(analyze.requests).toEqual([]);
    expect(row()).toMatchObject({ state: 'claimed' });
  });

  test('that has long to run is looked at again after five seconds: its worker may have died meanwhile', async () => {
    await put({ ...claim(createWorkerIdentity('other', 9).id), untilMs: NOON_MS + 600_000 } as LedgerRow);
    const output = await activity([completion()]).run();
    expect(output).toEqual(elsewhere(NOON_MS + 5_000));
  });

  test('of this very worker that has nothing under way is a leftover, and taken over at once', async () => {
    await put(claim(worker.id));
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 1 });
    expect(row()).toMatchObject({ calls: 2, possiblyPaidTwice: true });
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
    const settled = await first;
    expect(settled).toMatchObject({ outcome: 'succeeded', seen: { calls: 1 } });
    expect(await analyze.run()).toEqual(settled);
  });

  test('of a worker that is gone is taken over at once, as a failed attempt that may have been paid', async () => {
    await put(claim(createWorkerIdentity('host', 1).id, ledgerFacts({ failedAttempts: 1 })));
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 2 });
    expect(row()).toMatchObject({ state: 'settled', calls: 3, possiblyPaidTwice: true });
  });

  test('that ran out is taken over, wherever its worker is', async () => {
    await put(claim(createWorkerIdentity('other', 9).id));
    waiting.passMs(1_000);
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 1 });
    expect(row()).toMatchObject({ calls: 2, possiblyPaidTwice: true });
  });

  test('of workers that ended again and again is given up', async () => {
    await put(claim(createWorkerIdentity('host', 1).id, ledgerFacts({ failedAttempts: 4 })));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({ outcome: 'failed', code: 'worker_lost', failedAttempts: 5 });
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
      elsewhere(NOON_MS + 1_000),
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
    expect(await slow.run()).toMatchObject({
      ...{ kind: 'deferred', code: 'claimed_elsewhere', notBeforeMs: NOON_MS + 1_000 },
      seen: { calls: 1, admittedTokens: ADMISSION },
    });
    expect(row()).toEqual(winner);
    const next = activity([completion()]);
    expect(await next.run()).toMatchObject({ outcome: 'succeeded', seen: { calls: 0 } });
    expect(next.requests).toEqual([]);
  });
});

test.each([
  ['a throttle', throttled(30_000)],
  ['a failure that would be thrown', new ModelCallError('timeout')],
])('%s after the claim was taken over belongs to nobody', async (_, failure) => {
  const taken = claim(createWorkerIdentity('other', 2).id);
  const complete: ModelClient['complete'] = async () => {
    const entry = await ledger.read('run', PLACE);
    await ledger.write('run', PLACE, taken, entry?.etag ?? null);
    throw failure;
  };
  const output = await activity([failure], { model: { complete } }).run();
  expect(output).toMatchObject({ kind: 'deferred', code: 'claimed_elsewhere', seen: { calls: 1 } });
  expect(row()).toEqual(taken);
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
