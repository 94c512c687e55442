import { describe, expect, test } from 'vitest';
import { LARGEST_TIER, tierFor, tierName } from '../../src/core/tiers.ts';

describe('the tier of a run', () => {
  test.each([
    [0, 3, 5, 60, 'a run of 1 to 10 issues'],
    [10, 3, 5, 60, 'a run of 1 to 10 issues'],
    [11, 5, 10, 60, 'a run of 11 to 25 issues'],
    [25, 5, 10, 60, 'a run of 11 to 25 issues'],
    [26, 7, 15, 90, 'a run of 26 to 50 issues'],
    [50, 7, 15, 90, 'a run of 26 to 50 issues'],
    [51, 10, 20, 120, 'a run of 51 issues or more'],
    [100_000, 10, 20, 120, 'a run of 51 issues or more'],
  ])('of %i issues: %i at a time, batches of %i, %i s', (issues, concurrency, batchSize, timeout, name) => {
    const tier = tierFor(issues);
    expect(tier).toMatchObject({ concurrency, batchSize, requestTimeoutSeconds: timeout });
    expect(tierName(tier)).toBe(name);
  });

  test('grows with the run', () => {
    const tiers = [1, 11, 26, 51].map(tierFor);
    for (const name of ['concurrency', 'batchSize', 'requestTimeoutSeconds', 'upTo'] as const) {
      const values = tiers.map(tier => tier[name]);
      expect(values).toEqual(values.toSorted((a, b) => a - b));
    }
    expect(tiers.at(-1)).toBe(LARGEST_TIER);
  });
});
