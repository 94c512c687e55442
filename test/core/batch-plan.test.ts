import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deadlineMsFor, layoutOf, streamOfUnit, unitsOfBatch } from '../../src/core/batch-plan.ts';
import { plan } from '../helpers/factories.ts';

/** Every batch of every stream, each with its stream. */
function batchesOf(layout: ReturnType<typeof layoutOf>): { stream: number; units: number[] }[] {
  return Array.from({ length: layout.streams }, (_, stream) => stream).flatMap(stream => {
    const batches = [];
    for (let n = 0; ; n += 1) {
      const units = unitsOfBatch(layout, stream, n);
      if (units.length === 0) return batches;
      batches.push({ stream, units });
    }
  });
}

const layouts = fc
  .record({
    units: fc.integer({ min: 0, max: 2_000 }),
    batchSize: fc.integer({ min: 1, max: 100 }),
    streams: fc.integer({ min: 1, max: 16 }),
  })
  .map(({ units, ...shape }) => layoutOf(units, shape));

describe('layoutOf', () => {
  test.each([
    { units: 0, batchSize: 20, streams: 3, expected: 0 },
    { units: 1, batchSize: 20, streams: 3, expected: 1 },
    { units: 20, batchSize: 20, streams: 3, expected: 1 },
    { units: 21, batchSize: 20, streams: 3, expected: 2 },
    { units: 1_000, batchSize: 20, streams: 3, expected: 3 },
  ])('$units units in batches of $batchSize over at most $streams streams use $expected', example => {
    const { units, batchSize, streams, expected } = example;
    expect(layoutOf(units, { batchSize, streams })).toEqual({ units, batchSize, streams: expected });
  });
});

describe('unitsOfBatch', () => {
  test('deals the batches out in turn', () => {
    const layout = layoutOf(11, { batchSize: 2, streams: 2 });
    expect([0, 1, 2, 3].map(n => unitsOfBatch(layout, 0, n))).toEqual([[0, 1], [4, 5], [8, 9], []]);
    expect([0, 1, 2, 3].map(n => unitsOfBatch(layout, 1, n))).toEqual([[2, 3], [6, 7], [10], []]);
  });

  test('puts each unit in exactly one batch of exactly one stream', () => {
    fc.assert(
      fc.property(layouts, layout => {
        const dealt = batchesOf(layout).flatMap(({ units }) => units);
        expect(dealt.toSorted((a, b) => a - b)).toEqual(Array.from({ length: layout.units }, (_, unit) => unit));
      }),
    );
  });

  test('keeps batches ascending and no larger than the batch size, and streamOfUnit agrees', () => {
    fc.assert(
      fc.property(layouts, layout => {
        for (const { stream, units } of batchesOf(layout)) {
          expect(units).toEqual(units.toSorted((a, b) => a - b));
          expect(units.length).toBeLessThanOrEqual(layout.batchSize);
          expect(units.map(unit => streamOfUnit(layout, unit))).toEqual(units.map(() => stream));
        }
      }),
    );
  });

  test('leaves no stream without a batch', () => {
    fc.assert(
      fc.property(layouts, layout => {
        const busy = new Set(batchesOf(layout).map(({ stream }) => stream));
        expect(busy.size).toBe(layout.streams);
      }),
    );
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
});
