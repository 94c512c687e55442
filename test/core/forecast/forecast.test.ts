import { describe, expect, test } from 'vitest';
import { FRESH_CAPACITY } from '../../../src/core/capacity/state.ts';
import { forecast } from '../../../src/core/forecast/forecast.ts';
import { verdictOf } from '../../../src/core/verdict.ts';
import { NOON_MS, summary } from '../../helpers/factories.ts';
import { callTimesOf, forecastInput, knownCapacity, leastMs, listScheduled, meter } from '../../helpers/forecasts.ts';

/** A forecast's length as a multiple of what its calls alone take at least. */
function ratio(changes: Parameters<typeof forecastInput>[0] = {}): number {
  const input = forecastInput(changes);
  return forecast(input).durationMs / leastMs(input);
}

describe('a run that only its concurrency bounds', () => {
  test.each([
    { streams: 1, batchSize: 10, expected: 2.15 },
    { streams: 1, batchSize: 20, expected: 1.59 },
    { streams: 1, batchSize: 50, expected: 1.24 },
    { streams: 2, batchSize: 10, expected: 1.25 },
    { streams: 2, batchSize: 20, expected: 1.05 },
    { streams: 2, batchSize: 50, expected: 1.01 },
    { streams: 3, batchSize: 20, expected: 1.01 },
  ])('$streams x $batchSize at 10 takes $expected times the least', ({ expected, ...shape }) => {
    expect(Math.abs(ratio({ plan: shape }) / expected - 1)).toBeLessThan(0.03);
  });

  test.each([
    { batchDelayMs: 2_000, expected: 1.01 },
    { batchDelayMs: 5_000, expected: 1.03 },
    { batchDelayMs: 10_000, expected: 1.1 },
  ])('hides pauses of $batchDelayMs ms behind other streams', ({ batchDelayMs, expected }) => {
    expect(Math.abs(ratio({ plan: { batchDelayMs } }) / expected - 1)).toBeLessThan(0.03);
  });

  test.each([50, 200, 1_000])('comes near to list scheduling with %i calls in three streams', units => {
    const input = forecastInput({ units, concurrency: 5, activities: 5 });
    const { durationMs } = forecast(input);
    expect(durationMs).toBeGreaterThan(listScheduled(input) * 0.99);
    expect(durationMs).toBeLessThan(listScheduled(input) * 1.05);
  });

  test('one issue a draw, as many streams as calls: as list scheduling, and later by its hops', () => {
    const shape = { streams: 10, batchSize: 1, concurrencyScope: 'run' } as const;
    expect(ratio({ plan: shape })).toBeCloseTo(1.01, 1);
    expect(ratio({ plan: { ...shape, batchDelayMs: 200 } })).toBeCloseTo(1.06, 1);
  });

  test('adds what the app takes: for each call, between batches, at both ends', () => {
    const alone = forecast(forecastInput({ units: 1, callMs: { mean: 4_000, cv: 0 } })).durationMs;
    expect(alone).toBe(4_000);
    const overheadMs = { call: 10, batch: 200, run: 3_000 };
    const plan = { streams: 1, batchSize: 1 };
    const two = forecast(forecastInput({ units: 2, callMs: { mean: 4_000, cv: 0 }, overheadMs, plan }));
    expect(two.durationMs).toBe(2 * 4_010 + 200 + 3_000);
  });

  test('activities of the host are what counts where it runs fewer than permits allow', () => {
    const wide = forecastInput({ concurrency: 10, activities: 10 });
    expect(forecast({ ...wide, activities: 3 }).durationMs).toBe(forecast(wide).durationMs);
    expect(forecast({ ...wide, concurrency: 5 }).durationMs).toBeGreaterThan(1.9 * forecast(wide).durationMs);
  });
});

describe('a run under a token limit', () => {
  const limited = (tokensPerMinute: number, changes: Parameters<typeof forecastInput>[0] = {}) =>
    forecastInput({ capacity: knownCapacity({ tokens: meter(tokensPerMinute) }), ...changes });

  test('takes what its tokens take at the part of the limit that is used', () => {
    // Prompts of 500, room of 1,200: 35 calls a minute, 28 of them with a fifth kept free.
    const { durationMs, boundBy, admissionTokens } = forecast(
      limited(60_000, { units: 150, plan: { bufferPercent: 20 } }),
    );
    expect(admissionTokens).toBe(150 * 1_700);
    expect(Math.abs(durationMs / ((150 / 28) * 60_000) - 1)).toBeLessThan(0.08);
    expect(boundBy).toBe('tokens');
  });

  test('is faster once two hundred answers have shown how much room they need', () => {
    const short = forecast(limited(60_000, { units: 200 }));
    const long = forecast(limited(60_000, { units: 1_000 }));
    expect(short.admissionTokens).toBe(200 * 1_700);
    expect(long.admissionTokens).toBeLessThan(1_200 * 1_000);
    expect(long.durationMs).toBeLessThan(5 * short.durationMs * 0.7);
  });

  test('is faster with a buffer that shrinks than with one that stays', () => {
    const durationWith = (bufferPercent: number | null) =>
      forecast(limited(60_000, { plan: { bufferPercent } })).durationMs;
    expect(durationWith(null)).toBeLessThan(durationWith(20));
    expect(durationWith(null)).toBeGreaterThan(durationWith(2));
  });

  test('keeps more free where prompts differ more, since reservations are less exact', () => {
    const durationWith = (cv: number) =>
      forecast(limited(60_000, { promptTokens: { mean: 1_500, cv }, units: 600 })).durationMs;
    expect(durationWith(1.5)).toBeGreaterThan(durationWith(0) * 1.02);
  });

  test('waits for what other runs have booked before', () => {
    const free = forecast(limited(60_000, { units: 20 })).durationMs;
    const tokens = { ...meter(60_000), nextAtMs: NOON_MS + 25_000 };
    const booked = forecast(limited(60_000, { units: 20, capacity: knownCapacity({ tokens }) })).durationMs;
    expect(booked - free).toBeGreaterThan(24_000);
  });

  test('leaves the state that it began with as it was, and runs and grants in it out', () => {
    const state = knownCapacity({
      tokens: meter(60_000),
      gate: { failures: 0, closings: 1, closedUntilMs: NOON_MS - 1, probe: 'gone/0' },
    });
    const before = structuredClone(state);
    expect(forecast(limited(1, { units: 30, capacity: state })).durationMs).toBeGreaterThan(0);
    expect(state).toEqual(before);
  });
});

describe('a run under a request limit', () => {
  test('makes almost one call a second at 60 a minute', () => {
    const input = forecastInput({ units: 300, plan: { requestsPerMinute: 60, bufferPercent: 0 } });
    const { durationMs, boundBy } = forecast(input);
    expect(Math.abs(durationMs / (300 * 1_040) - 1)).toBeLessThan(0.05);
    expect(boundBy).toBe('requests');
  });
});

const CLOSE = { bufferPercent: 0, batchDelayMs: 1_000 };
/** Answers that use up all the room they may have. */
const ROOMY = { mean: 1_200, cv: 0 };

describe('what bounds a run', () => {
  test.each([
    ['concurrency', {}],
    ['latency', { units: 7 }],
    ['batches', { plan: { streams: 1, batchSize: 5, batchDelayMs: 1_000 } }],
    ['tokens', { plan: { tokensPerMinute: 30_000 } }],
    ['requests', { plan: { requestsPerMinute: 20 } }],
    ['nothing', { units: 0 }],
    // Limits just below what the calls at one time could use: streams wait little for them.
    ['requests', { units: 400, plan: { ...CLOSE, requestsPerMinute: 138 } }],
    ['tokens', { units: 400, completionTokens: ROOMY, plan: { ...CLOSE, tokensPerMinute: 138 * 1_700 } }],
  ] as const)('is %s for %j', (bound, changes) => {
    expect(forecast(forecastInput(changes)).boundBy).toBe(bound);
  });

  test('is a service that is left alone for longer than the run takes', () => {
    const closedUntilMs = NOON_MS + 300_000;
    const capacity = knownCapacity({ gate: { failures: 5, closings: 3, closedUntilMs, probe: null } });
    const { durationMs, boundBy } = forecast(forecastInput({ units: 20, capacity }));
    expect(boundBy).toBe('service');
    expect(durationMs).toBeGreaterThan(300_000);
    expect(durationMs).toBeLessThan(330_000);
  });

  test('is a service that is left alone for a fifth of the time, also where limits hold the run back for longer', () => {
    const closedUntilMs = NOON_MS + 60_000;
    const capacity = knownCapacity({ gate: { failures: 5, closings: 3, closedUntilMs, probe: null } });
    const input = forecastInput({ units: 60, capacity, plan: { requestsPerMinute: 20, bufferPercent: 0 } });
    expect(forecast(input)).toMatchObject({ boundBy: 'service' });
    expect(forecast({ ...input, capacity: knownCapacity() })).toMatchObject({ boundBy: 'requests' });
  });
});

describe('a report of the run as it was forecast', () => {
  /** What the report says held the run back, and the share of the permits that were in use. */
  function reported(input: ReturnType<typeof forecastInput>) {
    const { durationMs, admissionTokens } = forecast(input);
    const { plan, units, concurrency } = input;
    const mean = callTimesOf(input).reduce((total, ms) => total + ms, 0) / durationMs;
    const rate = (count: number, allowed: number | null) => ({
      achieved: (count * 60_000) / Math.max(60_000, durationMs),
      allowed,
    });
    const figures = summary({
      ...{ durationMs, newCalls: units, streams: plan.streams, bufferPercent: plan.bufferPercent },
      ...{ succeeded: units, inFlight: { most: concurrency, mean, overMs: durationMs } },
      tokensPerMinute: rate(admissionTokens, plan.tokensPerMinute),
      requestsPerMinute: rate(units, plan.requestsPerMinute),
    });
    return { bound: verdictOf(figures, plan)?.bound, busy: mean / concurrency };
  }

  // Calls of 4 s, 10 at a time: 150 a minute.
  test.each([
    ['tokens', 400, { tokensPerMinute: 165 * 1_700 }],
    ['requests', 400, { requestsPerMinute: 165 }],
    ['concurrency', 400, { tokensPerMinute: 200 * 1_700 }],
    ['concurrency', 400, { requestsPerMinute: 200 }],
    // Of less than a minute's calls, a minute's room is left over.
    ['concurrency', 130, { tokensPerMinute: 160 * 1_700 }],
    ['concurrency', 130, { requestsPerMinute: 160 }],
  ] as const)('has %s as its bound too: %i issues with all permits in use under %j', (bound, units, limits) => {
    const alike = { callMs: { mean: 4_000, cv: 0.2 }, completionTokens: ROOMY };
    const input = forecastInput({ units, ...alike, plan: { ...limits, bufferPercent: 0 } });
    const { busy, ...report } = reported(input);
    expect(busy).toBeGreaterThan(0.9);
    expect({ ...report, forecast: forecast(input).boundBy }).toEqual({ bound, forecast: bound });
  });
});

describe('a forecast', () => {
  test('of no call is nothing', () => {
    expect(forecast(forecastInput({ units: 0 }))).toEqual({ durationMs: 0, boundBy: 'nothing', admissionTokens: 0 });
  });

  test('of a service that is left alone for longer than it looks ahead is what the limits ask for', () => {
    const gate = { failures: 5, closings: 3, closedUntilMs: NOON_MS + 86_400_000_000, probe: null };
    const input = forecastInput({ units: 50, capacity: knownCapacity({ gate }), plan: { requestsPerMinute: 10 } });
    expect(forecast(input)).toEqual({ durationMs: 240_000, boundBy: 'service', admissionTokens: 0 });
  });

  test('begins with a probe where nothing is known of the deployment', () => {
    const input = forecastInput({ units: 60, capacity: FRESH_CAPACITY });
    const known = forecastInput({ units: 60 });
    expect(forecast(input).durationMs).toBeGreaterThan(forecast(known).durationMs);
  });

  test('takes no time that would be too much, for a large run, a slow one, or many streams', () => {
    const many = { concurrency: 200, activities: 200 };
    const large = forecast(forecastInput({ units: 1_000_000 }));
    expect(large.durationMs / 400_000_000).toBeCloseTo(1, 2);
    const wide = forecast(
      forecastInput({ units: 20_000, ...many, plan: { streams: 200, batchSize: 1, concurrency: 200 } }),
    );
    expect(Math.abs(wide.durationMs / 400_000 - 1)).toBeLessThan(0.05);
    const slow = forecast(forecastInput({ units: 1_000, plan: { tokensPerMinute: 1_000, bufferPercent: 0 } }));
    expect(slow.durationMs).toBeGreaterThan((slow.admissionTokens / 1_000 - 1.01) * 60_000);
    expect(slow.durationMs).toBeLessThan((slow.admissionTokens / 1_000) * 60_000 * 1.25);
  });
});
