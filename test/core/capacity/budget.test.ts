import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Grant } from '../../../src/core/capacity/messages.ts';
import { START_MS, talk } from '../../helpers/capacity-talk.ts';
import { known, terms, use } from '../../helpers/capacity-world.ts';

/** Of calls of 2,000 tokens at most. */
const capped = terms({ maxTokens: 50_000 });
const billed = (units: number, billedTokens: number, costUsd = 0) =>
  use({ calls: units, answered: units, admittedTokens: units * 2_000, billedTokens, costUsd });

describe('a cap in tokens', () => {
  test('grants no more calls than it pays for if each takes all it may', () => {
    const { ask } = talk(known({}));
    expect(ask({ terms: capped })).toMatchObject({ granted: 20, control: 'go' });
    expect(ask({ terms: capped, stream: 1 })).toMatchObject({ granted: 5, control: 'go' });
  });

  test('makes streams wait while a batch is under way that may free some of it', () => {
    const { ask } = talk(known({}));
    ask({ terms: capped });
    ask({ terms: capped, stream: 1 });
    expect(ask({ terms: capped, stream: 2 })).toMatchObject({
      granted: 0,
      startAtMs: START_MS + 2_000,
      control: 'go',
      bound: 'budget',
    });
    expect(ask({ terms: capped, used: billed(20, 12_000) })).toMatchObject({ granted: 14, from: 25 });
  });

  test('stops the run when no batch is under way any more and no call is paid for', () => {
    const { ask } = talk(known({}));
    ask({ terms: capped });
    ask({ terms: capped, stream: 1 });
    expect(ask({ terms: capped, used: billed(20, 39_000) })).toMatchObject({ granted: 0, control: 'go' });
    const last = { terms: capped, stream: 1, used: billed(5, 9_500) };
    expect(ask(last)).toMatchObject({ granted: 0, control: 'budget', bound: 'budget' });
    expect(ask({ terms: capped })).toMatchObject({ granted: 0, control: 'budget' });
  });

  test('holds for units that were put back, too', () => {
    const { ask } = talk(known({}));
    ask({ terms: capped });
    expect(ask({ terms: capped, used: billed(20, 47_000), fresh: false, want: 9 })).toMatchObject({ granted: 1 });
  });

  test('is of no concern when all units are drawn', () => {
    const { ask } = talk(known({}));
    const few = terms({ maxTokens: 50_000, units: 20 });
    ask({ terms: few });
    expect(ask({ terms: few, used: billed(20, 30_000) })).toMatchObject({ granted: 0, left: 0, control: 'go' });
  });

  test('counts what earlier attempts took, and a higher one lets the next attempt go on', () => {
    const { ask, leave } = talk(known({}));
    ask({ terms: capped });
    leave({ terms: capped, uses: [{ stream: 0, used: billed(20, 38_000) }] });
    const same = terms({ maxTokens: 50_000, spentTokens: 38_000 });
    expect(ask({ runId: 'a:2', terms: same })).toMatchObject({ granted: 6 });
    const higher = terms({ maxTokens: 100_000, spentTokens: 49_000 });
    expect(ask({ runId: 'a:3', terms: higher })).toMatchObject({ granted: 20, control: 'go' });
  });
});

describe('a cap in dollars', () => {
  /** $1 for a thousand calls of 1,000 tokens each way. */
  const price = { inputUsd: 0.2, outputUsd: 0.8 };

  test('grants no more calls than it pays for at the price of their deployment', () => {
    const { ask } = talk(known({}));
    const own = terms({ price, maxCostUsd: 0.0256 });
    expect(ask({ terms: own })).toMatchObject({ granted: 20 });
    expect(ask({ terms: own, stream: 1 })).toMatchObject({ granted: 5 });
    const used = billed(20, 12_000, 0.0065);
    expect(ask({ terms: own, used })).toMatchObject({ granted: 14 });
  });

  test('is beside the one in tokens: the narrower holds', () => {
    const { ask } = talk(known({}));
    expect(ask({ terms: terms({ price, maxCostUsd: 0.0256, maxTokens: 8_000 }) })).toMatchObject({ granted: 4 });
    expect(ask({ runId: 'b', terms: terms({ price, maxCostUsd: 0.003, maxTokens: 8_000 }) }).granted).toBe(3);
  });

  test('counts what earlier attempts took', () => {
    const { ask } = talk(known({}));
    expect(ask({ terms: terms({ price, maxCostUsd: 1, spentUsd: 0.9935 }) }).granted).toBe(6);
  });
});

describe('what is kept free for a batch under way', () => {
  test('is kept while its run is paused and resumed', () => {
    const { ask, tell } = talk(known({}));
    ask({ terms: capped });
    tell('paused');
    tell('go');
    expect(ask({ terms: capped, stream: 1 })).toMatchObject({ granted: 5 });
    expect(ask({ terms: capped, stream: 2 })).toMatchObject({ granted: 0, control: 'go', bound: 'budget' });
    expect(ask({ terms: capped, used: billed(20, 20_000) })).toMatchObject({ granted: 10 });
  });

  test('is kept for good if its stream died, and nobody waits for it', () => {
    const { ask } = talk(known({}));
    const own = terms({ maxTokens: 40_000 });
    ask({ terms: own });
    expect(ask({ terms: own, stream: 1, nowMs: START_MS + 89_999 })).toMatchObject({ control: 'go', bound: 'budget' });
    expect(ask({ terms: own, stream: 1, nowMs: START_MS + 90_000 })).toMatchObject({ granted: 0, control: 'budget' });
  });
});

test('whatever happens, what was billed and what batches under way may take stay within both caps', () => {
  const price = { inputUsd: 1, outputUsd: 4 };
  const steps = fc.array(
    fc.record({
      stream: fc.nat(4),
      afterMs: fc.oneof(fc.nat(5_000), fc.nat(120_000)),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      wish: fc.constantFrom(null, null, null, 'paused' as const, 'go' as const),
      fresh: fc.boolean(),
    }),
    { minLength: 20, maxLength: 150 },
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 900_000 }),
      fc.integer({ min: 0, max: 3_000 }),
      steps,
      (cap, milliUsd, script) => {
        const own = terms({ price, maxTokens: cap, maxCostUsd: milliUsd / 1_000, units: 100_000 });
        const { ask, tell } = talk(known({ tokens: 1_000_000 }));
        const underWay = new Map<number, Grant & { readonly expiresAtMs: number }>();
        let [nowMs, tokens, usd] = [START_MS, 0, 0];
        for (const { stream, afterMs, share, wish, fresh } of script) {
          nowMs += afterMs;
          if (wish) tell(wish, nowMs);
          const done = underWay.get(stream);
          const completion = Math.floor(share * (done?.maxCompletionTokens ?? 0));
          const units = done?.granted ?? 0;
          const prompt = Math.floor(share * 1_000);
          const costUsd = (units * (prompt * price.inputUsd + completion * price.outputUsd)) / 1e6;
          const completions = Array.from({ length: units }, () => completion);
          const used = { ...billed(units, units * (prompt + completion), costUsd), completions };
          tokens += used.billedTokens;
          usd += used.costUsd;
          const grant = ask({ terms: own, stream, nowMs, fresh, used: done ? used : null });
          underWay.delete(stream);
          const endAtMs = Math.max(nowMs, grant.startAtMs + grant.granted * grant.spacingMs);
          if (grant.granted > 0) underWay.set(stream, { ...grant, expiresAtMs: endAtMs + 90_000 });
          let [mostTokens, mostUsd] = [tokens, usd];
          for (const { granted, maxCompletionTokens } of underWay.values()) {
            mostTokens += granted * (1_000 + maxCompletionTokens);
            mostUsd += (granted * (1_000 * price.inputUsd + maxCompletionTokens * price.outputUsd)) / 1e6;
          }
          expect(mostTokens).toBeLessThanOrEqual(cap);
          expect(mostUsd).toBeLessThanOrEqual(milliUsd / 1_000 + 1e-9);
          if (grant.control === 'budget')
            expect([...underWay.values()].filter(each => each.expiresAtMs > nowMs)).toEqual([]);
        }
      },
    ),
    { numRuns: 200 },
  );
});
