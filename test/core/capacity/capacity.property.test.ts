import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { control, leave } from '../../../src/core/capacity/capacity.ts';
import { FRESH_CAPACITY } from '../../../src/core/capacity/state.ts';
import { known, mostInWindow, type Player, playOut, terms } from '../../helpers/capacity-world.ts';

const START_MS = 1_000_000;
const MINUTE_MS = 60_000;

const player = (changes: Partial<Player> = {}): Player => ({
  runId: 'a',
  terms: terms(),
  streams: 3,
  batchSize: 20,
  fromMs: START_MS,
  tokensOf: () => 2_000,
  latencyMs: () => 4_000,
  ...changes,
});

const latencies = fc.array(fc.integer({ min: 50, max: 15_000 }), { minLength: 7, maxLength: 31 });
const streams = fc.integer({ min: 1, max: 8 });
const batchSize = fc.integer({ min: 1, max: 40 });

function tokensAt(calls: readonly { atMs: number; tokens: number }[]) {
  return calls.map(({ atMs, tokens }) => ({ atMs, amount: tokens }));
}

describe('the meters are never overrun', () => {
  test('by calls of one size: no minute and no slice has more than the limit', () => {
    fc.assert(
      fc.property(
        fc.record({
          tokensPerMinute: fc.integer({ min: 4_000, max: 1_000_000 }),
          requestsPerMinute: fc.integer({ min: 1, max: 3_000 }),
          bufferPercent: fc.constantFrom(null, 0, 5, 20),
          tokenSliceMs: fc.constantFrom(1_000, 10_000, 60_000),
          streams,
          batchSize,
          latencies,
        }),
        ({ streams, batchSize, latencies, tokensPerMinute, requestsPerMinute, tokenSliceMs, bufferPercent }) => {
          const own = terms({ units: 150, bufferPercent, tokenSliceMs });
          const latencyMs = (unit: number) => latencies[unit % latencies.length] as number;
          const first = known({ tokens: tokensPerMinute, requests: requestsPerMinute });
          const { calls } = playOut([player({ terms: own, streams, batchSize, latencyMs })], first);
          expect(calls).toHaveLength(150);
          const requests = calls.map(({ atMs }) => ({ atMs, amount: 1 }));
          expect(mostInWindow(tokensAt(calls), MINUTE_MS)).toBeLessThanOrEqual(tokensPerMinute);
          expect(mostInWindow(requests, MINUTE_MS)).toBeLessThanOrEqual(requestsPerMinute);
          expect(mostInWindow(requests, 1_000)).toBeLessThanOrEqual(Math.ceil(requestsPerMinute / 60));
          expect(mostInWindow(requests, 10_000)).toBeLessThanOrEqual(Math.ceil(requestsPerMinute / 6));
          const slice = Math.ceil((tokensPerMinute * tokenSliceMs) / MINUTE_MS);
          expect(mostInWindow(tokensAt(calls), tokenSliceMs)).toBeLessThanOrEqual(Math.max(2_000, slice));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('by calls of which some were not admitted: no later slice has more for it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 40_000, max: 1_000_000 }),
        fc.constantFrom(1_000, 5_000, 10_000, 30_000),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 17 }),
        fc.record({ streams, batchSize }),
        latencies,
        (tokensPerMinute, tokenSliceMs, isAdmitted, shape, latencies) => {
          const own = player({
            ...shape,
            terms: terms({ units: 150, bufferPercent: 0, tokenSliceMs }),
            tokensOf: unit => (isAdmitted[unit % isAdmitted.length] ? 2_000 : 0),
            latencyMs: unit => latencies[unit % latencies.length] as number,
          });
          const { calls } = playOut([own], known({ tokens: tokensPerMinute }));
          const slice = Math.ceil((tokensPerMinute * tokenSliceMs) / MINUTE_MS);
          expect(mostInWindow(tokensAt(calls), tokenSliceMs)).toBeLessThanOrEqual(Math.max(2_000, slice));
        },
      ),
      { numRuns: 150 },
    );
  });

  test('by runs whose calls differ in size', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ prompt: fc.integer({ min: 50, max: 3_000 }), streams, batchSize, fromMs: fc.nat(20_000) }),
          { minLength: 2, maxLength: 4 },
        ),
        fc.integer({ min: 40_000, max: 500_000 }),
        latencies,
        (sizes, tokensPerMinute, latencies) => {
          const players = sizes.map(({ prompt, streams, batchSize, fromMs }, n) =>
            player({
              runId: `run-${n}`,
              terms: terms({ units: 80, promptTokensEach: prompt, bufferPercent: 0 }),
              streams,
              batchSize,
              fromMs: START_MS + fromMs,
              tokensOf: () => prompt + 1_000,
              latencyMs: unit => latencies[(unit + n) % latencies.length] as number,
            }),
          );
          const { calls } = playOut(players, known({ tokens: tokensPerMinute }));
          expect(calls).toHaveLength(80 * sizes.length);
          expect(mostInWindow(tokensAt(calls), MINUTE_MS)).toBeLessThanOrEqual(tokensPerMinute);
        },
      ),
      { numRuns: 80 },
    );
  });
});

describe('no room stays unused', () => {
  test('a run that asks while nothing is booked starts at once', () => {
    fc.assert(
      fc.property(streams, batchSize, latencies, (streams, batchSize, latencies) => {
        const latencyMs = (unit: number) => latencies[unit % latencies.length] as number;
        const own = player({ streams, batchSize, latencyMs, terms: terms({ units: 200 }) });
        const { grants, calls } = playOut([own], known({}));
        expect(calls).toHaveLength(200);
        expect(grants.every(({ granted, left, spacingMs }) => spacingMs === 0 && (granted > 0 || left === 0))).toBe(
          true,
        );
      }),
    );
  });

  test('a run whose calls are short uses nine tenths of the limit and more, with a buffer of 2 percent', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60_000, max: 400_000 }),
        fc.array(fc.integer({ min: 50, max: 3_000 }), { minLength: 7, maxLength: 31 }),
        (tokensPerMinute, latencies) => {
          const latencyMs = (unit: number) => latencies[unit % latencies.length] as number;
          const own = player({ latencyMs, terms: terms({ units: 100_000, bufferPercent: 2 }) });
          const untilMs = START_MS + 10 * MINUTE_MS;
          const { calls } = playOut([own], known({ tokens: tokensPerMinute }), untilMs);
          const late = calls.filter(({ atMs }) => atMs >= START_MS + MINUTE_MS && atMs < untilMs);
          expect((late.length * 2_000) / (9 * tokensPerMinute)).toBeGreaterThan(0.9);
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('runs under one limit', () => {
  test('that differ in streams and batches have equal shares', () => {
    fc.assert(
      fc.property(
        fc.record({ streams: fc.integer({ min: 2, max: 8 }), batchSize: fc.integer({ min: 6, max: 40 }) }),
        fc.record({ streams: fc.integer({ min: 2, max: 8 }), batchSize: fc.integer({ min: 6, max: 40 }) }),
        fc.integer({ min: 60_000, max: 200_000 }),
        (one, other, tokensPerMinute) => {
          const latencyMs = (unit: number) => 1_000 + ((unit * 7_919) % 3_000);
          const players = [one, other].map((shape, n) =>
            player({ ...shape, runId: `run-${n}`, latencyMs, terms: terms({ units: 100_000, bufferPercent: 10 }) }),
          );
          const untilMs = START_MS + 30 * MINUTE_MS;
          const { calls } = playOut(players, known({ tokens: tokensPerMinute }), untilMs);
          const share = calls.filter(({ runId }) => runId === 'run-0').length / calls.length;
          expect(Math.abs(share - 0.5)).toBeLessThan(0.025);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('do not wait for one that asks for little', () => {
    const hungry = player({ runId: 'hungry', terms: terms({ units: 100_000, bufferPercent: 10 }) });
    const modest = player({
      runId: 'modest',
      streams: 1,
      batchSize: 1,
      latencyMs: () => 10_000,
      terms: terms({ units: 100_000, bufferPercent: 10 }),
    });
    const untilMs = START_MS + 20 * MINUTE_MS;
    const { calls } = playOut([hungry, modest], known({ tokens: 120_000 }), untilMs);
    expect((calls.length * 2_000) / (20 * 120_000)).toBeGreaterThan(0.82);
    const modestCalls = calls.filter(({ runId }) => runId === 'modest').length;
    expect(modestCalls).toBeGreaterThan(60);
  });
});

describe('nothing leaks', () => {
  test('after runs that end, are stopped, or are never heard of again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('ends', 'stopped', 'killed'), { minLength: 1, maxLength: 5 }),
        latencies,
        (fates, latencies) => {
          const players = fates.map((_, n) =>
            player({ runId: `run-${n}`, latencyMs: unit => latencies[unit % latencies.length] as number }),
          );
          let { state } = playOut(players, known({ tokens: 100_000 }), START_MS + 2 * MINUTE_MS);
          fates.forEach((fate, n) => {
            const message = { runId: `run-${n}`, nowMs: state.nowMs };
            if (fate !== 'killed') state = control(state, { ...message, control: 'cancelled' });
            if (fate === 'ends') state = leave(state, { ...message, terms: terms(), uses: [] }).state;
          });
          const dayLater = START_MS + 90_000_000;
          const visitor = player({ runId: 'visitor', fromMs: dayLater, streams: 1, terms: terms({ units: 3 }) });
          const after = playOut([visitor], state);
          expect(after.calls.map(({ atMs }) => atMs < dayLater + 10_000)).toEqual([true, true, true]);
          expect(Object.keys(after.state.runs)).toEqual(['visitor']);
          expect(after.state.grants).toEqual({});
          expect(after.state.gaps).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('time that a cancelled run had booked is used by the next one', () => {
    const first = playOut([player({ streams: 6 })], known({ tokens: 60_000 }), START_MS);
    const booked = first.state.tokens.nextAtMs - START_MS;
    expect(booked).toBeGreaterThan(10_000);
    const state = control(first.state, { runId: 'a', control: 'cancelled', nowMs: START_MS });
    const next = playOut([player({ runId: 'b', fromMs: START_MS + 10, streams: 1 })], state, START_MS + 10);
    expect(next.grants[0]?.granted).toBeGreaterThan(0);
    // Its calls were 2.5 s apart; the third is the first that does not begin any more.
    expect((next.grants[0]?.startAtMs ?? 0) - START_MS).toBe(5_000);
  });

  test('time that a cancelled run had booked is used by runs whose calls are of another size, too', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 50, max: 2_000 }),
        fc.integer({ min: 60_000, max: 200_000 }),
        (prompt, tokensPerMinute) => {
          const first = playOut([player({ streams: 6 })], known({ tokens: tokensPerMinute }), START_MS);
          const bookedUntilMs = first.state.tokens.nextAtMs;
          const state = control(first.state, { runId: 'a', control: 'cancelled', nowMs: START_MS });
          const other = { runId: 'b', terms: terms({ promptTokensEach: prompt }), tokensOf: () => prompt + 1_000 };
          const next = playOut([player({ ...other, fromMs: START_MS + 10, streams: 1 })], state, START_MS + 10);
          expect(next.calls.length).toBeGreaterThan(0);
          expect(next.calls.every(({ atMs }) => atMs < bookedUntilMs)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

test('a state that was lost loses no unit: every one is drawn again at most', () => {
  const { calls } = playOut([player({ terms: terms({ units: 90 }) })], FRESH_CAPACITY);
  expect(new Set(calls.map(({ unit }) => unit)).size).toBe(90);
  expect(calls).toHaveLength(90);
});
