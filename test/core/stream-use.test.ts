import { describe, expect, test } from 'vitest';
import type { BatchUse } from '../../src/core/capacity/messages.ts';
import type { AnalyzeOutput } from '../../src/core/contracts.ts';
import { FRESH_STREAM, fold } from '../../src/core/stream-state.ts';
import { costUsd } from '../../src/core/usage.ts';
import { talk } from '../helpers/capacity-talk.ts';
import { deferred, failedWith, NOON_MS, sawAnswer, seen, serviceLimits, settled } from '../helpers/factories.ts';

const sawNothing = seen({ calls: 0, admittedTokens: 0 });
const notStarted: AnalyzeOutput = { kind: 'not_started', reason: 'cancelled', seen: sawNothing };

describe('what a batch came to', () => {
  const useOf = (...results: (AnalyzeOutput | null)[]): BatchUse => {
    const { used } = fold(FRESH_STREAM, [...results.keys()], results, { nextAtMs: 0, deployment: 'gpt-4o-mini' });
    if (!used) throw new Error('A batch leaves what it came to');
    return used;
  };

  test('of nothing is nothing', () => {
    expect(useOf(null, notStarted)).toEqual({
      calls: 0,
      admittedTokens: 0,
      answered: 0,
      failed: 0,
      throttled: 0,
      retryAtMs: null,
      billedTokens: 0,
      costUsd: 0,
      callCount: 0,
      callSeconds: 0,
      callSecondsSquared: 0,
      completions: [],
      promptTokens: 0,
      limits: null,
      fatal: null,
    });
  });

  test('is calls, tokens for admission, and times of those that were answered', () => {
    const slow = settled({ callMs: 4_000, seen: seen({ calls: 2, admittedTokens: 2_600 }) });
    const cached = settled({ cached: true, callMs: null, seen: sawNothing });
    expect(useOf(slow, settled({ callMs: 1_000 }), cached, deferred(NOON_MS))).toMatchObject({
      calls: 4,
      admittedTokens: 3_900,
      answered: 2,
      callCount: 2,
      callSeconds: 5,
      callSecondsSquared: 17,
    });
  });

  test('is what was billed, whatever came of it; without a price of its model, by that of the deployment', () => {
    const usage = { promptTokens: 500, completionTokens: 40, cachedTokens: 300 };
    const results = [
      settled(),
      settled({ seen: seen({ usage, costUsd: null }) }),
      deferred(NOON_MS, 'rate_limited', { usage, costUsd: 0.25 }),
    ];
    expect(useOf(...results)).toMatchObject({
      billedTokens: 110 + 540 + 540,
      costUsd: 0.001 + Number(costUsd(usage, 'gpt-4o-mini')) + 0.25,
    });
  });

  test('has no cost where neither price is known', () => {
    const { used } = fold(FRESH_STREAM, [0], [settled({ seen: sawAnswer({ costUsd: null }) })], {
      nextAtMs: 0,
      deployment: 'nameless',
    });
    expect(used?.costUsd).toBe(0);
  });

  test('is how long complete answers are, and the prompts of these, without what was billed before them', () => {
    const usageOf = (completionTokens: number) => ({
      promptTokens: completionTokens + 7,
      completionTokens,
      cachedTokens: 0,
    });
    const saw = (completionTokens: number) => sawAnswer({ usage: usageOf(completionTokens) });
    const sawLast = (completionTokens: number, calls: number) =>
      sawAnswer({ calls, usage: usageOf(1_000), lastUsage: usageOf(completionTokens) });
    const { completions, promptTokens } = useOf(
      settled({ seen: saw(80) }),
      settled({ outcome: 'failed', code: 'output_cut_off', seen: saw(1_200) }),
      settled({ cached: true, callMs: null, seen: saw(0) }),
      settled({ seen: sawLast(150, 2) }),
      settled({ failedAttempts: 1, seen: sawLast(160, 2) }),
      // As told by a row of an older version: only the sum is known.
      settled({ seen: seen({ calls: 2, usage: usageOf(170) }) }),
      deferred(NOON_MS, 'rate_limited', saw(180)),
      settled({ seen: saw(90) }),
    );
    expect([completions, promptTokens]).toEqual([[80, 150, 160, 90], 80 + 150 + 160 + 90 + 4 * 7]);
  });

  test.each<[string, AnalyzeOutput | null, number]>([
    ['a success', settled(), 1],
    ['a refusal of the content', failedWith('content_filter'), 1],
    ['a refused key', failedWith('unauthorized'), 1],
    ['an answer that does not fit', failedWith('invalid_output'), 1],
    ['a call that failed to the end', failedWith('service_error'), 0],
    ['workers that were lost', failedWith('worker_lost'), 0],
    ['a success without a call', settled({ seen: seen({ calls: 0 }) }), 0],
    ['an answer of another issue, after calls that failed', settled({ cached: true, callMs: null, seen: seen() }), 0],
    ['a refusal for limits', deferred(NOON_MS), 0],
    ['a throw', null, 0],
  ])('shows the service alive or not: %s', (_, result, answered) => {
    expect(useOf(result).answered).toBe(answered);
  });

  test.each<[string, AnalyzeOutput | null, number]>([
    ['a call that failed to the end', failedWith('service_error'), 1],
    ['a failure that opened the breaker', deferred(NOON_MS, 'breaker_open', { throttled: 0 }), 1],
    ['a failure that the breaker put back', deferred(NOON_MS, 'timeout', { throttled: 0 }), 1],
    ['an issue that an open breaker turned away', deferred(NOON_MS, 'breaker_open', { calls: 0, throttled: 0 }), 0],
    ['a failure of an earlier delivery', settled({ outcome: 'failed', code: 'timeout', seen: seen({ calls: 0 }) }), 0],
    ['a refusal for limits', deferred(NOON_MS), 0],
    ['an answer that does not fit', failedWith('invalid_output'), 0],
    ['a success', settled(), 0],
    ['a throw, of which nothing is known', null, 0],
  ])('counts as a failing service or not: %s', (_, result, failed) => {
    expect(useOf(result).failed).toBe(failed);
  });

  test('counts issues that an open breaker turned away beside one that failed', () => {
    const turnedAway = deferred(NOON_MS, 'breaker_open', { calls: 0, throttled: 0 });
    expect(useOf(failedWith('service_error'), turnedAway, turnedAway, settled()).failed).toBe(3);
    expect(useOf(turnedAway, turnedAway, settled()).failed).toBe(0);
  });

  test('is how many were refused for limits, and the longest wait', () => {
    const paused = deferred(NOON_MS + 90_000, 'paused', { calls: 0, throttled: 0 });
    const refused = (inMs: number, retryAfterMs: number | null) =>
      deferred(NOON_MS + inMs, 'rate_limited', { retryAfterMs });
    expect(useOf(refused(7_000, 7_000), refused(4_000, 4_000), paused)).toMatchObject({
      throttled: 2,
      retryAtMs: NOON_MS + 7_000,
    });
    expect(useOf(paused)).toMatchObject({ throttled: 0, retryAtMs: null });
  });

  test('does not take the time of a refusal without one for a wish, unless nobody was answered', () => {
    const refused = (inMs: number, retryAfterMs: number | null) =>
      deferred(NOON_MS + inMs, 'rate_limited', { retryAfterMs });
    expect(useOf(refused(10_000, null), settled())).toMatchObject({ throttled: 1, retryAtMs: null });
    expect(useOf(refused(10_000, null), refused(7_000, 7_000), settled()).retryAtMs).toBe(NOON_MS + 7_000);
    expect(useOf(refused(10_000, null), failedWith('timeout')).retryAtMs).toBe(NOON_MS + 10_000);
  });

  test('is the newest of the figures that the service gave', () => {
    const at = (ms: number) => serviceLimits({ atMs: NOON_MS + ms });
    const withLimits = (ms: number) => settled({ seen: seen({ limits: at(ms) }) });
    const refused = deferred(NOON_MS, 'rate_limited', { limits: at(300) });
    expect(useOf(withLimits(200), refused, withLimits(100), settled()).limits).toEqual(at(300));
  });
});

test('answers that were cut for want of room raise it, so that they are not bought twice for good', () => {
  const usageOf = (completionTokens: number) => ({ promptTokens: 900, completionTokens, cachedTokens: 0 });
  const short = settled({ seen: sawAnswer({ usage: usageOf(160) }) });
  const { ask } = talk();
  /** Tells a batch; answers the room of the next one. */
  const roomAfter = (results: readonly AnalyzeOutput[]) => {
    const { used } = fold(FRESH_STREAM, [...results.keys()], results, { nextAtMs: 0, deployment: 'gpt-4o-mini' });
    return ask({ used }).maxCompletionTokens;
  };
  const room = roomAfter(Array.from({ length: 200 }, () => short));
  expect(room).toBe(208);
  // Cut once at 208 tokens, then complete.
  const cut = settled({ seen: sawAnswer({ calls: 2, usage: usageOf(room + 300), lastUsage: usageOf(300) }) });
  expect(roomAfter([short, cut, cut])).toBeGreaterThanOrEqual(300);
});
