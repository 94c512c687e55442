import { describe, expect, test } from 'vitest';
import { parseInput } from '../../src/core/problems.ts';
import { isAskedAgain, isWorthRetrying, RetryRequestSchema, retriedPlan } from '../../src/core/retry-request.ts';
import { plan, summary } from '../helpers/factories.ts';

describe('the body of a retry', () => {
  test('may raise both caps and the deadline, or be empty', () => {
    for (const body of [{}, { attempt: 2, maxCostUsd: 1.5, maxTokens: 9_000, deadlineSeconds: 60 }]) {
      expect(parseInput(RetryRequestSchema, body)).toEqual(body);
    }
  });

  test.each([
    [{ maxCostUsd: 0 }, 'maxCostUsd', 'a number from 0.001 to 1000000'],
    [{ maxTokens: 1.5 }, 'maxTokens', 'an integer from 1 to 1000000000000'],
    [{ attempt: 1 }, 'attempt', 'an integer from 2 to 1000000'],
    [{ deadlineSeconds: '60' }, 'deadlineSeconds', 'an integer from 1 to 2592000'],
    [{ concurrency: 5 }, 'concurrency', 'no such field'],
    [[], 'body', 'a JSON object, or none'],
  ])('is refused for %j', (body, field, allowed) => {
    expect(() => parseInput(RetryRequestSchema, body)).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field, allowed })] }),
    );
  });
});

describe('the plan of a retry', () => {
  const capped = plan({ maxCostUsd: 1, maxTokens: 1_000, deadlineMs: 60_000 });
  const spent = summary({
    calls: 90,
    costUsd: 0.9,
    tokens: { promptTokens: 800, completionTokens: 100, cachedTokens: 0, totalTokens: 900 },
  });

  test('is that of the run, but for what is given', () => {
    const again = { ...capped, spent: { tokens: 900, usd: 0.9 } };
    expect(retriedPlan(capped, {}, spent)).toEqual(again);
    expect(retriedPlan(capped, { maxCostUsd: 2 }, spent)).toEqual({ ...again, maxCostUsd: 2 });
    expect(retriedPlan(again, {}, null)).toEqual(again);
    expect(retriedPlan(capped, { maxTokens: 911, deadlineSeconds: 30 }, spent)).toEqual({
      ...again,
      maxTokens: 911,
      deadlineMs: 30_000,
    });
  });

  test.each([
    [{ maxCostUsd: 0.9 }, 'maxCostUsd is 0.9; allowed: more than 0.91: the run has cost 0.9 so far, 0.01 a call'],
    [{ maxTokens: 910 }, 'maxTokens is 910; allowed: more than 910: the run has taken 900 so far, 10 a call'],
  ])('is refused for %j, which is as good as used up', (request, message) => {
    expect(() => retriedPlan(capped, request, spent)).toThrow(expect.objectContaining({ message }));
  });

  test('is refused for a cap that is as good as used up and left as it was', () => {
    expect(() => retriedPlan(plan({ maxTokens: 905 }), {}, spent)).toThrow('maxTokens is 905; allowed: more than 910:');
    expect(retriedPlan(plan({ maxTokens: 911 }), {}, spent).maxTokens).toBe(911);
  });

  test('is refused for a cap that leaves less than is held for a call', () => {
    const held = { ...spent, callHold: { tokens: 3_450, usd: 0.001_05 } };
    const both = (maxTokens: number, maxCostUsd: number) => retriedPlan(plan({ maxTokens, maxCostUsd }), {}, held);
    expect(() => both(4_350, 1)).toThrow(
      'maxTokens is 4350; allowed: more than 4350: the run has taken 900 so far, up to 3450 a call',
    );
    expect(() => both(4_351, 0.901)).toThrow(
      'maxCostUsd is 0.901; allowed: more than 0.90105: the run has cost 0.9 so far, up to 0.00105 a call',
    );
    expect(both(4_351, 0.901_06)).toMatchObject({ maxTokens: 4_351, maxCostUsd: 0.901_06 });
  });

  test('is refused for a cap below what is held for the first call', () => {
    const tokens = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, totalTokens: 0 };
    const callHold = { tokens: 3_450, usd: 0.001_057_5 };
    const none = summary({ calls: 0, costUsd: 0, tokens, callHold, stopped: { reason: 'budget', code: null } });
    expect(() => retriedPlan(plan({ maxTokens: 500 }), { maxTokens: 600 }, none)).toThrow(
      'maxTokens is 600; allowed: more than 3450: the run has taken 0 so far, up to 3450 a call, and this cap stopped it',
    );
    expect(retriedPlan(plan({ maxTokens: 500 }), { maxTokens: 3_451 }, none).maxTokens).toBe(3_451);
  });

  test('is refused where the cap that stopped the run is not raised', () => {
    const stopped = { ...spent, stopped: { reason: 'budget', code: null } as const };
    const fact = 'this cap stopped it';
    for (const request of [{}, { maxTokens: 1_000 }, { maxTokens: 950 }, { maxCostUsd: 5 }]) {
      const byTokens = plan({ maxCostUsd: 1.01, maxTokens: 1_000 });
      expect(() => retriedPlan(byTokens, request, stopped)).toThrow(fact);
    }
    const byCost = plan({ maxCostUsd: 0.95, maxTokens: 1_000 });
    expect(() => retriedPlan(byCost, {}, stopped)).toThrow(`maxCostUsd is 0.95; allowed: more than 0.95:`);
    expect(retriedPlan(byCost, { maxCostUsd: 0.96 }, stopped)).toMatchObject({ maxCostUsd: 0.96, maxTokens: 1_000 });
  });

  test('is refused where one cap alone stopped the run before its first call', () => {
    const tokens = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, totalTokens: 0 };
    const none = summary({ calls: 0, costUsd: 0, tokens, stopped: { reason: 'budget', code: null } });
    expect(() => retriedPlan(plan({ maxTokens: 10 }), {}, none)).toThrow(
      'maxTokens is 10; allowed: more than 10: the run has taken 0 so far, and this cap stopped it',
    );
    expect(() => retriedPlan(plan({ maxCostUsd: 0.001 }), {}, none)).toThrow(
      'maxCostUsd is 0.001; allowed: more than 0.001: the run has cost 0 so far, and this cap stopped it',
    );
  });

  test('is not refused for its caps where something else stopped the run', () => {
    const stopped = { ...spent, stopped: { reason: 'cancelled', code: null } as const };
    expect(retriedPlan(capped, {}, stopped).maxTokens).toBe(1_000);
  });

  test('of an attempt without figures takes any cap', () => {
    const request = { maxCostUsd: 0.001, maxTokens: 1 };
    expect(retriedPlan(capped, request, null)).toMatchObject(request);
    const none = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, totalTokens: 0 };
    expect(retriedPlan(capped, request, summary({ costUsd: null, tokens: none }))).toEqual({ ...capped, ...request });
  });

  test('keeps what was spent where the attempt before could not read the issues', () => {
    const before = { tokens: 900, usd: 0.9 };
    const none = { promptTokens: 0, completionTokens: 0, cachedTokens: 0, totalTokens: 0 };
    const failed = summary({ status: 'failed', calls: 0, costUsd: 0, tokens: none });
    expect(retriedPlan({ ...capped, spent: before }, {}, failed).spent).toEqual(before);
  });

  test('reckons by the price of the deployment what a model without one has cost', () => {
    const unpriced = { ...spent, costUsd: null };
    expect(retriedPlan(capped, {}, unpriced).spent).toEqual({ tokens: 900, usd: 0.00018 });
    expect(() => retriedPlan(plan({ maxCostUsd: 0.0001 }), {}, unpriced)).toThrow('the run has cost 0.00018 so far');
    expect(retriedPlan(plan({ price: null, deployment: 'nameless' }), {}, unpriced).spent).toEqual({
      tokens: 900,
      usd: 0,
    });
  });

  test('has no cap in dollars where the price is not known', () => {
    expect(() => retriedPlan(plan({ price: null, deployment: 'mine' }), { maxCostUsd: 5 }, null)).toThrow(
      'maxCostUsd is 5; allowed: no value here: the price of mine is not known; use maxTokens',
    );
    expect(retriedPlan(plan({ price: null }), { maxTokens: 5 }, null).maxTokens).toBe(5);
  });
});

test.each([
  [{}, true],
  [{ attempt: 2 }, true],
  [{ maxTokens: 1_000 }, true],
  [{ maxTokens: 1_001 }, false],
  [{ maxCostUsd: 1 }, false],
  [{ deadlineSeconds: 60 }, true],
  [{ maxTokens: 1_000, deadlineSeconds: 61 }, false],
])('a retry of %j may be one that is sent again: %s', (request, expected) => {
  expect(isAskedAgain(plan({ maxTokens: 1_000, deadlineMs: 60_000 }), request)).toBe(expected);
});

test.each([
  [null, true],
  [summary({ status: 'failed', failed: 0, notStarted: 0 }), true],
  [summary({ failed: 1, notStarted: 0 }), true],
  [summary({ failed: 0, notStarted: 1 }), true],
  [summary({ failed: 0, notStarted: 0 }), false],
])('what is left undone makes a retry worth while (%#)', (last, expected) => {
  expect(isWorthRetrying(last)).toBe(expected);
});
