import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CASES, LEARNED_ANSWER_TOKENS } from '../../bench/runs/cases.ts';
import { compute } from '../../bench/runs/computed.ts';
import { shareOfLimit } from '../../bench/runs/figures.ts';
import { inventIssues } from '../../bench/runs/issues.ts';
import { settingOf } from '../../bench/runs/setting.ts';
import { spreadOf } from '../../bench/runs/tables.ts';
import {
  type Call,
  createWorkload,
  latencyOptions,
  lowerBoundOf,
  questionAsked,
  tokensPerMinuteFor,
} from '../../bench/runs/workload.ts';
import { createAdmissionMeter } from '../../local/simulators/meters.ts';
import { createOpenAiSimulator, type OpenAiSimulator } from '../../local/simulators/openai-simulator.ts';
import { answerRoom, withAnswers } from '../../src/core/capacity/answer-room.ts';
import { chat, createSteppedClock } from '../helpers/openai-simulator.ts';

const MINUTE_MS = 60_000;
const NO_LIMITS = {
  tokensPerMinute: 1_000_000_000,
  requestsPerMinute: 1_000_000,
  sliceSeconds: 1,
  tokenSliceSeconds: 60,
};
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const caseNamed = (name: string) => CASES.find(bench => bench.name === name) as (typeof CASES)[number];

describe('invented issues', () => {
  test('follow from the seed, and differ from issue to issue and seed to seed', () => {
    const issues = [1, 2].flatMap(seed => inventIssues({ seed, count: 300 }));
    expect(new Set(issues.map(({ id }) => id)).size).toBe(600);
    expect(new Set(issues.map(({ title, description }) => `${title} ${description}`)).size).toBe(600);
    expect(inventIssues({ seed: 2, count: 300 })).toEqual(issues.slice(300));
  });

  test('are as long as asked for in the mean, and spread as texts are', () => {
    const lengths = inventIssues({ seed: 3, count: 2_000 }).map(({ description }) => description.length);
    const mean = sum(lengths) / lengths.length;
    const deviation = Math.sqrt(sum(lengths.map(length => (length - mean) ** 2)) / lengths.length);
    expect(mean).toBeGreaterThan(1_120);
    expect(mean).toBeLessThan(1_280);
    expect(deviation / mean).toBeGreaterThan(0.5);
    expect(deviation / mean).toBeLessThan(0.7);
  });

  test('repeat earlier ones where that is wanted, evenly', () => {
    const { issues, calls, distinct } = createWorkload({ seed: 1, count: 100, duplicates: 0.2 });
    expect(new Set(issues.map(({ id }) => id)).size).toBe(100);
    expect(distinct).toHaveLength(80);
    expect(new Set(calls.slice(0, 50).map(({ text }) => text)).size).toBe(40);
  });
});

function ask(simulator: OpenAiSimulator, { text }: Call) {
  const { instructions, maxCompletionTokens, responseFormat } = questionAsked();
  return chat(simulator, {
    text,
    system: instructions,
    body: { max_completion_tokens: maxCompletionTokens, response_format: structuredClone(responseFormat) as never },
  });
}

describe('a workload', () => {
  test('knows what the simulator will take for each call, in tokens and in time', async () => {
    const { calls } = createWorkload({ seed: 5, count: 4 });
    const clock = createSteppedClock();
    const simulator = createOpenAiSimulator({ ...latencyOptions(5), clock });
    const answers = calls.map(call => ask(simulator, call));
    await clock.untilSleeping(calls.length);
    clock.advance(600_000);
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
    const { admitted, answers: answered } = simulator.meters();
    expect(admitted.total.tokens).toBe(sum(calls.map(({ tokens }) => tokens)));
    expect(answered.latencySumMs).toBeCloseTo(sum(calls.map(({ latencyMs }) => latencyMs)));
  });

  test.each([1, 2, 3, 4, 5])(
    'teaches Fanfold the room for answers that its limits are reckoned with: seed %i',
    async seed => {
      const simulator = createOpenAiSimulator({ seed, latencyMs: 0 });
      const { warmUp } = settingOf(caseNamed('tokens-learned'), seed);
      const replies = await Promise.all(warmUp.calls.map(call => ask(simulator, call)));
      const completions = replies.map(({ usage }) => usage.completion_tokens);
      expect(answerRoom(withAnswers({}, completions), questionAsked().maxCompletionTokens)).toBe(LEARNED_ANSWER_TOKENS);
    },
  );

  test('differs from the one that warms up, under the same dice', () => {
    const { workload, warmUp } = settingOf(caseNamed('small'), 1);
    const texts = new Set(workload.calls.map(({ text }) => text));
    expect(warmUp.calls.filter(({ text }) => texts.has(text))).toEqual([]);
  });

  const calls: readonly Call[] = [4_000, 2_000, 6_000].map((latencyMs, k) => ({
    text: `${k}`,
    tokens: 500,
    latencyMs,
  }));

  test.each([
    [{ concurrency: 1 }, 12_000, 'concurrency'],
    [{ concurrency: 10 }, 6_000, 'longest call'],
    [{ concurrency: 10, tokensPerMinute: 9_000 }, 10_000, 'tokens'],
    [{ concurrency: 10, tokensPerMinute: 9_000, requestsPerMinute: 6 }, 30_000, 'requests'],
  ])('is bound by %j to %i ms at least: %s', (bounds, lengthMs, by) => {
    expect(lowerBoundOf({ distinct: calls }, bounds)).toEqual({ lengthMs, by });
  });

  test('is bound by half the tokens to twice the time', () => {
    const { workload, lowerBound, limits, limitedBy } = settingOf(caseNamed('tokens'), 1);
    expect(limits.tokensPerMinute).toBe(tokensPerMinuteFor(workload, 10, 0.5));
    expect(limitedBy).toBe('tokens');
    expect(lowerBound.by).toBe('tokens');
    expect(lowerBound.lengthMs / MINUTE_MS).toBeCloseTo(1_000 / 75, 1);
  });
});

describe('a computed caller', () => {
  const someCalls = fc.array(
    fc.record({
      text: fc.string(),
      tokens: fc.integer({ min: 1, max: 500 }),
      latencyMs: fc.integer({ min: 1, max: 9_000 }),
    }),
    { minLength: 1, maxLength: 60 },
  );

  test('takes the sum of all latencies alone, and no less than the lower bound with others', () => {
    fc.assert(
      fc.property(someCalls, fc.integer({ min: 1, max: 8 }), (list, concurrency) => {
        const alone = compute(list, NO_LIMITS, { concurrency: 1, afterThrottle: 'retry-after' }, 0);
        expect(alone.makespanMs).toBe(sum(list.map(({ latencyMs }) => latencyMs)));
        const { lengthMs } = lowerBoundOf({ distinct: list }, { concurrency });
        const { makespanMs } = compute(list, NO_LIMITS, { concurrency, afterThrottle: 'retry-after' }, 0);
        expect(makespanMs).toBeGreaterThanOrEqual(Math.floor(lengthMs));
        // List scheduling is never worse than that.
        expect(makespanMs).toBeLessThanOrEqual(lengthMs + Math.max(...list.map(({ latencyMs }) => latencyMs)));
      }),
    );
  });

  test('is let in as often as there are calls, never beyond the limits', () => {
    fc.assert(
      fc.property(someCalls, fc.constantFrom('retry-after' as const, { pauseMs: 15_000 }), (list, afterThrottle) => {
        const limits = { ...NO_LIMITS, tokensPerMinute: 1_000, requestsPerMinute: 30, sliceSeconds: 10 };
        const { admitted } = compute(list, limits, { concurrency: 4, afterThrottle }, 30_000);
        expect(admitted.total).toEqual({ tokens: sum(list.map(({ tokens }) => tokens)), requests: list.length });
        expect(admitted.most.minute.tokens).toBeLessThanOrEqual(1_000);
        expect(admitted.most.slice.requests).toBeLessThanOrEqual(5);
      }),
    );
  });

  test('makes no call for 15 s after a 429, if that is its way', () => {
    const call = { text: '', tokens: 1, latencyMs: 100 };
    const limits = { ...NO_LIMITS, requestsPerMinute: 60 };
    const caller = { concurrency: 2, afterThrottle: { pauseMs: 15_000 } };
    const { makespanMs, throttled } = compute([call, call, call], limits, caller, 0);
    expect({ makespanMs, throttled }).toEqual({ makespanMs: 30_100, throttled: 2 });
  });
});

describe('figures', () => {
  test('leave the first and the last minute out of the share of a limit', () => {
    const setting = settingOf(caseNamed('requests'), 1);
    const meter = createAdmissionMeter(setting.limits);
    for (const [minute, requests] of [7, 60, 30, 0, 60, 1].entries()) {
      for (let k = 0; k < requests; k++) meter.admitted(minute * MINUTE_MS + k, 10);
    }
    expect(shareOfLimit(meter.figures(), setting)).toBeCloseTo(150 / 240);
    expect(shareOfLimit(meter.figures(), { ...setting, limitedBy: null })).toBeNull();
    expect(shareOfLimit(createAdmissionMeter(setting.limits).figures(), setting)).toBeNull();
  });

  test('are told by median and range', () => {
    expect(spreadOf([3, null, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(spreadOf([null])).toBeNull();
  });
});

test('limited cases last for at least six windows', () => {
  for (const bench of CASES.filter(({ limits }) => Object.keys(limits).length > 0)) {
    expect(settingOf(bench, 1).lowerBound.lengthMs).toBeGreaterThanOrEqual(6 * MINUTE_MS);
  }
});
