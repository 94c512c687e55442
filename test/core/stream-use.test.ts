import { describe, expect, test } from 'vitest';
import type { BatchUse } from '../../src/core/capacity/messages.ts';
import type { AnalyzeOutput } from '../../src/core/contracts.ts';
import { FRESH_STREAM, fold } from '../../src/core/stream-state.ts';
import { deferred, failedWith, NOON_MS, sawAnswer, seen, serviceLimits, settled } from '../helpers/factories.ts';

const sawNothing = seen({ calls: 0, admittedTokens: 0 });
const notStarted: AnalyzeOutput = { kind: 'not_started', reason: 'cancelled', seen: sawNothing };

describe('what a batch came to', () => {
  const useOf = (...results: (AnalyzeOutput | null)[]): BatchUse => {
    const { used } = fold(FRESH_STREAM, [...results.keys()], results, 0);
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

  test('is what was billed, whatever came of it; an unknown price is none', () => {
    const usage = { promptTokens: 500, completionTokens: 40, cachedTokens: 300 };
    const results = [
      settled(),
      settled({ seen: seen({ usage, costUsd: null }) }),
      deferred(NOON_MS, 'rate_limited', { usage, costUsd: 0.25 }),
    ];
    expect(useOf(...results)).toMatchObject({ billedTokens: 110 + 540 + 540, costUsd: 0.251 });
  });

  test('is how long answers are, of successes that came by one call, and the prompts of these', () => {
    const saw = (completionTokens: number, calls = 1) =>
      sawAnswer({ calls, usage: { promptTokens: completionTokens + 7, completionTokens, cachedTokens: 0 } });
    const { completions, promptTokens } = useOf(
      settled({ seen: saw(80) }),
      settled({ outcome: 'failed', code: 'output_cut_off', seen: saw(1_200) }),
      settled({ cached: true, callMs: null, seen: saw(0) }),
      settled({ seen: saw(150, 2) }),
      settled({ failedAttempts: 1, seen: saw(160) }),
      settled({ seen: saw(170, 0) }),
      deferred(NOON_MS, 'rate_limited', saw(180)),
      settled({ seen: saw(90) }),
    );
    expect([completions, promptTokens]).toEqual([[80, 90], 80 + 90 + 2 * 7]);
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
