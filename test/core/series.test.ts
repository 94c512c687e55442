import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSeries, meanOf, nearestRank, overlapOf } from '../../src/core/series.ts';

function seriesOf(values: readonly number[]) {
  const series = createSeries();
  for (const value of values) series.add(value);
  return series.sorted();
}

const numbers = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 700, size: 'max' });

describe('a series', () => {
  test('holds every value in ascending order, however many there are', () => {
    fc.assert(
      fc.property(numbers, values => {
        expect([...seriesOf(values)]).toEqual(values.toSorted((a, b) => a - b));
      }),
    );
  });

  test('takes more values after it was sorted', () => {
    const series = createSeries();
    series.add(3);
    series.add(1);
    expect([...series.sorted()]).toEqual([1, 3]);
    series.add(2);
    expect([...series.sorted()]).toEqual([1, 2, 3]);
  });

  test('is empty at first', () => {
    expect(createSeries().sorted()).toHaveLength(0);
  });
});

describe('nearestRank', () => {
  test('is the smallest value that so many do not exceed', () => {
    fc.assert(
      fc.property(numbers, fc.constantFrom(0, 1, 50, 95, 99, 99.5, 100), (values, percent) => {
        const enough = (value: number) =>
          values.filter(other => other <= value).length * 100 >= percent * values.length;
        const expected = values.toSorted((a, b) => a - b).find(enough);
        expect(nearestRank(seriesOf(values), percent)).toBe(expected);
      }),
    );
  });
});

test('meanOf is the sum over the number', () => {
  expect(meanOf(seriesOf([1, 2, 6]))).toBe(3);
});

describe('overlapOf', () => {
  const interval = fc.record({ start: fc.nat(50), length: fc.integer({ min: 1, max: 20 }) });
  const overlap = (intervals: readonly { start: number; length: number }[]) =>
    overlapOf(
      seriesOf(intervals.map(({ start }) => start)),
      seriesOf(intervals.map(({ start, length }) => start + length)),
    );

  test('counts what a look at every instant counts', () => {
    fc.assert(
      fc.property(fc.array(interval, { minLength: 1, maxLength: 40 }), intervals => {
        const openAt = (instant: number) =>
          intervals.filter(({ start, length }) => start <= instant && instant < start + length).length;
        const counts = Array.from({ length: 80 }, (_, instant) => openAt(instant));
        const overMs = counts.findLastIndex(count => count > 0) + 1 - counts.findIndex(count => count > 0);
        const sum = counts.reduce((a, b) => a + b, 0);
        const { most, mean, overMs: length } = overlap(intervals);
        expect({ most, length }).toEqual({ most: Math.max(...counts), length: overMs });
        expect(mean).toBeCloseTo(sum / overMs, 9);
      }),
    );
  });

  test('takes an interval that begins where another ends for the next one', () => {
    expect(
      overlap([
        { start: 0, length: 10 },
        { start: 10, length: 10 },
      ]),
    ).toEqual({ most: 1, mean: 1, overMs: 20 });
  });

  test('is nothing without intervals, and whole for calls that took no time', () => {
    expect(overlap([])).toEqual({ most: 0, mean: 0, overMs: 0 });
    expect(overlap([{ start: 7, length: 0 }])).toEqual({ most: 1, mean: 1, overMs: 0 });
  });
});
