import { describe, expect, test } from 'vitest';
import { type Limit, paceOf } from '../../../src/core/capacity/pace.ts';

const limit = (changes: Partial<Limit> = {}): Limit => ({
  perMinute: 60_000,
  buffer: 0,
  sliceMs: 60_000,
  ...changes,
});

describe('the pace of calls', () => {
  test('without a limit, or of calls that take nothing of it, is as fast as can be', () => {
    const atOnce = { spacingMs: 0, toleranceMs: Number.POSITIVE_INFINITY };
    expect(paceOf(limit({ perMinute: null }), 2_000, null)).toEqual(atOnce);
    expect(paceOf(limit(), 0, null)).toEqual(atOnce);
  });

  test.each<[string, Limit, number, number]>([
    ['takes the limit to the full where whole calls fill a minute', limit(), 1_000, 1_000],
    ['leaves the buffer unused', limit({ buffer: 0.2 }), 1_000, 1_250],
    ['has whole calls only in a minute: 8 of 7,000', limit(), 7_000, 7_500],
    [
      'has whole calls only in a slice, with 40 ms to spare: 2 of 400 in each 1,000',
      limit({ sliceMs: 1_000 }),
      400,
      520,
    ],
    ['has one call in each slice that is smaller than it', limit({ sliceMs: 100 }), 1_000, 1_000],
    ['has one call in the time in which the limit grows to its size', limit({ perMinute: 500 }), 1_000, 120_000],
  ])('%s', (_, ofLimit, size, spacingMs) => {
    expect(paceOf(ofLimit, size, null).spacingMs).toBeCloseTo(spacingMs, 6);
  });

  test('leaves room for the largest call of any run where they differ in size', () => {
    expect(paceOf(limit(), 1_000, 4_000).spacingMs).toBeCloseTo(60_000 / 56, 6);
    expect(paceOf(limit(), 1_000, 59_500).spacingMs).toBeCloseTo(60_000, 6);
  });
});

describe('a late caller', () => {
  test('makes up for what the buffer left in the minute', () => {
    // Of 60,000 the pace takes 48,000 and the call itself 1,000; the rest is 13.75 s at 800 a second.
    expect(paceOf(limit({ buffer: 0.2 }), 1_000, null).toleranceMs).toBeCloseTo(13_750, 6);
    expect(paceOf(limit({ buffer: 0.2 }), 1_000, 5_000).toleranceMs).toBeCloseTo(8_750, 6);
  });

  test('makes up for nothing where the pace takes all, or a slice has no room', () => {
    expect(paceOf(limit(), 1_000, null).toleranceMs).toBe(0);
    expect(paceOf(limit({ buffer: 0.2, sliceMs: 1_000 }), 1_000, null).toleranceMs).toBe(0);
  });
});
