import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countOf, countText, durationText, percentText, rateText, usdText } from '../../src/core/format.ts';

describe('countText', () => {
  it('separates thousands', () => {
    expect([0, 999, 1_000, 1_234_567].map(countText)).toEqual(['0', '999', '1,000', '1,234,567']);
  });
});

describe('countOf', () => {
  it('has a singular for one alone', () => {
    expect([0, 1, 2_000].map(n => countOf(n, 'issue'))).toEqual(['0 issues', '1 issue', '2,000 issues']);
  });
});

describe('durationText', () => {
  it.each([
    [0, '0 ms'],
    [999.4, '999 ms'],
    [999.6, '1.0 s'],
    [7_149, '7.1 s'],
    [59_949, '59.9 s'],
    [59_951, '1 min 00 s'],
    [125_000, '2 min 05 s'],
    [3_599_499, '59 min 59 s'],
    [3_599_500, '1 h 00 min'],
    [3_780_000, '1 h 03 min'],
    [360_000_000, '100 h 00 min'],
  ])('shows %d ms as %s', (durationMs, text) => {
    expect(durationText(durationMs)).toBe(text);
  });

  it('never shows 60 of a unit', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), durationMs => {
        expect(durationText(durationMs)).not.toMatch(/\b(1000 ms|60\.0 s|60 s|60 min)/);
      }),
    );
  });
});

describe('usdText', () => {
  it('shows small amounts in detail', () => {
    expect([0, 0.0042, 0.99, 1, 1_234.5].map(usdText)).toEqual(['$0.00', '$0.0042', '$0.9900', '$1.00', '$1234.50']);
  });
});

describe('rateText', () => {
  it('gives rates by the second and by the minute', () => {
    expect([0.02, 8.44, 120].map(rateText)).toEqual(['0.02/s (1/min)', '8.4/s (506/min)', '120/s (7,200/min)']);
  });
});

describe('percentText', () => {
  it('rounds to whole percents', () => {
    expect([0, 0.964, 0.999, 1.2].map(percentText)).toEqual(['0 %', '96 %', '100 %', '120 %']);
  });
});
