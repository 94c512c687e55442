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
  deferrals: count,
  batches: count,
  calls: count,
  usage: fc.record({ promptTokens: count, completionTokens: count, cachedTokens: count }),
  costUsd: fc.option(count),
});

test('adds every member', () => {
  const usage = { promptTokens: 10, completionTokens: 11, cachedTokens: 12 };
  const one = { succeeded: 1, failed: 2, skipped: 3, coalesced: 4, cached: 5, deferrals: 6, batches: 7, calls: 8 };
  expect(addProgress({ ...one, usage, costUsd: 0.5 }, { ...one, usage, costUsd: 0.25 })).toEqual({
    succeeded: 2,
    failed: 4,
    skipped: 6,
    coalesced: 8,
    cached: 10,
    deferrals: 12,
    batches: 14,
    calls: 16,
    usage: { promptTokens: 20, completionTokens: 22, cachedTokens: 24 },
    costUsd: 0.75,
  });
});

test('an unknown cost stays unknown', () => {
  expect(addProgress({ ...NO_PROGRESS, costUsd: null }, NO_PROGRESS).costUsd).toBeNull();
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
