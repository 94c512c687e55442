import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addProgress, doneIn, NO_PROGRESS, type Progress, ProgressSchema } from '../../src/core/progress.ts';

const count = fc.nat(1_000);
const progresses: fc.Arbitrary<Progress> = fc.record({
  succeeded: count,
  failed: count,
  skipped: count,
  coalesced: count,
  cached: count,
  withoutCall: count,
  deferrals: count,
  batches: count,
  calls: count,
  admittedTokens: count,
  throttled: count,
  longestRetryAfterMs: count,
  usage: fc.record({ promptTokens: count, completionTokens: count, cachedTokens: count }),
  costUsd: fc.option(count),
  storage: fc.record({ operations: count, ms: count }),
  waitedMs: fc.record({ tokens: count, requests: count, service: count, budget: count, paused: count }),
});

test('adds every member, but for the longest wait', () => {
  const one: Progress = {
    succeeded: 1,
    failed: 2,
    skipped: 3,
    coalesced: 4,
    cached: 5,
    withoutCall: 22,
    deferrals: 6,
    batches: 7,
    calls: 8,
    admittedTokens: 9,
    throttled: 10,
    longestRetryAfterMs: 11,
    usage: { promptTokens: 12, completionTokens: 13, cachedTokens: 14 },
    costUsd: 0.25,
    storage: { operations: 15, ms: 16 },
    waitedMs: { tokens: 17, requests: 18, service: 19, budget: 20, paused: 21 },
  };
  expect(addProgress(one, { ...one, longestRetryAfterMs: 10 })).toEqual({
    succeeded: 2,
    failed: 4,
    skipped: 6,
    coalesced: 8,
    cached: 10,
    withoutCall: 44,
    deferrals: 12,
    batches: 14,
    calls: 16,
    admittedTokens: 18,
    throttled: 20,
    longestRetryAfterMs: 11,
    usage: { promptTokens: 24, completionTokens: 26, cachedTokens: 28 },
    costUsd: 0.5,
    storage: { operations: 30, ms: 32 },
    waitedMs: { tokens: 34, requests: 36, service: 38, budget: 40, paused: 42 },
  });
});

test('an unknown cost stays unknown', () => {
  expect(addProgress({ ...NO_PROGRESS, costUsd: null }, NO_PROGRESS).costUsd).toBeNull();
});

test('times of storage are whole milliseconds', () => {
  const measured = { ...NO_PROGRESS, storage: { operations: 1, ms: 1.4 } };
  expect(addProgress(measured, measured).storage).toEqual({ operations: 2, ms: 3 });
});

test('the order of parts does not matter, and nothing adds nothing', () => {
  fc.assert(
    fc.property(progresses, progresses, progresses, (a, b, c) => {
      expect(addProgress(a, b)).toEqual(addProgress(b, a));
      expect(addProgress(addProgress(a, b), c)).toEqual(addProgress(a, addProgress(b, c)));
      expect(addProgress(a, NO_PROGRESS)).toEqual(a);
      expect(ProgressSchema.parse(addProgress(a, b))).toEqual(addProgress(a, b));
    }),
  );
});

test('done are the succeeded, the failed and the skipped', () => {
  expect(doneIn({ ...NO_PROGRESS, succeeded: 1, failed: 20, skipped: 300, coalesced: 4_000, calls: 9 })).toBe(321);
});

test('progress of a stream that began before answers without a call were counted reads as none', () => {
  const { withoutCall: _, ...old } = NO_PROGRESS;
  expect(ProgressSchema.parse(old)).toEqual(NO_PROGRESS);
});
