import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addCost, addUsage, costUsd, NO_USAGE, PRICES, UsageSchema } from '../../src/core/usage.ts';

const usages = fc
  .record({
    promptTokens: fc.nat(1e9),
    completionTokens: fc.nat(1e9),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ share, ...tokens }) => ({ ...tokens, cachedTokens: Math.floor(tokens.promptTokens * share) }));

describe('usage', () => {
  test('adds member by member', () => {
    const a = { promptTokens: 1, completionTokens: 20, cachedTokens: 300 };
    const b = { promptTokens: 4, completionTokens: 50, cachedTokens: 600 };
    expect(addUsage(a, b)).toEqual({ promptTokens: 5, completionTokens: 70, cachedTokens: 900 });
    expect(addUsage(a, NO_USAGE)).toEqual(a);
  });

  test.each(['promptTokens', 'completionTokens', 'cachedTokens'])('refuses %s below 0 or in fractions', member => {
    expect(UsageSchema.safeParse({ ...NO_USAGE, [member]: -1 }).success).toBe(false);
    expect(UsageSchema.safeParse({ ...NO_USAGE, [member]: 0.5 }).success).toBe(false);
    expect(UsageSchema.safeParse({ ...NO_USAGE, [member]: 1 }).success).toBe(true);
  });
});

describe('costUsd', () => {
  const million = { promptTokens: 1_000_000, completionTokens: 1_000_000, cachedTokens: 0 };

  test('takes input and output at their prices for a million tokens', () => {
    expect(costUsd(million, 'gpt-4o-mini')).toBeCloseTo(0.75, 10);
    expect(costUsd(million, 'gpt-4.1')).toBeCloseTo(10, 10);
  });

  test.each(Object.entries(PRICES))('%s: cached input costs at most half, output more than input', (_, price) => {
    expect(price.cachedInputUsd).toBeGreaterThan(0);
    expect(price.cachedInputUsd).toBeLessThanOrEqual(price.inputUsd / 2);
    expect(price.outputUsd).toBeGreaterThan(price.inputUsd);
  });

  test('takes cached tokens, a part of the prompt, at their own price', () => {
    expect(costUsd({ ...million, cachedTokens: 400_000 }, 'gpt-4o')).toBeCloseTo(0.6 * 2.5 + 0.4 * 1.25 + 10, 10);
  });

  test.each([
    ['gpt-4o-mini-2024-07-18', 'gpt-4o-mini'],
    ['gpt-4o-2024-11-20', 'gpt-4o'],
    ['o3-mini-2025-01-31', 'o3-mini'],
  ])('knows %s by the name without its date, %s', (dated, name) => {
    expect(costUsd(million, dated)).toBe(costUsd(million, name));
    expect(costUsd(million, dated)).not.toBeNull();
  });

  test.each(['my-deployment', '', 'gpt-4o-mini-2024', 'constructor', '__proto__'])('is unknown for "%s"', model => {
    expect(costUsd(million, model)).toBeNull();
  });

  test('is additive, never negative, and nothing for no tokens', () => {
    fc.assert(
      fc.property(usages, usages, fc.constantFrom(...Object.keys(PRICES)), (a, b, model) => {
        const [together, apart] = [costUsd(addUsage(a, b), model), addCost(costUsd(a, model), costUsd(b, model))];
        expect(together).toBeCloseTo(apart ?? Number.NaN, 5);
        expect(together).toBeGreaterThanOrEqual(0);
        expect(costUsd(NO_USAGE, model)).toBe(0);
      }),
    );
  });
});

describe('addCost', () => {
  test('is unknown if either is', () => {
    expect(addCost(1, 2)).toBe(3);
    expect(addCost(null, 2)).toBeNull();
    expect(addCost(1, null)).toBeNull();
  });
});
