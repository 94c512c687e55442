import { describe, expect, test } from 'vitest';
import { ModelCallError } from '../../src/core/failures.ts';
import { completion, throttled } from '../helpers/activities.ts';
import { ask, codesHandledBy, unfit, usageOf } from '../helpers/asking.ts';

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
    expect(asked).toEqual({
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
    expect(asked).toEqual({
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
