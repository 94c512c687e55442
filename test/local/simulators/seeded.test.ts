import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createDraw, logNormal, seededUuid } from '../../../local/simulators/seeded.ts';

describe('createDraw', () => {
  it('gives the same value for the same seed and key, whatever was asked before', () => {
    fc.assert(
      fc.property(fc.integer(), fc.string(), fc.string(), (seed, key, other) => {
        const asked = createDraw(seed);
        asked.uniform(other);
        expect(asked.uniform(key)).toBe(createDraw(seed).uniform(key));
      }),
    );
  });

  it('stays in [0, 1) and picks items of the list', () => {
    fc.assert(
      fc.property(fc.integer(), fc.string(), fc.uniqueArray(fc.integer(), { minLength: 1 }), (seed, key, items) => {
        const draw = createDraw(seed);
        expect(draw.uniform(key)).toBeGreaterThanOrEqual(0);
        expect(draw.uniform(key)).toBeLessThan(1);
        const [first = 0, ...others] = items;
        expect(items).toContain(draw.pick([first, ...others], key));
      }),
    );
  });

  it('tells seeds, keys and prefixes apart', () => {
    const values = [
      createDraw(1).uniform('a'),
      createDraw(2).uniform('a'),
      createDraw(1).uniform('b'),
      createDraw(1).uniform('a', 'b'),
    ];
    expect(new Set(values).size).toBe(4);
    expect(createDraw(1).under('a').uniform('b')).toBe(createDraw(1, 'a').uniform('b'));
  });
});

describe('logNormal', () => {
  it('has the mean and the spread that were asked for', () => {
    const values = Array.from({ length: 20_000 }, (_, index) => logNormal(createDraw(5, index), 400, 0.6));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    expect(mean).toBeGreaterThan(390);
    expect(mean).toBeLessThan(410);
    expect(deviation / mean).toBeGreaterThan(0.55);
    expect(deviation / mean).toBeLessThan(0.65);
    expect(Math.min(...values)).toBeGreaterThan(0);
  });

  it('is the mean itself without spread', () => {
    expect(logNormal(createDraw(1), 0, 0.6)).toBe(0);
    expect(logNormal(createDraw(1), 250, 0)).toBe(250);
  });
});

describe('seededUuid', () => {
  it('has the form of a random UUID and follows from the key', () => {
    const uuid = seededUuid(createDraw(1, 'x'));
    expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(seededUuid(createDraw(1, 'x'))).toBe(uuid);
    expect(seededUuid(createDraw(1, 'y'))).not.toBe(uuid);
  });
});
