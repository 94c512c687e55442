import { describe, expect, test } from 'vitest';
import { createLogNormal } from '../../../src/core/forecast/log-normal.ts';

function values(count: number, mean: number, cv: number): number[] {
  const nth = createLogNormal({ mean, cv });
  return Array.from({ length: count }, (_, n) => nth(n));
}
const meanOf = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

describe('log-normal values', () => {
  test.each([0.1, 0.6, 1.5])('have the mean asked for, and a cv of about %f', cv => {
    const all = values(1_000, 4_000, cv);
    const mean = meanOf(all);
    expect(mean).toBeCloseTo(4_000, 6);
    const deviation = Math.sqrt(meanOf(all.map(value => (value - mean) ** 2)));
    expect(Math.abs(deviation / mean / cv - 1)).toBeLessThan(0.1);
  });

  test.each([
    [10, 0.06],
    [25, 0.02],
    [50, 0.02],
    [100, 0.02],
    [500, 0.02],
  ])('of a beginning of %i have the mean to within %f', (count, error) => {
    expect(Math.abs(meanOf(values(count, 1, 0.6)) - 1)).toBeLessThan(error);
  });

  test('have a median below the mean, and a long tail', () => {
    const sorted = values(1_000, 1, 0.6).toSorted((a, b) => a - b);
    // exp(-sigma^2 / 2), with sigma^2 = ln(1 + 0.36).
    expect(sorted[500]).toBeCloseTo(0.857, 1);
    expect(sorted[949]).toBeGreaterThan(2);
    expect(sorted[999]).toBeGreaterThan(4);
    expect(sorted[0]).toBeGreaterThan(0);
  });

  test('without spread are the mean', () => {
    expect(values(5, 7, 0)).toEqual([7, 7, 7, 7, 7].map(value => expect.closeTo(value, 9)));
    expect(values(3, 0, 0.6)).toEqual([0, 0, 0]);
  });

  test('are the same ones each time, and come again after a thousand', () => {
    const value = createLogNormal({ mean: 1, cv: 0.6 });
    expect(value(7)).toBe(createLogNormal({ mean: 1, cv: 0.6 })(7));
    expect(value(1_007)).toBe(value(7));
    expect(new Set(values(1_000, 1, 0.6)).size).toBe(1_000);
  });
});
