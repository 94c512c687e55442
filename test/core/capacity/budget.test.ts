import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { holdOfCall } from '../../../src/core/capacity/budget.ts';
import type { BatchUse, Grant } from '../../../src/core/capacity/messages.ts';
import type { CapacityState, OpenGrant } from '../../../src/core/capacity/state.ts';
import { START_MS, talk } from '../../helpers/capacity-talk.ts';
import { known, terms, use } from '../../helpers/capacity-world.ts';

/** What was billed for each of a batch's calls. */
interface Bill {
  readonly prompt: number;
  readonly answer: number;
  readonly costUsd?: number;
}

/** A batch whose calls were all answered. */
const billed = (units: number, { prompt, answer, costUsd = 0 }: Bill) =>
  use({
    calls: units,
    answered: units,
    admittedTokens: units * 2_000,
    billedTokens: units * (prompt + answer),
    costUsd: units * costUsd,
    completions: Array.from({ length: units }, () => answer),
    promptTokens: units * prompt,
  });

/** 2,500 are held for a call: half as much again as its prompt of 1,000, and room for 1,000. */
const capped = terms({ maxTokens: 62_500 });

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
      startAtMs: START_MS + 5_000,
      control: 'go',
      bound: 'budget',
    });
    const used = billed(20, { prompt: 1_000, answer: 100 });
    // Of 62,500 there are 22,000 spent and 12,500 held; the rest is 11 calls of 2,500.
    expect(ask({ terms: capped, used })).toMatchObject({ granted: 11, from: 25 });
  });

  test('stops the run when no batch is under way any more and no call is paid for', () => {
    const { ask } = talk(known({}));
    ask({ terms: capped });
    ask({ terms: capped, stream: 1 });
    const used = billed(20, { prompt: 1_500, answer: 950 });
    expect(ask({ terms: capped, used })).toMatchObject({ granted: 0, control: 'go' });
    const last = { terms: capped, stream: 1, used: billed(5, { prompt: 1_500, answer: 900 }) };
    expect(ask(last)).toMatchObject({ granted: 0, control: 'budget', bound: 'budget' });
    expect(ask({ terms: capped })).toMatchObject({ granted: 0, control: 'budget' });
  });

  test('holds for units that were put back, too', () => {
    const { ask } = talk(known({}));
    ask({ terms: capped });
    const used = billed(20, { prompt: 1_000, answer: 1_000 });
    expect(ask({ terms: capped, used, fresh: false, want: 12 })).toMatchObject({ granted: 9 });
  });

  test('is of no concern when all units are drawn', () => {
    const { ask } = talk(known({}));
    const few = terms({ maxTokens: 50_000, units: 20 });
    ask({ terms: few });
    const used = billed(20, { prompt: 1_000, answer: 500 });
    expect(ask({ terms: few, used })).toMatchObject({ granted: 0, left: 0, control: 'go' });
  });

  test('counts what earlier attempts took, and a higher one lets the next attempt go on', () => {
    const { ask, leave } = talk(known({}));
    ask({ terms: capped });
    leave({ terms: capped, uses: [{ stream: 0, used: billed(20, { prompt: 1_000, answer: 900 }) }] });
    const same = terms({ maxTokens: 62_500, spentTokens: 38_000 });
    expect(ask({ runId: 'a:2', terms: same })).toMatchObject({ granted: 9 });
    const higher = terms({ maxTokens: 100_000, spentTokens: 49_000 });
    expect(ask({ runId: 'a:3', terms: higher })).toMatchObject({ granted: 20, control: 'go' });
  });
});

/** $1.10 for a thousand calls of 1,500 prompt tokens and 1,000 of answers. */
const price = { inputUsd: 0.2, outputUsd: 0.8 };

describe('a cap in dollars', () => {
  test('grants no more calls than it pays for at the price of their deployment', () => {
    const { ask } = talk(known({}));
    const own = terms({ price, maxCostUsd: 0.0281 });
    expect(ask({ terms: own })).toMatchObject({ granted: 20 });
    expect(ask({ terms: own, stream: 1 })).toMatchObject({ granted: 5 });
    const used = billed(20, { prompt: 1_000, answer: 100, costUsd: 0.00028 });
    // $0.0056 is spent, and $0.0055 is held for the other stream.
    expect(ask({ terms: own, used })).toMatchObject({ granted: 15 });
  });

  test('is beside the one in tokens: the narrower holds', () => {
    const { ask } = talk(known({}));
    expect(ask({ terms: terms({ price, maxCostUsd: 0.0281, maxTokens: 10_000 }) })).toMatchObject({ granted: 4 });
    expect(ask({ runId: 'b', terms: terms({ price, maxCostUsd: 0.0034, maxTokens: 10_000 }) }).granted).toBe(3);
  });

  test('counts what earlier attempts took', () => {
    const { ask } = talk(known({}));
    expect(ask({ terms: terms({ price, maxCostUsd: 1, spentUsd: 0.993 }) }).granted).toBe(6);
  });
});

describe('what is held for a call', () => {
  test('is half as much again as its largest prompt, and all its room, at their prices', () => {
    const call = { promptTokensEach: 1_000, promptTokensMost: 2_000 };
    const most = { billedTokensEach: 3_500 };
    expect(holdOfCall({ ...call, price }, 500)).toEqual({ ...most, costUsdEach: 0.001 });
    expect(holdOfCall({ ...call, price: null }, 500)).toEqual({ ...most, costUsdEach: 0 });
  });

  test.each<[string, BatchUse | null]>([
    ['at first', null],
    ['while calls are only refused', use({ calls: 10, throttled: 10 })],
    ['while calls only fail', use({ calls: 4, admittedTokens: 8_000, failed: 4 })],
  ])('is half as much again as the prompt by the estimate, %s', (_, used) => {
    const granted = (maxTokens: number) => {
      const { ask } = talk(known({}));
      ask({ terms: terms({ maxTokens }) });
      return ask({ terms: terms({ maxTokens }), used, fresh: false }).granted;
    };
    expect([granted(24_999), granted(25_000)]).toEqual([9, 10]);
  });

  test('is more where prompts were billed for more, in the mean', () => {
    const { ask } = talk(known({}));
    const own = terms({ maxTokens: 100_000 });
    ask({ terms: own, want: 10 });
    const used = billed(10, { prompt: 2_000, answer: 300 });
    // 77,000 are left for calls of 3,000.
    expect(ask({ terms: own, want: 50, used }).granted).toBe(25);
  });

  test('is the mean over calls, not over batches', () => {
    const { ask } = talk(known({}));
    const own = terms({ maxTokens: 104_500 });
    ask({ terms: own, want: 10 });
    ask({ terms: own, want: 5, stream: 1 });
    ask({ terms: own, want: 1, used: billed(10, { prompt: 2_000, answer: 300 }) });
    const used = billed(5, { prompt: 2_600, answer: 300 });
    // 37,500 are spent and 3,000 held; 64,000 are left for calls of 2,200 prompt tokens and room for 1,000.
    expect(ask({ terms: own, want: 50, stream: 1, used }).granted).toBe(20);
  });

  test('is half as much again as the estimate at least, however little was billed', () => {
    const { ask } = talk(known({}));
    const own = terms({ maxTokens: 50_000 });
    ask({ terms: own, want: 10 });
    expect(ask({ terms: own, want: 50, used: billed(10, { prompt: 200, answer: 300 }) }).granted).toBe(18);
  });

  test('is priced as it is counted', () => {
    const { ask } = talk(known({}));
    const own = terms({ price, maxCostUsd: 0.02 });
    ask({ terms: own, want: 5 });
    // $0.014 is left; 2,000 prompt tokens and room for 1,000 are $0.0012, 1,500 prompt tokens $0.0011.
    const dear = billed(5, { prompt: 2_000, answer: 1_000, costUsd: 0.0012 });
    expect(ask({ terms: own, used: dear }).granted).toBe(11);
    ask({ runId: 'b', terms: own, want: 5 });
    const cheap = billed(5, { prompt: 200, answer: 1_000, costUsd: 0.0012 });
    expect(ask({ runId: 'b', terms: own, used: cheap }).granted).toBe(12);
  });

  test('stays as it was for a batch under way', () => {
    const { ask } = talk(known({}));
    ask({ terms: capped, want: 10 });
    ask({ terms: capped, want: 5, stream: 1 });
    const used = billed(5, { prompt: 2_000, answer: 0 });
    // 10,000 are spent and 25,000 held as at first; the rest is 9 calls of 3,000.
    expect(ask({ terms: capped, stream: 1, used }).granted).toBe(9);
  });

  test("is told by a run's own calls alone", () => {
    const { ask } = talk(known({}));
    ask({ terms: capped });
    ask({ terms: capped, used: billed(20, { prompt: 2_000, answer: 0 }) });
    expect(ask({ runId: 'b', terms: terms({ maxTokens: 24_999 }) }).granted).toBe(9);
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
    expect(ask({ terms: capped, used: billed(20, { prompt: 900, answer: 100 }) })).toMatchObject({ granted: 12 });
  });

  test('is kept for good if its stream died, and nobody waits for it', () => {
    const { ask } = talk(known({}));
    const own = terms({ maxTokens: 50_000 });
    ask({ terms: own });
    expect(ask({ terms: own, stream: 1, nowMs: START_MS + 89_999 })).toMatchObject({ control: 'go', bound: 'budget' });
    expect(ask({ terms: own, stream: 1, nowMs: START_MS + 90_000 })).toMatchObject({ granted: 0, control: 'budget' });
  });
});

describe('whatever happens, what was billed and what batches under way may take stay within both caps', () => {
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
  /** Prompt tokens of each call of a run's nth batch; `share` is from 0 to 1. */
  type PromptOf = (nth: number, share: number) => number;
  test.each<[string, fc.Arbitrary<PromptOf>]>([
    ['where prompts are the estimate at most', fc.constant((_, share) => Math.floor(share * 1_000))],
    ['where prompts are up to half as much again', fc.constant((_, share) => Math.floor(share * 1_500))],
    ['where all prompts are half as much again', fc.constant(() => 1_500)],
  ])('%s', (_, prompts) => {
    const cap = fc.nat(900_000);
    const milliUsd = fc.nat(600);
    fc.assert(
      fc.property(cap, milliUsd, prompts, steps, (maxTokens, milli, promptOf, script) => {
        const own = terms({ price, maxTokens, maxCostUsd: milli / 1_000, units: 100_000 });
        const run = talk(known({ tokens: 1_000_000 }));
        const underWay = new Map<number, UnderWay>();
        let [nowMs, tokens, usd, nth] = [START_MS, 0, 0, 0];
        for (const { stream, afterMs, share, wish, fresh } of script) {
          nowMs += afterMs;
          if (wish) run.tell(wish, nowMs);
          const done = underWay.get(stream);
          const used = done ? billOf(done, share) : null;
          tokens += used?.billedTokens ?? 0;
          usd += used?.costUsd ?? 0;
          const grant = run.ask({ terms: own, stream, nowMs, fresh, used });
          underWay.delete(stream);
          const endAtMs = Math.max(nowMs, grant.startAtMs + grant.granted * grant.spacingMs);
          const prompt = promptOf(nth, share);
          if (grant.granted > 0) underWay.set(stream, { ...grant, prompt, expiresAtMs: endAtMs + 90_000 });
          nth += Math.min(1, grant.granted);
          const open = [...underWay.values()];
          const most = open.map(each => billOf(each, 1));
          expect(most.reduce((sum, { billedTokens }) => sum + billedTokens, tokens)).toBeLessThanOrEqual(maxTokens);
          expect(most.reduce((sum, { costUsd }) => sum + costUsd, usd)).toBeLessThanOrEqual(milli / 1_000 + 1e-9);
          const reserved = reservedBy(run.state);
          expect(reserved.tokens).toBeLessThanOrEqual(maxTokens);
          expect(reserved.usd).toBeLessThanOrEqual(milli / 1_000 + 1e-9);
          if (grant.control === 'budget') expect(open.filter(each => each.expiresAtMs > nowMs)).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });
});

/** A batch under way, and the prompt tokens of each of its calls. */
type UnderWay = Grant & { readonly prompt: number; readonly expiresAtMs: number };

/** What a batch comes to whose answers take a share, 0 to 1, of their room. */
function billOf({ granted, maxCompletionTokens, prompt }: UnderWay, share: number): BatchUse {
  const answer = Math.floor(share * maxCompletionTokens);
  return billed(granted, { prompt, answer, costUsd: (prompt * price.inputUsd + answer * price.outputUsd) / 1e6 });
}

/** What the run has taken, with what is held for it. */
function reservedBy({ runs, grants }: CapacityState) {
  const held = (each: (grant: OpenGrant) => number) =>
    Object.values(grants).reduce((sum, grant) => sum + grant.units * each(grant), 0);
  const { spentTokens = 0, spentUsd = 0 } = runs['a'] ?? {};
  return {
    tokens: spentTokens + held(grant => grant.billedTokensEach),
    usd: spentUsd + held(grant => grant.costUsdEach),
  };
}
