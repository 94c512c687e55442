import { beforeEach, describe, expect, test } from 'vitest';
import { createAnalyzeIssue } from '../../src/activities/analyze-issue.ts';
import { type AnalyzeOutput, AnalyzeOutputSchema } from '../../src/core/contracts.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import { type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import type { Completion, ModelClient } from '../../src/services/azure-openai.ts';
import type { Unit } from '../../src/services/issue-pages.ts';
import { createPermits } from '../../src/services/permits.ts';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';
import {
  ANSWER,
  CALL_USD,
  completion,
  manualWaiting,
  runActivity,
  scriptedModel,
  throttled,
  thrownBy,
} from '../helpers/activities.ts';
import { issue, ledgerFacts, NOON_MS, plan, settledRow } from '../helpers/factories.ts';
import { createMemoryLedger } from '../helpers/memory-stores.ts';

const PLACE = 4;
const TIMEOUT_MS = 60_000;
const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 };

let ledger = createMemoryLedger();
let waiting = manualWaiting();
let worker = createWorkerIdentity('host', 1);
beforeEach(() => {
  ledger = createMemoryLedger();
  waiting = manualWaiting();
  worker = createWorkerIdentity('host', 1);
});

type Services = Parameters<typeof createAnalyzeIssue>[0];

/** An activity over the ledger, and what its model was asked. */
function activity(
  script: [Completion | Error, ...(Completion | Error)[]],
  changes: Partial<Services> & { unit?: Partial<Unit> } = {},
) {
  const model = scriptedModel(...script);
  const pages = { unit: async () => ({ index: PLACE, issue: issue(), copies: 0, ...changes.unit }) };
  const handler = createAnalyzeIssue({ ledger, pages, model, permits: createPermits(), worker, waiting, ...changes });
  const { analysis, deployment, concurrency, requestTimeoutMs } = plan();
  const input = { runId: 'run', unit: 3, plan: { analysis, deployment, concurrency, requestTimeoutMs } };
  return { run: () => runActivity<AnalyzeOutput>(handler, input), requests: model.requests };
}

const row = () => ledger.row('run', PLACE);
const put = (written: LedgerRow) => ledger.write('run', PLACE, written, null);

const claim = (workerId: string, facts = NO_FACTS): LedgerRow => ({
  state: 'claimed',
  ...facts,
  workerId,
  untilMs: NOON_MS + 1_000,
});

describe('an issue that nobody came to', () => {
  test('is claimed, asked, and settled in two writes', async () => {
    const states: unknown[] = [];
    const watched = {
      ...ledger,
      async write(...args: Parameters<typeof ledger.write>) {
        states.push([args[2].state, analyze.requests.length]);
        return ledger.write(...args);
      },
    };
    const analyze = activity([completion()], { ledger: watched, unit: { copies: 2 } });
    expect(await analyze.run()).toEqual({
      kind: 'settled',
      outcome: 'succeeded',
      code: null,
      copies: 2,
      calls: 1,
      failedAttempts: 0,
      usage,
      costUsd: CALL_USD,
    });
    expect(states).toEqual([
      ['claimed', 0],
      ['settled', 1],
    ]);
    expect(row()).toEqual({
      ...NO_FACTS,
      state: 'settled',
      outcome: 'succeeded',
      code: null,
      answer: ANSWER,
      calls: 1,
      usage,
      costUsd: CALL_USD,
      latencyMs: 0,
      requestId: 'req-1',
    });
  });

  test('is claimed by this worker, for three calls and half a minute', async () => {
    let during: LedgerRow | null = null;
    const complete: ModelClient['complete'] = async () => {
      during = row();
      return completion();
    };
    await activity([completion()], { model: { complete } }).run();
    expect(during).toEqual({
      ...NO_FACTS,
      state: 'claimed',
      workerId: worker.id,
      untilMs: NOON_MS + 3 * TIMEOUT_MS + 30_000,
    });
  });

  test('has its latency from the first request to the last answer', async () => {
    const complete: ModelClient['complete'] = async () => {
      waiting.passMs(700);
      return completion();
    };
    await activity([completion()], { model: { complete } }).run();
    expect(row()).toMatchObject({ state: 'settled', latencyMs: 700 });
  });

  test.each([
    ['a refusal', completion({ refused: true, text: null }), 'refused', 1],
    ['a refused key', new ModelCallError('unauthorized', { requestId: 'req-2' }), 'unauthorized', 0],
  ] as const)('fails by %s, without being thrown', async (_, reply, code, answers) => {
    expect(await activity([reply]).run()).toMatchObject({
      kind: 'settled',
      outcome: 'failed',
      code,
      calls: 1,
      failedAttempts: 0,
      costUsd: CALL_USD * answers,
    });
    expect(row()).toMatchObject({ state: 'settled', outcome: 'failed', code, answer: null, calls: 1 });
  });

  test('and has nothing to read is skipped without a call', async () => {
    const analyze = activity([completion()], { unit: { issue: issue({ title: '–', description: ' \n' }), copies: 1 } });
    expect(await analyze.run()).toEqual({
      kind: 'settled',
      outcome: 'skipped',
      code: 'empty_issue',
      copies: 1,
      calls: 0,
      failedAttempts: 0,
      usage: NO_FACTS.usage,
      costUsd: 0,
    });
    expect(row()).toMatchObject({ state: 'settled', outcome: 'skipped', latencyMs: null, requestId: null });
    expect(analyze.requests).toEqual([]);
  });
});

describe('a second delivery', () => {
  test('after the answer makes no call and no write, and says the same', async () => {
    const first = activity([completion()], { unit: { copies: 2 } });
    const output = await first.run();
    const before = await ledger.read('run', PLACE);
    const second = activity([completion()], { unit: { copies: 2 } });
    expect(await second.run()).toEqual(output);
    expect(second.requests).toEqual([]);
    expect(await ledger.read('run', PLACE)).toEqual(before);
  });

  test('of a failure or a skip says the same too', async () => {
    await put(settledRow({ outcome: 'failed', code: 'content_filter', answer: null, failedAttempts: 3 }));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({
      outcome: 'failed',
      code: 'content_filter',
      failedAttempts: 3,
      calls: 1,
      costUsd: 0.001,
    });
    expect(analyze.requests).toEqual([]);
  });
});

describe('a deferral', () => {
  test('uses no attempt, keeps what was spent, and is surely not paid', async () => {
    const outputs = [];
    for (const _ of [1, 2, 3, 4, 5, 6]) outputs.push(await activity([throttled(30_000)]).run());
    expect(outputs).toEqual(Array(6).fill({ kind: 'deferred', code: 'rate_limited', notBeforeMs: NOON_MS + 30_000 }));
    expect(row()).toEqual({ ...NO_FACTS, state: 'released', code: 'rate_limited', calls: 6 });
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', calls: 7, failedAttempts: 0 });
    expect(row()).toMatchObject({ possiblyPaidTwice: false });
  });

  test('without a time from the service lasts 10 s', async () => {
    expect(await activity([throttled(null)]).run()).toEqual({
      kind: 'deferred',
      code: 'rate_limited',
      notBeforeMs: NOON_MS + 10_000,
    });
  });

  test('counts from the end of the waits in place', async () => {
    expect(await activity([throttled(4_000), throttled(20_000)]).run()).toMatchObject({
      notBeforeMs: NOON_MS + 4_000 + 20_000,
    });
  });
});

describe('a passing failure', () => {
  test.each([
    ['timeout', 'unknown', true],
    ['connection_lost', 'unknown', true],
    ['connection_failed', 'released', false],
    ['service_error', 'released', false],
  ] as const)('%s is thrown for the durable policy, and leaves the row %s', async (code, state, paidTwice) => {
    const failure = new ModelCallError(code);
    expect(await thrownBy(activity([failure]).run())).toBe(failure);
    expect(row()).toEqual({ ...NO_FACTS, state, code, calls: 2, failedAttempts: 1 });
    await activity([completion()]).run();
    expect(row()).toMatchObject({
      state: 'settled',
      outcome: 'succeeded',
      calls: 3,
      failedAttempts: 1,
      possiblyPaidTwice: paidTwice,
    });
  });

  test('in the last attempt settles the issue as failed, instead of throwing', async () => {
    const failure = new ModelCallError('service_error', { requestId: 'req-5' });
    for (const _ of [1, 2, 3, 4]) await thrownBy(activity([failure]).run());
    const last = {
      kind: 'settled',
      outcome: 'failed',
      code: 'service_error',
      copies: 0,
      calls: 10,
      failedAttempts: 5,
      usage: NO_FACTS.usage,
      costUsd: 0,
    };
    expect(await activity([failure]).run()).toEqual(last);
    expect(row()).toMatchObject({ state: 'settled', outcome: 'failed', requestId: 'req-5', answer: null });
    expect(await activity([completion()]).run()).toEqual(last);
  });

  test('that used up the attempts before is settled without a call', async () => {
    await put({ state: 'unknown', ...ledgerFacts({ failedAttempts: 5 }), code: 'timeout' });
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({ outcome: 'failed', code: 'timeout', failedAttempts: 5, calls: 1 });
    expect(analyze.requests).toEqual([]);
    expect(row()).toMatchObject({ state: 'settled', possiblyPaidTwice: false });
  });

  test('does not lose what a call in the same attempt has cost', async () => {
    const unfit = completion({ text: 'no JSON' });
    await thrownBy(activity([unfit, new ModelCallError('timeout'), new ModelCallError('timeout')]).run());
    expect(row()).toMatchObject({ state: 'unknown', calls: 3, usage, costUsd: CALL_USD });
  });
});

describe('a claim', () => {
  test('of another worker that lives is waited for, without a call', async () => {
    await put(claim(createWorkerIdentity('other', 9).id));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toEqual({ kind: 'deferred', code: 'claimed_elsewhere', notBeforeMs: NOON_MS + 1_000 });
    expect(analyze.requests).toEqual([]);
    expect(row()).toMatchObject({ state: 'claimed' });
  });

  test('of this very worker, whose other delivery is still at it, is waited for too', async () => {
    await put(claim(worker.id));
    expect(await activity([completion()]).run()).toMatchObject({ kind: 'deferred', code: 'claimed_elsewhere' });
  });

  test('of a worker that is gone is taken over at once, as a failed attempt that may have been paid', async () => {
    await put(claim(createWorkerIdentity('host', 1).id, ledgerFacts({ failedAttempts: 1 })));
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 2, calls: 2 });
    expect(row()).toMatchObject({ state: 'settled', possiblyPaidTwice: true });
  });

  test('that ran out is taken over, wherever its worker is', async () => {
    await put(claim(createWorkerIdentity('other', 9).id));
    waiting.passMs(1_000);
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 1 });
    expect(row()).toMatchObject({ possiblyPaidTwice: true });
  });

  test('of workers that ended again and again is given up', async () => {
    await put(claim(createWorkerIdentity('host', 1).id, ledgerFacts({ failedAttempts: 4 })));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({ outcome: 'failed', code: 'worker_lost', failedAttempts: 5 });
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

test("the number of calls at one time is the run's, whatever the number of activities", async () => {
  const ends: (() => void)[] = [];
  const complete: ModelClient['complete'] = async () => {
    await new Promise<void>(resolve => ends.push(resolve));
    return completion();
  };
  const permits = createPermits();
  const { analysis, deployment, requestTimeoutMs } = plan();
  const pages = { unit: async (_runId: string, unit: number) => ({ index: unit, issue: issue(), copies: 0 }) };
  const handler = createAnalyzeIssue({ ledger, pages, model: { complete }, permits, worker, waiting });
  const all = Promise.all(
    Array.from({ length: 8 }, (_, unit) =>
      runActivity<AnalyzeOutput>(handler, {
        runId: 'run',
        unit,
        plan: { analysis, deployment, requestTimeoutMs, concurrency: 3 },
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

  test.each<[string, [Completion | Error, ...(Completion | Error)[]], () => Partial<Services>]>([
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
