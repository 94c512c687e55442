import { describe, expect, test } from 'vitest';
import type { BatchUse } from '../../src/core/capacity/messages.ts';
import type { AnalyzeOutput } from '../../src/core/contracts.ts';
import { FRESH_STREAM, fold } from '../../src/core/stream-state.ts';
import { deferred, failedWith, NOON_MS, seen, serviceLimits, settled } from '../helpers/factories.ts';

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

  test('is what was billed; an unknown price is none', () => {
    const usage = { promptTokens: 500, completionTokens: 40, cachedTokens: 300 };
    expect(useOf(settled(), settled({ usage, costUsd: null }))).toMatchObject({ billedTokens: 650, costUsd: 0.001 });
  });

  test('is how long answers are, of successes that were called for', () => {
    const usage = (completionTokens: number) => ({ promptTokens: 100, completionTokens, cachedTokens: 0 });
    const cutOff = settled({ outcome: 'failed', code: 'output_cut_off', usage: usage(1_200) });
    const cached = settled({ cached: true, callMs: null, usage: usage(0) });
    expect(useOf(settled({ usage: usage(80) }), cutOff, cached, settled({ usage: usage(90) })).completions).toEqual([
      80, 90,
    ]);
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
    expect(useOf(deferred(NOON_MS + 7_000), deferred(NOON_MS + 4_000), paused)).toMatchObject({
      throttled: 2,
      retryAtMs: NOON_MS + 7_000,
    });
    expect(useOf(paused)).toMatchObject({ throttled: 0, retryAtMs: null });
  });

  test('is the newest of the figures that the service gave', () => {
    const at = (ms: number) => serviceLimits({ atMs: NOON_MS + ms });
    const withLimits = (ms: number) => settled({ seen: seen({ limits: at(ms) }) });
    const refused = deferred(NOON_MS, 'rate_limited', { limits: at(300) });
    expect(useOf(withLimits(200), refused, withLimits(100), settled()).limits).toEqual(at(300));
  });
});
