import fc from 'fast-check';
import { expect, test } from 'vitest';
import { forecast } from '../../../src/core/forecast/forecast.ts';
import { forecastInput, knownCapacity, leastMs } from '../../helpers/forecasts.ts';

const limit = fc.option(fc.integer({ min: 60, max: 2_000_000 }));
const inputs = fc
  .record({
    units: fc.integer({ min: 1, max: 250 }),
    concurrency: fc.integer({ min: 1, max: 30 }),
    batchSize: fc.integer({ min: 1, max: 40 }),
    streams: fc.integer({ min: 1, max: 6 }),
    batchDelayMs: fc.integer({ min: 0, max: 5_000 }),
    callMs: fc.record({ mean: fc.integer({ min: 1, max: 20_000 }), cv: fc.double({ min: 0, max: 2, noNaN: true }) }),
    promptTokens: fc.record({
      mean: fc.integer({ min: 1, max: 5_000 }),
      cv: fc.double({ min: 0, max: 2, noNaN: true }),
    }),
    tokensPerMinute: limit,
    requestsPerMinute: limit,
    bufferPercent: fc.option(fc.integer({ min: 0, max: 90 })),
    isProbed: fc.boolean(),
  })
  .map(({ units, concurrency, callMs, promptTokens, isProbed, ...plan }) =>
    forecastInput({
      ...{ units, concurrency, activities: concurrency, callMs, promptTokens },
      capacity: knownCapacity({ isProbed }),
      plan: { ...plan, concurrency },
    }),
  );

test('no forecast is below what its calls take, or what the limits ask for beyond a minute that begins empty', () => {
  fc.assert(
    fc.property(inputs, input => {
      const { durationMs, admissionTokens } = forecast(input);
      const { tokensPerMinute, requestsPerMinute } = input.plan;
      const tokenMs = tokensPerMinute === null ? 0 : (admissionTokens / tokensPerMinute - 1) * 60_000;
      const requestMs = requestsPerMinute === null ? 0 : (input.units / requestsPerMinute - 1) * 60_000;
      // Rounded to a millisecond, and tokens to whole ones.
      expect(durationMs).toBeGreaterThanOrEqual(Math.max(leastMs(input), tokenMs * 0.9999, requestMs) - 1);
    }),
  );
});

test('a forecast is the same each time', () => {
  fc.assert(
    fc.property(inputs, input => {
      expect(forecast(input)).toEqual(forecast(structuredClone(input)));
    }),
    { numRuns: 30 },
  );
});

/** Timers have whole milliseconds: a batch more can shift others by some of them. */
const ROUNDED = 0.999;

test('more calls never take less time, in as many streams', () => {
  fc.assert(
    fc.property(inputs, fc.integer({ min: 1, max: 100 }), (input, more) => {
      const { plan, units } = input;
      const larger = { ...input, units: units + more };
      fc.pre(Math.ceil(units / plan.batchSize) >= plan.streams);
      expect(forecast(larger).durationMs).toBeGreaterThanOrEqual(ROUNDED * forecast(input).durationMs);
    }),
  );
});

test('a call that takes longer makes no run shorter that has no limits', () => {
  fc.assert(
    fc.property(inputs, fc.double({ min: 1, max: 5, noNaN: true }), (input, factor) => {
      const plan = { ...input.plan, tokensPerMinute: null, requestsPerMinute: null, batchDelayMs: 0 };
      const { mean, cv } = input.callMs;
      const slower = { ...input, plan, callMs: { mean: mean * factor, cv } };
      expect(forecast(slower).durationMs).toBeGreaterThanOrEqual(forecast({ ...input, plan }).durationMs);
    }),
  );
});
