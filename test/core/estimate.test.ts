import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Analysis } from '../../src/core/analysis.ts';
import { createEstimator } from '../../src/core/estimate.ts';
import type { Issue } from '../../src/core/issues.ts';
import { triage } from '../../src/core/triage.ts';
import { issue } from '../helpers/factories.ts';

/** 51 characters of instructions, which make 100 with the 49 that the factory's issue is sent as. */
const analysis: Analysis = { ...triage, instructions: 'x'.repeat(51) };
const EMPTY = { title: '...', description: '' };
/** Tokens of a tokenizer that makes one of each character. */
const CHARACTERS = (text: string) => text.length;
const ISSUE_CHARACTERS = 49;
const FORMAT_TOKENS = 11;

/** The estimate over issues, and what its tokenizer was given. */
function estimateOf(issues: readonly Issue[], countTokens = CHARACTERS) {
  const counted: string[] = [];
  const estimator = createEstimator(analysis, text => {
    counted.push(text);
    return countTokens(text);
  });
  const asked = issues.map(each => estimator.add(each));
  return { ...estimator.estimate(), counted, asked };
}

const [instructions = '', schema = ''] = estimateOf([]).counted;
/** What each call sends beside its issue. */
const SAME_FOR_ALL = instructions.length + schema.length + FORMAT_TOKENS;

describe('the estimate of a run', () => {
  test('of no issue is nothing', () => {
    expect(estimateOf([])).toMatchObject({
      calls: 0,
      empty: 0,
      promptTokens: 0,
      countedShare: 1,
      admission: { mean: 0, cv: 0 },
      admissionMost: 0,
    });
  });

  test('counts instructions and schema once, as text, and adds them to each call', () => {
    expect(instructions).toBe(analysis.instructions);
    expect(schema).toMatch(/^# Response Formats\n\n## triage\n\n\{.*"priority":\{.*"additionalProperties":false\}$/s);
    const two = estimateOf([issue(), issue({ id: 'APP-2' })]);
    expect(two.counted).toHaveLength(4);
    expect(two).toMatchObject({ calls: 2, promptTokens: 2 * (SAME_FOR_ALL + ISSUE_CHARACTERS) });
  });

  test('knows admission by four characters a token, rounded up for each call, without the schema', () => {
    expect(estimateOf([issue()]).admission).toEqual({ mean: 25, cv: 0 });
    const longer = issue({ description: issue().description + '!'.repeat(99) });
    const { admission, admissionMost } = estimateOf([longer, issue()]);
    expect(admissionMost).toBe(50);
    const { mean, cv } = admission;
    expect(mean).toBe((25 + 50) / 2);
    expect(cv).toBeCloseTo(12.5 / 37.5, 9);
  });

  test('counts a long issue as it is sent, shortened', () => {
    const { admission, promptTokens } = estimateOf([issue({ description: 'd'.repeat(500_000) })]);
    expect(admission.mean).toBeGreaterThanOrEqual(24_000);
    expect(admission.mean).toBeLessThan(24_100);
    expect(promptTokens - SAME_FOR_ALL).toBeLessThan(96_100);
  });

  test('leaves out an issue with nothing to read, which is skipped without a call', () => {
    const { calls, empty, promptTokens, asked } = estimateOf([issue(EMPTY), issue(), issue(EMPTY)]);
    expect({ calls, empty, asked }).toEqual({ calls: 1, empty: 2, asked: [false, true, false] });
    expect(promptTokens).toBe(SAME_FOR_ALL + ISSUE_CHARACTERS);
  });

  test('counts two million characters token by token, and takes the rest to be like that', () => {
    const half = issue({ title: 'T', description: 'd'.repeat(49_977) });
    const issues = Array.from({ length: 80 }, (_, n) => ({ ...half, id: String(n) }));
    const { counted, countedShare, promptTokens } = estimateOf(issues, text => text.length / 2);
    const lengths = counted.slice(2).map(text => text.length);
    expect(new Set(lengths)).toEqual(new Set([50_000]));
    expect(lengths).toHaveLength(40);
    expect(countedShare).toBe(0.5);
    const fixed = (instructions.length + schema.length) / 2 + FORMAT_TOKENS;
    expect(promptTokens).toBeCloseTo(80 * (fixed + 50_000 / 2), 0);
  });

  test('can be asked for between issues', () => {
    const estimator = createEstimator(analysis, CHARACTERS);
    estimator.add(issue());
    expect(estimator.estimate().calls).toBe(1);
    estimator.add(issue());
    expect(estimator.estimate().calls).toBe(2);
  });
});

const anyIssue = fc.record({ title: fc.string(), description: fc.string() }).map(text => issue(text));

test('the estimate of any two parts is that of the whole', () => {
  fc.assert(
    fc.property(fc.array(anyIssue), fc.array(anyIssue), (some, others) => {
      const [a, b, whole] = [estimateOf(some), estimateOf(others), estimateOf([...others, ...some])];
      expect(whole.calls).toBe(a.calls + b.calls);
      expect(whole.empty).toBe(a.empty + b.empty);
      expect(whole.promptTokens).toBe(a.promptTokens + b.promptTokens);
      expect(whole.admissionMost).toBe(Math.max(a.admissionMost, b.admissionMost));
      expect(whole.admission.mean * whole.calls).toBeCloseTo(
        a.admission.mean * a.calls + b.admission.mean * b.calls,
        6,
      );
    }),
  );
});
