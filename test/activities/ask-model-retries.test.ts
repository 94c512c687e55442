import { describe, expect, test } from 'vitest';
import { ModelCallError } from '../../src/core/failures.ts';
import { completion, throttled } from '../helpers/activities.ts';
import { ask, CALL_MS, codesHandledBy, unfit, usageOf } from '../helpers/asking.ts';
import { NOON_MS } from '../helpers/factories.ts';

describe('a passing failure', () => {
  test.each([
    ['connection_lost', true],
    ['connection_failed', false],
    ['service_error', true],
  ] as const)('%s is tried again once, soon; paid twice perhaps: %s', async (code, maybeBilled) => {
    const { asked, requests, sleeps } = await ask([new ModelCallError(code), completion()], 0.5);
    expect(asked).toMatchObject({
      kind: 'answered',
      calls: 2,
      usage: usageOf(1),
      maybeBilled,
      possiblyPaidTwice: maybeBilled,
    });
    expect(requests[1]).toEqual(requests[0]);
    expect(sleeps).toEqual([600]);
  });

  test('timeout interrupts at once, perhaps paid, but not twice', async () => {
    const failure = new ModelCallError('timeout', { requestId: 'req-3' });
    const { asked, sleeps } = await ask([failure, completion()]);
    expect(asked).toMatchObject({
      kind: 'interrupted',
      error: failure,
      calls: 1,
      usage: usageOf(0),
      costUsd: 0,
      requestId: 'req-3',
      maybeBilled: true,
      possiblyPaidTwice: false,
    });
    expect(sleeps).toEqual([]);
  });

  test('no code is passing but these four', () => {
    expect(codesHandledBy('retry')).toEqual(['timeout', 'connection_lost', 'connection_failed', 'service_error']);
  });

  test.each([
    [0, 200],
    [1, 1_000],
  ])('with chance %d waits %d ms', async (random, delayMs) => {
    expect((await ask([new ModelCallError('connection_lost'), completion()], random)).sleeps).toEqual([delayMs]);
  });

  test('interrupts when it comes twice', async () => {
    const second = new ModelCallError('service_error', { status: 503, requestId: 'req-2' });
    const { asked } = await ask([new ModelCallError('connection_failed'), second, completion()]);
    expect(asked).toMatchObject({
      kind: 'interrupted',
      error: second,
      calls: 2,
      usage: usageOf(0),
      costUsd: 0,
      requestId: 'req-2',
      maybeBilled: true,
      possiblyPaidTwice: false,
    });
  });

  test.each([
    ['another one that is surely free', new ModelCallError('connection_failed')],
    ['a throttle without a time', throttled(null)],
  ])('stays one that may have been billed after %s', async (_, second) => {
    const { asked } = await ask([new ModelCallError('connection_lost'), second, completion()]);
    expect(asked).toMatchObject({
      kind: 'interrupted',
      error: second,
      calls: 2,
      maybeBilled: true,
      possiblyPaidTwice: true,
    });
  });

  test('after an answer that does not fit was not paid twice, but may have been billed', async () => {
    expect((await ask([unfit, new ModelCallError('timeout')])).asked).toMatchObject({
      kind: 'interrupted',
      calls: 2,
      usage: usageOf(1),
      maybeBilled: true,
      possiblyPaidTwice: false,
    });
  });

  test('has one quick retry for all rounds together', async () => {
    const { asked } = await ask([
      new ModelCallError('service_error'),
      unfit,
      new ModelCallError('connection_lost'),
      completion(),
    ]);
    expect(asked).toMatchObject({
      kind: 'interrupted',
      error: { code: 'connection_lost' },
      calls: 3,
      usage: usageOf(1),
    });
  });
});

describe('while others fail', () => {
  const failure = new ModelCallError('service_error');

  test.each([
    [0, 2],
    [1, 2],
    [2, 1],
    [6, 1],
  ])('%d times in a row before, a failed call is made %d times', async (failuresBefore, calls) => {
    expect((await ask([failure], 0, { failuresBefore })).asked).toMatchObject({ kind: 'interrupted', calls });
  });

  test('an open breaker interrupts without a call, for as long as it is open', async () => {
    const { asked, requests } = await ask([completion()], 0, { failuresBefore: 8 });
    expect(asked).toMatchObject({
      kind: 'interrupted',
      error: { code: 'breaker_open', retryAfterMs: 10_000 },
      calls: 0,
      throttled: 0,
      maybeBilled: false,
    });
    expect(requests).toEqual([]);
  });

  test('the failure that opens it interrupts as what it is', async () => {
    const { asked, breaker } = await ask([failure], 0, { failuresBefore: 7 });
    expect(asked).toMatchObject({ kind: 'interrupted', error: failure, calls: 1 });
    expect(breaker.openUntilMs()).toBe(NOON_MS + CALL_MS + 10_000);
  });

  test.each(codesHandledBy('settle', 'stop', 'defer'))('%s shows the service alive', async code => {
    const { breaker } = await ask([new ModelCallError(code)], 0, { failuresBefore: 7 });
    expect(breaker.openUntilMs()).toBeNull();
    for (let n = 0; n < 7; n++) breaker.note('failed');
    expect(breaker.openUntilMs()).toBeNull();
  });
});

describe('when the process ends', () => {
  test.each([new ModelCallError('connection_lost'), throttled(100)])(
    'nothing is tried again after %s',
    async failure => {
      const { asked, sleeps } = await ask([failure, completion()], 0, { ending: AbortSignal.abort() });
      expect(asked).toMatchObject({ kind: 'interrupted', error: failure, calls: 1 });
      expect(sleeps).toEqual([]);
    },
  );
});
