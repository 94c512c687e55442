import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Analysis } from '../../src/core/analysis.ts';
import { createEstimator } from '../../src/core/estimate.ts';
import type { Issue } from '../../src/core/issues.ts';
import { triage } from '../../src/core/triage.ts';
import { issue } from '../helpers/factories.ts';

/** 51 characters of instructions, which make 100 with the 49 that the factory's issue is sent as: 25 tokens. */
const analysis: Analysis = { ...triage, instructions: 'x'.repeat(51), typicalCompletionTokens: 100 };
const wordier: Analysis = { ...analysis, instructions: 'x'.repeat(52) };
const EMPTY = { title: '...', description: '' };

function estimateOf(issues: readonly Issue[], { asking = analysis, deployment = 'gpt-4o-mini' } = {}) {
  const estimator = createEstimator(asking, deployment);
  for (const each of issues) estimator.add(each);
  return estimator.estimate();
}

describe('the estimate of a run', () => {
  test('of no issue is nothing', () => {
    const nothing = { calls: 0, estimatedPromptTokens: 0, estimatedCompletionTokens: 0, estimatedCostUsd: 0 };
    expect(estimateOf([])).toEqual(nothing);
  });

  test('counts a call for each issue, with the instructions in it', () => {
    expect(estimateOf([issue(), issue({ id: 'APP-2' })])).toEqual({
      calls: 2,
      estimatedPromptTokens: 50,
      estimatedCompletionTokens: 200,
      estimatedCostUsd: expect.closeTo(0.000_127_5, 12),
    });
  });

  test('rounds tokens up for each call, as the service does', () => {
    expect(estimateOf([issue(), issue()], { asking: wordier }).estimatedPromptTokens).toBe(52);
  });

  test('counts a long issue as it is sent, shortened', () => {
    const sent = estimateOf([issue({ description: 'd'.repeat(500_000) })]).estimatedPromptTokens;
    expect(sent).toBeGreaterThanOrEqual(24_000);
    expect(sent).toBeLessThan(24_100);
  });

  test('leaves out an issue with nothing to read, which is skipped without a call', () => {
    expect(estimateOf([issue(EMPTY)])).toEqual(estimateOf([]));
    expect(estimateOf([issue(EMPTY), issue(), issue(EMPTY)])).toEqual(estimateOf([issue()]));
  });

  test.each(['my-deployment', 'constructor'])(
    'has no cost for the deployment %s, whose model nobody knows',
    deployment => {
      expect(estimateOf([issue()], { deployment })).toEqual({
        calls: 1,
        estimatedPromptTokens: 25,
        estimatedCompletionTokens: 100,
        estimatedCostUsd: null,
      });
    },
  );

  test('goes by the price of the deployment', () => {
    expect(estimateOf([issue()], { deployment: 'gpt-4o' }).estimatedCostUsd).toBeCloseTo(0.001_062_5, 12);
  });

  test('can be asked for between issues', () => {
    const estimator = createEstimator(analysis, 'gpt-4o-mini');
    estimator.add(issue());
    expect(estimator.estimate().calls).toBe(1);
    estimator.add(issue());
    expect(estimator.estimate()).toEqual(estimateOf([issue(), issue()]));
  });
});

const anyIssue = fc.record({ title: fc.string(), description: fc.string() }).map(text => issue(text));

test('the estimate of any two parts is that of the whole', () => {
  fc.assert(
    fc.property(fc.array(anyIssue), fc.array(anyIssue), (some, others) => {
      const [a, b, whole] = [estimateOf(some), estimateOf(others), estimateOf([...others, ...some])];
      expect(whole).toEqual({
        calls: a.calls + b.calls,
        estimatedPromptTokens: a.estimatedPromptTokens + b.estimatedPromptTokens,
        estimatedCompletionTokens: a.estimatedCompletionTokens + b.estimatedCompletionTokens,
        estimatedCostUsd: expect.closeTo(Number(a.estimatedCostUsd) + Number(b.estimatedCostUsd), 12),
      });
    }),
  );
});
