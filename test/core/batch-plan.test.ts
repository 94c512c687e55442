import { describe, expect, test } from 'vitest';
import { deadlineMsFor, extensionMs, streamsFor } from '../../src/core/batch-plan.ts';
import { plan } from '../helpers/factories.ts';

describe('streamsFor', () => {
  test.each([
    { units: 0, batchSize: 20, streams: 3, expected: 0 },
    { units: 1, batchSize: 20, streams: 3, expected: 1 },
    { units: 20, batchSize: 20, streams: 3, expected: 1 },
    { units: 21, batchSize: 20, streams: 3, expected: 2 },
    { units: 1_000, batchSize: 20, streams: 3, expected: 3 },
  ])('$units units in batches of $batchSize over at most $streams streams use $expected', example => {
    const { units, batchSize, streams, expected } = example;
    expect(streamsFor(units, { batchSize, streams })).toBe(expected);
  });
});

describe('deadlineMsFor', () => {
  test('is the deadline that was asked for', () => {
    expect(deadlineMsFor(10_000, plan({ deadlineMs: 5_000 }))).toBe(5_000);
  });

  test('is a quarter of an hour where there is nothing to do', () => {
    expect(deadlineMsFor(0, plan())).toBe(900_000);
  });

  test('adds the whole timeout of each round of calls and each pause', () => {
    // 101 units: 11 rounds of 10 calls at 60 s, 6 batches of 20 with 1 s each.
    expect(deadlineMsFor(101, plan())).toBe(900_000 + 660_000 + 6_000);
  });

  test('counts the calls in a round by the streams where these have fewer in flight', () => {
    const narrow = plan({ concurrency: 10, streams: 2, batchSize: 1, batchDelayMs: 0 });
    expect(deadlineMsFor(100, narrow)).toBe(900_000 + 50 * 60_000);
  });
});

describe('extensionMs', () => {
  const waitedMs = { tokens: 1, requests: 10, service: 100, budget: 1_000, paused: 10_000 };

  test('is the time of pauses, and of waits for limits where nobody gave a deadline', () => {
    expect(extensionMs(waitedMs, { deadlineMs: null })).toBe(10_011);
    expect(extensionMs(waitedMs, { deadlineMs: 60_000 })).toBe(10_000);
  });
});
