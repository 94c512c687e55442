import { expect, test } from 'vitest';
import { RunTermsSchema } from '../../../src/core/capacity/messages.ts';
import { termsOf } from '../../../src/core/capacity/terms.ts';
import { NO_PROGRESS } from '../../../src/core/progress.ts';
import { plan } from '../../helpers/factories.ts';

const usage = { promptTokens: 900, completionTokens: 100, cachedTokens: 800 };
const loaded = {
  total: 60,
  units: 45,
  kept: { ...NO_PROGRESS, succeeded: 5, usage, costUsd: 0.02 },
  promptTokensEach: 412.5,
  promptTokensMost: 3_000,
};

test('a run tells its units, its caps with what it has spent, and its limits', () => {
  const limits = { tokensPerMinute: 90_000, requestsPerMinute: 540, bufferPercent: 5, tokenSliceMs: 10_000 };
  const own = termsOf(plan({ maxTokens: 1_000_000, maxCostUsd: 2, ...limits }), loaded);
  expect(own).toEqual({
    units: 45,
    analysis: 'triage',
    promptTokensEach: 412.5,
    promptTokensMost: 3_000,
    maxCompletionTokens: 1_200,
    price: { inputUsd: 0.15, outputUsd: 0.6 },
    maxTokens: 1_000_000,
    maxCostUsd: 2,
    spentTokens: 1_000,
    spentUsd: 0.02,
    ...limits,
    requestTimeoutMs: 60_000,
    probe: 4,
  });
  expect(RunTermsSchema.parse(JSON.parse(JSON.stringify(own)))).toEqual(own);
});

test('all streams together begin with as many calls as may be in flight', () => {
  expect(termsOf(plan({ concurrency: 10, streams: 2 }), loaded).probe).toBe(5);
  expect(termsOf(plan({ concurrency: 10, streams: 16 }), loaded).probe).toBe(1);
});

test('what was spent is the more of what the attempt before counted and what the rows say', () => {
  const spentBy = (tokens: number, usd: number) => {
    const { spentTokens, spentUsd } = termsOf(plan({ spent: { tokens, usd } }), loaded);
    return [spentTokens, spentUsd];
  };
  expect([spentBy(999, 0.03), spentBy(1_001, 0.01)]).toEqual([
    [1_000, 0.03],
    [1_001, 0.02],
  ]);
});

test('where prices are not known there is none, and nothing known to be spent', () => {
  const unpriced = { ...loaded, kept: { ...loaded.kept, costUsd: null } };
  expect(termsOf(plan({ price: null, deployment: 'nameless' }), unpriced)).toMatchObject({ price: null, spentUsd: 0 });
  // A model answered that has no price, behind a deployment that has one.
  expect(termsOf(plan(), unpriced).spentUsd).toBeCloseTo((100 * 0.15 + 800 * 0.075 + 100 * 0.6) / 1e6, 9);
});
