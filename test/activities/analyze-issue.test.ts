import { beforeEach, describe, expect, test } from 'vitest';
import { ModelCallError } from '../../src/core/failures.ts';
import { type CallCounts, type LedgerRow, NO_CALLS, NO_FACTS } from '../../src/core/ledger.ts';
import type { ModelClient } from '../../src/services/azure-openai.ts';
import { ANSWER, CALL_USD, completion, throttled, thrownBy } from '../helpers/activities.ts';
import { createAnalyzeBench, PLACE, STORAGE_USE } from '../helpers/analyze-bench.ts';
import { ADMISSION } from '../helpers/asking.ts';
import { issue, ledgerFacts, NOON_MS, seen, serviceLimits, settledRow } from '../helpers/factories.ts';

const TIMEOUT_MS = 60_000;
const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 };
/** What so many calls take of which none is answered, all of them admitted or none. */
const callsOf = (calls: number, admittedTokens = calls * ADMISSION): CallCounts => ({
  ...NO_CALLS,
  calls,
  admittedTokens,
});
const ONE_ANSWER: CallCounts = { ...callsOf(1), usage, costUsd: CALL_USD, lastUsage: usage };
/** What a delivery tells of such calls. */
const saw = (counts: CallCounts) => seen({ ...counts, storage: STORAGE_USE });

let { ledger, worker, activity, row, put } = createAnalyzeBench();
beforeEach(() => {
  ({ ledger, worker, activity, row, put } = createAnalyzeBench());
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
      cached: false,
      copies: 2,
      failedAttempts: 0,
      callMs: 0,
      seen: saw(ONE_ANSWER),
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
      cached: false,
      calls: 1,
      admittedTokens: ADMISSION,
      usage,
      costUsd: CALL_USD,
      callMs: 0,
      answeredAtMs: NOON_MS,
      requestId: 'req-1',
      untold: ONE_ANSWER,
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
      untold: NO_CALLS,
      untilMs: NOON_MS + 3 * TIMEOUT_MS + 30_000,
    });
  });

  test('is asked with the room that it was handed', async () => {
    const analyze = activity([completion()]);
    await analyze.run({ maxCompletionTokens: 180 });
    expect(analyze.requests.map(({ maxCompletionTokens }) => maxCompletionTokens)).toEqual([180]);
    expect(row()).toMatchObject({ admittedTokens: ADMISSION - 1_200 + 180 });
  });

  test('tells what the service said of its limits', async () => {
    const limits = serviceLimits();
    expect(await activity([completion({ limits })]).run()).toMatchObject({ seen: { ...saw(ONE_ANSWER), limits } });
  });

  test.each([
    ['a refusal', completion({ refused: true, text: null }), 'refused', 1],
    ['a refused key', new ModelCallError('unauthorized', { requestId: 'req-2' }), 'unauthorized', 0],
  ] as const)('fails by %s, without being thrown', async (_, reply, code, answers) => {
    expect(await activity([reply]).run()).toMatchObject({
      kind: 'settled',
      outcome: 'failed',
      code,
      failedAttempts: 0,
      callMs: answers ? 0 : null,
      seen: { calls: 1, costUsd: CALL_USD * answers },
    });
    expect(row()).toMatchObject({ state: 'settled', outcome: 'failed', code, answer: null, calls: 1 });
  });

  test('and has nothing to read is skipped without a call', async () => {
    const analyze = activity([completion()], { unit: { issue: issue({ title: '–', description: ' \n' }), copies: 1 } });
    expect(await analyze.run()).toEqual({
      kind: 'settled',
      outcome: 'skipped',
      code: 'empty_issue',
      cached: false,
      copies: 1,
      failedAttempts: 0,
      callMs: null,
      seen: saw(NO_CALLS),
    });
    expect(row()).toMatchObject({ state: 'settled', outcome: 'skipped', calls: 0, callMs: null, requestId: null });
    expect(analyze.requests).toEqual([]);
  });
});

describe('a second delivery', () => {
  test('after the answer makes no call and no write, and says the same: the first output may be lost', async () => {
    const first = activity([completion()], { unit: { copies: 2 } });
    const output = await first.run();
    const before = await ledger.read('run', PLACE);
    const second = activity([completion()], { unit: { copies: 2 } });
    expect(await second.run()).toEqual(output);
    expect(second.requests).toEqual([]);
    expect(await ledger.read('run', PLACE)).toEqual(before);
  });

  test('of a failure or a skip says the same too', async () => {
    const untold = { ...callsOf(6), costUsd: null };
    await put(settledRow({ outcome: 'failed', code: 'content_filter', answer: null, failedAttempts: 3, untold }));
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({
      outcome: 'failed',
      code: 'content_filter',
      failedAttempts: 3,
      seen: saw(untold),
    });
    expect(analyze.requests).toEqual([]);
  });
});

describe('a deferral', () => {
  test('uses no attempt, keeps what was spent, and is surely not paid', async () => {
    const outputs = [];
    for (const _ of [1, 2, 3, 4, 5, 6]) outputs.push(await activity([throttled(30_000)]).run());
    const seenThen = { ...saw({ ...callsOf(1, 0), throttled: 1 }), retryAfterMs: 30_000 };
    const deferral = { kind: 'deferred', code: 'rate_limited', notBeforeMs: NOON_MS + 30_000, seen: seenThen };
    expect(outputs).toEqual(Array(6).fill(deferral));
    const released = { state: 'released', code: 'rate_limited', atMs: NOON_MS };
    expect(row()).toEqual({ ...NO_FACTS, ...released, calls: 6, untold: NO_CALLS });
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', failedAttempts: 0 });
    expect(row()).toMatchObject({ calls: 7, possiblyPaidTwice: false });
  });

  test('without a time from the service lasts 10 s', async () => {
    expect(await activity([throttled(null)]).run()).toMatchObject({
      kind: 'deferred',
      code: 'rate_limited',
      notBeforeMs: NOON_MS + 10_000,
      seen: { throttled: 1, retryAfterMs: null },
    });
  });

  test('for a quota that is used up says so, and lasts ten minutes, however long the service wants it', async () => {
    const failure = new ModelCallError('quota_exhausted', { status: 429, retryAfterMs: 86_400_000 });
    expect(await activity([failure]).run()).toMatchObject({
      kind: 'deferred',
      code: 'quota_exhausted',
      notBeforeMs: NOON_MS + 600_000,
      seen: { calls: 1, throttled: 1, retryAfterMs: 86_400_000 },
    });
    expect(row()).toMatchObject({ state: 'released', code: 'quota_exhausted', failedAttempts: 0 });
  });

  test('counts from the end of the waits in place', async () => {
    expect(await activity([throttled(4_000), throttled(20_000)]).run()).toMatchObject({
      notBeforeMs: NOON_MS + 4_000 + 20_000,
    });
  });
});

describe('a passing failure', () => {
  test.each([
    { code: 'timeout', state: 'unknown', calls: 1, paidTwiceAlready: false, paidTwice: true },
    { code: 'connection_lost', state: 'unknown', calls: 2, paidTwiceAlready: true, paidTwice: true },
    { code: 'connection_failed', state: 'released', calls: 2, paidTwiceAlready: false, paidTwice: false },
    { code: 'service_error', state: 'unknown', calls: 2, paidTwiceAlready: true, paidTwice: true },
  ] as const)('$code is thrown for the durable policy, and leaves the row $state', async given => {
    const { code, state, calls, paidTwiceAlready, paidTwice } = given;
    const failure = new ModelCallError(code);
    expect(await thrownBy(activity([failure]).run())).toBe(failure);
    expect(row()).toMatchObject({ state, code, calls, failedAttempts: 1, possiblyPaidTwice: paidTwiceAlready });
    await activity([completion()]).run();
    expect(row()).toMatchObject({
      state: 'settled',
      outcome: 'succeeded',
      calls: calls + 1,
      failedAttempts: 1,
      possiblyPaidTwice: paidTwice,
    });
  });

  test('that may have been billed, then a success in the same attempt, may have been paid twice', async () => {
    const output = await activity([new ModelCallError('connection_lost'), completion()]).run();
    expect(output).toMatchObject({
      outcome: 'succeeded',
      failedAttempts: 0,
      seen: { calls: 2, costUsd: CALL_USD },
    });
    expect(row()).toMatchObject({ state: 'settled', calls: 2, possiblyPaidTwice: true });
  });

  test('that is surely free, then a success in the same attempt, was paid once', async () => {
    await activity([new ModelCallError('connection_failed'), completion()]).run();
    expect(row()).toMatchObject({ state: 'settled', calls: 2, possiblyPaidTwice: false });
  });

  test('leaves the row unknown if any call of the attempt may have been billed, whatever the last one was', async () => {
    const failure = new ModelCallError('connection_failed');
    expect(await thrownBy(activity([new ModelCallError('connection_lost'), failure]).run())).toBe(failure);
    expect(row()).toMatchObject({
      state: 'unknown',
      code: 'connection_failed',
      calls: 2,
      failedAttempts: 1,
      possiblyPaidTwice: true,
    });
  });

  test('that may have been billed, then a throttle, is deferred with the row unknown', async () => {
    const output = await activity([new ModelCallError('service_error'), throttled(30_000)]).run();
    expect(output).toMatchObject({ kind: 'deferred', code: 'rate_limited', notBeforeMs: NOON_MS + 200 + 30_000 });
    expect(row()).toMatchObject({
      state: 'unknown',
      code: 'rate_limited',
      calls: 2,
      failedAttempts: 0,
      possiblyPaidTwice: true,
    });
  });

  test('of the service in the attempt after a timeout leaves the row unknown', async () => {
    await thrownBy(activity([new ModelCallError('timeout')]).run());
    await thrownBy(activity([new ModelCallError('service_error', { status: 500 })]).run());
    expect(row()).toMatchObject({
      state: 'unknown',
      code: 'service_error',
      calls: 3,
      failedAttempts: 2,
      possiblyPaidTwice: true,
    });
  });

  test('that is surely free in the attempt after a timeout does not undo that it may have been paid twice', async () => {
    await thrownBy(activity([new ModelCallError('timeout')]).run());
    await thrownBy(activity([new ModelCallError('connection_failed')]).run());
    expect(row()).toMatchObject({ state: 'released', calls: 3, failedAttempts: 2, possiblyPaidTwice: true });
    await activity([completion()]).run();
    expect(row()).toMatchObject({ state: 'settled', calls: 4, possiblyPaidTwice: true });
  });

  test('in the last attempt settles the issue as failed, instead of throwing', async () => {
    const failure = new ModelCallError('service_error', { requestId: 'req-5' });
    for (const _ of [1, 2, 3, 4]) await thrownBy(activity([failure]).run());
    const last = {
      kind: 'settled',
      outcome: 'failed',
      code: 'service_error',
      cached: false,
      copies: 0,
      failedAttempts: 5,
      callMs: null,
      seen: saw(callsOf(10)),
    };
    expect(await activity([failure]).run()).toEqual(last);
    expect(row()).toMatchObject({ state: 'settled', outcome: 'failed', requestId: 'req-5', answer: null, calls: 10 });
    expect(await activity([completion()]).run()).toEqual(last);
  });

  test('that used up the attempts before is settled without a call', async () => {
    await put({ state: 'unknown', ...ledgerFacts({ failedAttempts: 5 }), code: 'timeout', atMs: NOON_MS });
    const analyze = activity([completion()]);
    expect(await analyze.run()).toMatchObject({ outcome: 'failed', code: 'timeout', failedAttempts: 5 });
    expect(analyze.requests).toEqual([]);
    expect(row()).toMatchObject({ state: 'settled', calls: 1, possiblyPaidTwice: false });
  });

  test('does not lose what a call in the same attempt has cost', async () => {
    const unfit = completion({ text: 'no JSON' });
    await thrownBy(activity([unfit, new ModelCallError('connection_lost')]).run());
    expect(row()).toMatchObject({ state: 'unknown', calls: 3, usage, costUsd: CALL_USD });
  });
});
