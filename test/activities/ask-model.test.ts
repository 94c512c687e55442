import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FAILURES, type FailureCode, ModelCallError } from '../../src/core/failures.ts';
import { triage } from '../../src/core/triage.ts';
import type { Completion } from '../../src/services/azure-openai.ts';
import { ANSWER, CALL_USD, completion, throttled } from '../helpers/activities.ts';
import { ADMISSION, ask, CALL_MS, codesHandledBy, cutOff, unfit, usageOf } from '../helpers/asking.ts';
import { NOON_MS, serviceLimits } from '../helpers/factories.ts';

/** Failures of a call after which nobody knows whether it was billed. */
const MAYBE_BILLED = new Set<string | null>(['timeout', 'connection_lost', 'service_error']);
/** Failures of a call that the service did not admit. */
const DOORS = new Set<string | null>([...codesHandledBy('defer', 'stop'), 'connection_failed']);
const codeOf = (entry: Completion | Error | undefined) => (entry instanceof ModelCallError ? entry.code : null);

describe('an answer that fits', () => {
  test('takes one call', async () => {
    const { asked, requests, sleeps } = await ask([completion()]);
    expect(asked).toEqual({
      kind: 'answered',
      answer: ANSWER,
      calls: 1,
      admittedTokens: ADMISSION,
      throttled: 0,
      retryAfterMs: null,
      limits: null,
      spentMs: { queue: 0, model: CALL_MS, throttle: 0, retry: 0 },
      usage: usageOf(1),
      costUsd: CALL_USD,
      lastUsage: usageOf(1),
      requestId: 'req-1',
      callMs: CALL_MS,
      answeredAtMs: NOON_MS + CALL_MS,
      maybeBilled: false,
      possiblyPaidTwice: false,
    });
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({
      deployment: 'gpt-4o-mini',
      analysis: triage,
      maxCompletionTokens: 1_200,
      timeoutMs: 60_000,
    });
    expect(requests[0]?.messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(sleeps).toEqual([]);
  });

  test('of a model without a known price has no cost', async () => {
    expect((await ask([completion({ model: 'my-model' })])).asked).toMatchObject({
      kind: 'answered',
      costUsd: null,
      usage: usageOf(1),
    });
  });
});

describe('a throttle', () => {
  test('is waited out in place while that takes 5 s in all, with some jitter on top', async () => {
    const { asked, sleeps } = await ask([throttled(2_000), throttled(2_500), completion()], 0.5);
    expect(asked).toMatchObject({
      kind: 'answered',
      calls: 3,
      usage: usageOf(1),
      maybeBilled: false,
      possiblyPaidTwice: false,
    });
    expect(sleeps).toEqual([2_200, 2_750]);
  });

  test('that takes longer interrupts', async () => {
    const { asked, sleeps } = await ask([throttled(3_000), throttled(2_500), completion()]);
    expect(asked).toMatchObject({
      kind: 'interrupted',
      error: { code: 'rate_limited', retryAfterMs: 2_500 },
      calls: 2,
    });
    expect(sleeps).toEqual([3_000]);
    expect((await ask([throttled(5_001)])).asked).toMatchObject({ kind: 'interrupted', calls: 1 });
    expect((await ask([throttled(5_000), completion()])).asked).toMatchObject({ kind: 'answered', calls: 2 });
  });

  test('without a time interrupts at once', async () => {
    const { asked, sleeps } = await ask([throttled(null), completion()]);
    expect(asked).toMatchObject({ kind: 'interrupted', calls: 1 });
    expect(sleeps).toEqual([]);
  });

  test.each([0, 1, 30])('that asks for %d ms only is not hammered', async retryAfterMs => {
    const { asked, sleeps } = await ask([throttled(retryAfterMs)]);
    expect(asked).toMatchObject({ kind: 'interrupted', calls: 7 });
    expect(sleeps).toEqual([50, 100, 200, 400, 800, 1_600]);
  });

  test('does not use up the quick retry', async () => {
    const { asked } = await ask([throttled(100), new ModelCallError('service_error'), throttled(100), completion()]);
    expect(asked).toMatchObject({ kind: 'answered', calls: 4 });
  });
});

describe('an answer cut by length', () => {
  test('is asked for once more with double the room', async () => {
    const { asked, requests } = await ask([cutOff, completion()]);
    expect(asked).toMatchObject({
      kind: 'answered',
      answer: ANSWER,
      calls: 2,
      usage: usageOf(2),
      costUsd: CALL_USD * 2,
      lastUsage: usageOf(1),
    });
    expect(requests.map(({ maxCompletionTokens }) => maxCompletionTokens)).toEqual([1_200, 2_400]);
    expect(requests[1]?.messages).toEqual(requests[0]?.messages);
  });

  test("gets double the analysis' own room, however little it had", async () => {
    const { asked, requests } = await ask([cutOff, completion()], 0, { maxCompletionTokens: 180 });
    expect(requests.map(({ maxCompletionTokens }) => maxCompletionTokens)).toEqual([180, 2_400]);
    expect(asked.admittedTokens).toBe(2 * (ADMISSION - 1_200) + 180 + 2_400);
  });

  test('fails when it is cut again', async () => {
    expect((await ask([cutOff, cutOff])).asked).toMatchObject({
      kind: 'failed',
      code: 'output_cut_off',
      calls: 2,
      usage: usageOf(2),
    });
  });

  test('fails as what the second answer is', async () => {
    expect((await ask([cutOff, unfit])).asked).toMatchObject({ kind: 'failed', code: 'invalid_output', calls: 2 });
    expect((await ask([unfit, cutOff])).asked).toMatchObject({ kind: 'failed', code: 'output_cut_off', calls: 2 });
  });
});

describe('an answer that does not fit', () => {
  test.each([
    ['is not JSON', 'Sure! Here it is.', 'it is not JSON'],
    ['is nothing', null, 'it is not JSON'],
    ['is out of range', unfit.text, 'confidence'],
  ])('because it %s is repaired once, by its fault', async (_, text, fault) => {
    const { asked, requests } = await ask([completion({ text }), completion()]);
    expect(asked).toMatchObject({ kind: 'answered', answer: ANSWER, calls: 2, usage: usageOf(2) });
    const [, , answer, request] = requests[1]?.messages ?? [];
    expect(answer).toEqual({ role: 'assistant', content: text ?? '' });
    expect(request?.role).toBe('user');
    expect(request?.content).toContain(fault);
    expect(requests[1]?.maxCompletionTokens).toBe(1_200);
  });

  test('fails the second time', async () => {
    expect((await ask([unfit, unfit, completion()])).asked).toMatchObject({
      kind: 'failed',
      code: 'invalid_output',
      calls: 2,
      usage: usageOf(2),
    });
  });
});

describe('what is final', () => {
  test('is a refusal, without another call', async () => {
    expect((await ask([completion({ text: null, refused: true })])).asked).toMatchObject({
      kind: 'failed',
      code: 'refused',
      calls: 1,
      usage: usageOf(1),
    });
  });

  test('is an answer that the filter stopped, whatever came of it', async () => {
    for (const text of [null, '{"categ']) {
      expect((await ask([completion({ text, finishReason: 'content_filter' })])).asked).toMatchObject({
        kind: 'failed',
        code: 'content_filter',
        calls: 1,
        usage: usageOf(1),
      });
    }
  });

  test.each(codesHandledBy('settle', 'stop'))('is the failure %s, without another call', async code => {
    const { asked } = await ask([new ModelCallError(code, { requestId: 'req-7' })]);
    expect(asked).toMatchObject({
      kind: 'failed',
      code,
      calls: 1,
      usage: usageOf(0),
      costUsd: 0,
      requestId: 'req-7',
      callMs: null,
      answeredAtMs: null,
      maybeBilled: false,
      possiblyPaidTwice: false,
    });
  });

  test('is a filter on the repair call too, with the first call paid', async () => {
    expect((await ask([unfit, new ModelCallError('content_filter')])).asked).toMatchObject({
      kind: 'failed',
      code: 'content_filter',
      calls: 2,
      usage: usageOf(1),
      costUsd: CALL_USD,
    });
  });
});

test('a defect of the app itself is not taken for a failure of the service', async () => {
  await expect(ask([new TypeError('defect')])).rejects.toThrow('defect');
});

describe('the account', () => {
  test('counts as admitted what the service did not refuse at the door', async () => {
    const admitted = async (...script: [Completion | Error, ...(Completion | Error)[]]) =>
      (await ask(script)).asked.admittedTokens / ADMISSION;
    expect(await admitted(completion())).toBe(1);
    expect(await admitted(throttled(null))).toBe(0);
    expect(await admitted(throttled(10), completion())).toBe(1);
    expect(await admitted(new ModelCallError('connection_failed'))).toBe(0);
    expect(await admitted(new ModelCallError('unauthorized'))).toBe(0);
    expect(await admitted(new ModelCallError('timeout'))).toBe(1);
    expect(await admitted(new ModelCallError('service_error'))).toBe(2);
    expect(await admitted(new ModelCallError('content_filter'))).toBe(1);
  });

  test('tells throttles, the longest wait asked for, and the newest limits', async () => {
    const [first, second] = [serviceLimits({ remainingTokens: 900 }), serviceLimits({ remainingTokens: 50 })];
    const { asked } = await ask([throttled(2_000, first), throttled(500, second), completion()]);
    expect(asked).toMatchObject({ throttled: 2, retryAfterMs: 2_000, limits: second });
    const { asked: unlimited } = await ask([new ModelCallError('service_error', { limits: first }), completion()]);
    expect(unlimited).toMatchObject({ throttled: 0, retryAfterMs: null, limits: first });
    expect((await ask([completion({ limits: second })])).asked.limits).toEqual(second);
  });

  test('splits time into calls, waits for limits and waits before retries; the last answered call has its own', async () => {
    const { asked, nowMs } = await ask([throttled(2_000), new ModelCallError('service_error'), cutOff, completion()]);
    expect(asked).toMatchObject({
      kind: 'answered',
      spentMs: { queue: 0, model: 4 * CALL_MS, throttle: 2_000, retry: 200 },
      callMs: CALL_MS,
      answeredAtMs: nowMs,
    });
    const { asked: failed } = await ask([cutOff, new ModelCallError('timeout')]);
    expect(failed).toMatchObject({ kind: 'interrupted', callMs: CALL_MS, answeredAtMs: NOON_MS + CALL_MS });
  });
});

test('whatever comes, calls and usage are those of the calls made, and no more than two answers are paid', async () => {
  const entry = fc.oneof(
    fc.constantFrom(completion(), cutOff, unfit, completion({ refused: true, text: null })),
    fc.constantFrom(...(Object.keys(FAILURES) as FailureCode[])).map(code => new ModelCallError(code)),
    fc.integer({ min: 0, max: 6_000 }).map(throttled),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(entry, { minLength: 1, maxLength: 8 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (script, random) => {
        const [first = completion(), ...rest] = script;
        const { asked, requests, sleeps } = await ask([first, ...rest], random);
        expect(asked.calls).toBe(requests.length);
        const answers = requests.filter((_, i) => !(script[Math.min(i, script.length - 1)] instanceof Error)).length;
        expect(asked.usage).toEqual(usageOf(answers));
        expect(answers).toBeLessThanOrEqual(2);
        const billed = requests.map((_, i) => MAYBE_BILLED.has(codeOf(script[Math.min(i, script.length - 1)])));
        expect(asked.maybeBilled).toBe(billed.includes(true));
        expect(asked.possiblyPaidTwice).toBe(billed.slice(0, -1).includes(true));
        const sleptMs = sleeps.reduce((sum, delayMs) => sum + delayMs, 0);
        expect(sleptMs).toBeLessThanOrEqual(5_000 * 1.2 + 1_000);
        const { model, throttle, retry } = asked.spentMs;
        expect(model).toBe(CALL_MS * requests.length);
        expect(throttle + retry).toBeCloseTo(sleptMs, 3);
        const refused = requests.filter((_, i) => DOORS.has(codeOf(script[Math.min(i, script.length - 1)]))).length;
        expect(asked.admittedTokens > 0).toBe(refused < requests.length);
      },
    ),
  );
});
