import { describe, expect, test } from 'vitest';
import { type CapacityState, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';
import type { Estimate } from '../../src/core/estimate.ts';
import { durationText } from '../../src/core/format.ts';
import { type PlanFacts, planReply } from '../../src/core/plan.ts';
import { PlanReplySchema } from '../../src/core/plan-reply.ts';
import { parseInput } from '../../src/core/problems.ts';
import { planOf, RunRequestSchema } from '../../src/core/run-request.ts';
import type { Settings } from '../../src/core/settings.ts';
import { talk } from '../helpers/capacity-talk.ts';
import { terms, use } from '../helpers/capacity-world.ts';
import { NOON_MS, settings } from '../helpers/factories.ts';
import { knownCapacity, meter } from '../helpers/forecasts.ts';

const SERVICE = { endpoint: 'https://example.openai.azure.com', deployment: 'gpt-4o-mini', simulator: false };
/** Two hundred issues, none of them empty, with prompts of 800 tokens. */
const ESTIMATE: Estimate = {
  calls: 200,
  empty: 0,
  promptTokens: 160_000,
  countedShare: 1,
  admission: { mean: 500, cv: 0.3 },
  admissionMost: 1_500,
};
const LIMITS = { tokens: meter(1_000_000), requests: meter(6_000) };
const CALLS = { count: 100, seconds: 200, squares: 500 };

interface Changes {
  readonly request?: object;
  readonly settings?: Partial<Settings>;
  readonly estimate?: Partial<Estimate>;
  readonly counts?: Partial<PlanFacts['counts']>;
  readonly capacity?: Partial<CapacityState>;
}

/** The plan of 200 issues for a deployment that has answered and told its limits. */
function planned(changes: Changes = {}) {
  const request = parseInput(RunRequestSchema, { source: { uploadId: 'u' }, ...changes.request });
  const all = settings(changes.settings);
  const estimate = { ...ESTIMATE, ...changes.estimate };
  const distinct = estimate.calls + estimate.empty + (changes.counts?.answered ?? 0);
  return planReply({
    chosen: planOf(request, all, distinct),
    settings: all,
    service: SERVICE,
    counts: { issues: distinct, distinct, answered: 0, cached: 0, ...changes.counts },
    estimate,
    capacity: knownCapacity({ ...LIMITS, calls: CALLS, ...changes.capacity }),
    nowMs: NOON_MS,
  });
}

const contending = (seenAtMs: number): CapacityState['runs'][string] => ({
  ...{ seenAtMs, cursor: 0, control: 'go', tag: 0, isDelayed: true, tokensEach: 1, spentTokens: 0, spentUsd: 0 },
  billed: { promptTokens: 0, calls: 0 },
});

describe('a plan', () => {
  test('passes its own schema', () => {
    expect(PlanReplySchema.parse(planned())).toEqual(planned());
  });

  test('counts what has to be asked, and what has not', () => {
    const changes = { estimate: { calls: 150, empty: 5 }, counts: { issues: 220, answered: 45, cached: 30 } };
    const { issues, distinct, empty, answered, cached, calls } = planned(changes);
    expect({ issues, distinct, empty, answered, cached, calls }).toEqual({
      ...{ issues: 220, distinct: 200, empty: 5, answered: 45, cached: 30, calls: 120 },
    });
  });

  test('expects tokens and cost of the calls alone, in proportion where answers are cached', () => {
    expect(planned().expected).toMatchObject({
      promptTokens: 160_000,
      completionTokens: 200 * 180,
      admissionTokens: 200 * 1_700,
      costUsd: expect.closeTo((160_000 * 0.15 + 36_000 * 0.6) / 1e6, 9),
      answers: 'typical',
    });
    const half = planned({ counts: { cached: 100 } });
    expect(half.expected).toMatchObject({
      promptTokens: 80_000,
      completionTokens: 18_000,
      admissionTokens: 170_000,
      costUsd: expect.closeTo(Number(planned().expected.costUsd) / 2, 9),
    });
  });

  test('expects answers as they were so far, and room as it has been learned', () => {
    // Steps of 16 tokens: answers of 97 to 112.
    const { expected } = planned({ capacity: { answers: { triage: { '7': 400 } } } });
    expect(expected).toMatchObject({ answers: 'observed', completionTokens: 200 * 104 });
    expect(expected.admissionTokens).toBeLessThan(200 * 700);
    expect(planned({ capacity: { answers: { other: { '7': 400 } } } }).expected.answers).toBe('typical');
  });

  test('expects the time that calls took so far, once there were a few', () => {
    const { basis, durationMs, boundBy } = planned().expected;
    expect({ basis, boundBy }).toEqual({ basis: 'observed', boundBy: 'concurrency' });
    // 200 calls of 2 s, 10 at a time.
    expect(durationMs / 40_000).toBeGreaterThan(1);
    expect(durationMs / 40_000).toBeLessThan(1.15);
    const assumed = planned({ capacity: { calls: { count: 4, seconds: 8, squares: 16 } } }).expected;
    expect(assumed.basis).toBe('assumed');
    expect(assumed.durationMs / 80_000).toBeCloseTo(1.08, 1);
  });

  test('where there is nothing to ask, takes nothing', () => {
    const { calls, expected, warnings } = planned({
      counts: { cached: 200 },
      capacity: FRESH_CAPACITY,
      request: { deployment: 'mine' },
    });
    expect(calls).toBe(0);
    expect(expected).toMatchObject({
      ...{ promptTokens: 0, completionTokens: 0, admissionTokens: 0, durationMs: 0, boundBy: 'nothing' },
    });
    expect(warnings).toEqual([]);
    expect(planned({ estimate: { calls: 0, empty: 3, promptTokens: 0 } })).toMatchObject({ calls: 0, empty: 3 });
  });

  test('does not know the cost of a deployment whose model nobody knows', () => {
    expect(planned({ request: { deployment: 'mine' } }).expected.costUsd).toBeNull();
  });

  test('says which settings were chosen, and why', () => {
    expect(planned({ request: { streams: 2 }, settings: { batchSize: 30 } }).settings).toEqual([
      { name: 'concurrency', value: 10, from: 'a run of 51 issues or more' },
      { name: 'batchSize', value: 30, from: 'AI_BATCH_SIZE' },
      { name: 'streams', value: 2, from: 'the request' },
      { name: 'batchDelayMs', value: 1_000, from: 'default' },
      { name: 'requestTimeoutSeconds', value: 120, from: 'a run of 51 issues or more' },
      // A quarter of an hour, 20 rounds of 10 calls, 7 pauses.
      {
        name: 'deadlineSeconds',
        value: 900 + 20 * 120 + 7,
        from: '15 min, and what it takes if each call needs its whole timeout',
      },
      { name: 'maxCostUsd', value: null, from: 'default' },
      { name: 'maxTokens', value: null, from: 'default' },
      { name: 'useCache', value: true, from: 'default' },
    ]);
  });

  test('says which caps and which deadline were given, and whether answers come from the cache', () => {
    const given = { maxCostUsd: 2, maxTokens: 5_000, deadlineSeconds: 60, useCache: false };
    expect(planned({ request: given }).settings.slice(-4)).toEqual([
      { name: 'deadlineSeconds', value: 60, from: 'the request' },
      { name: 'maxCostUsd', value: 2, from: 'the request' },
      { name: 'maxTokens', value: 5_000, from: 'the request' },
      { name: 'useCache', value: false, from: 'the request' },
    ]);
    expect(planned({ settings: { cacheTtlSeconds: 0 } }).settings.at(-1)).toEqual({
      ...{ name: 'useCache', value: false, from: 'CACHE_TTL_SECONDS' },
    });
  });

  test('says which limits are known, and from where', () => {
    expect(
      planned({ request: { tokensPerMinute: 5_000 }, capacity: { requests: FRESH_CAPACITY.requests } }).limits,
    ).toEqual([
      { name: 'tokensPerMinute', value: 5_000, from: 'the request' },
      { name: 'requestsPerMinute', value: null, from: 'not known yet' },
      { name: 'bufferPercent', value: 20, from: 'default, shrinking as estimates prove right' },
    ]);
    const set = planned({ settings: { bufferPercent: 0, requestsPerMinute: 90 }, capacity: { error: 0.1 } }).limits;
    expect(set).toEqual([
      { name: 'tokensPerMinute', value: 1_000_000, from: 'the deployment' },
      { name: 'requestsPerMinute', value: 90, from: 'AI_REQUESTS_PER_MINUTE' },
      { name: 'bufferPercent', value: 0, from: 'RATE_LIMIT_BUFFER' },
    ]);
    expect(planned({ capacity: { error: 0.1 } }).limits[2]?.value).toBe(7);
  });
});

describe('the expected time', () => {
  const durationOf = (changes: Changes) => planned(changes).expected.durationMs;

  test('takes more processes into account, up to the ceiling of the host', () => {
    const two = { concurrency: 5, workerProcesses: 2 };
    expect(durationOf({ settings: two })).toBe(durationOf({ settings: { concurrency: 10 } }));
    const three = { concurrency: 5, workerProcesses: 3, ceiling: 12 };
    expect(durationOf({ settings: three })).toBeLessThan(durationOf({ settings: two }));
    const exact = { ...two, concurrency: 5 };
    expect(durationOf({ settings: exact, request: { concurrencyScope: 'run' } })).toBeGreaterThan(
      1.7 * durationOf({ settings: exact }),
    );
  });

  test('is longer under limits that other runs use up, which get their share', () => {
    const limited = { tokens: meter(60_000) };
    const runs = { 'a:1': contending(NOON_MS - 1_000), 'b:1': contending(NOON_MS - 60_000) };
    const shared = planned({ capacity: { ...limited, runs } });
    expect(shared.expected.durationMs / durationOf({ capacity: limited })).toBeCloseTo(2, 0);
    expect(shared.limits[0]?.value).toBe(60_000);
    expect(shared.warnings).toEqual([
      '1 other run uses up the limits now: each has its share, as the expected time takes into account',
    ]);
    const three = { ...runs, 'c:1': contending(NOON_MS), 'd:2': contending(NOON_MS) };
    expect(planned({ capacity: { ...limited, runs: three } }).warnings[0]).toMatch(
      /^3 other runs use up the limits now/,
    );
    const set = { request: { tokensPerMinute: 60_000 }, capacity: { runs } };
    expect(planned(set).expected.durationMs).toBe(shared.expected.durationMs);
  });

  test('is of all calls, as are tokens and cost, whatever cap stops the run before', () => {
    for (const cap of [{ maxTokens: 98_000 }, { maxTokens: 500 }, { maxCostUsd: 0.01 }]) {
      expect(planned({ request: cap }).expected).toEqual(planned().expected);
    }
  });

  test('goes by what the deployment admits where more was set, and by what was set where it admits more', () => {
    const known = { capacity: { tokens: meter(60_000), requests: meter(50) } };
    const asKnown = durationOf(known);
    expect(asKnown).toBeGreaterThan(120_000);
    expect(durationOf({ ...known, request: { tokensPerMinute: 200_000, requestsPerMinute: 500 } })).toBe(asKnown);
    expect(durationOf({ ...known, request: { tokensPerMinute: 30_000 } })).toBeGreaterThan(1.5 * asKnown);
  });
});

describe('the warnings', () => {
  const warningsOf = (changes: Changes) => planned(changes).warnings;

  test('are none where all is known and nothing stops the run', () => {
    expect(warningsOf({})).toEqual([]);
    expect(warningsOf({ request: { maxCostUsd: 1, maxTokens: 1_000_000, deadlineSeconds: 60 } })).toEqual([]);
  });

  test('say how far a cap takes the run, at what cost and in what time', () => {
    // 200 calls cost $0.0456 and take 196,000 tokens. For the next one, $0.0010575 or 3,450 tokens have to be left.
    const timeOf = (calls: number) => {
      const request = { concurrency: 10, batchSize: 20, requestTimeoutSeconds: 120 };
      const { durationMs } = planned({ estimate: { calls, promptTokens: calls * 800 }, request }).expected;
      return durationText(durationMs);
    };
    expect(warningsOf({ request: { maxCostUsd: 0.01 } })).toEqual([
      `A cap of $0.0100 stops the run after about 40 of 200 calls: about $0.0091 and ${timeOf(40)}`,
    ]);
    expect(warningsOf({ request: { maxTokens: 98_000 } })).toEqual([
      `A cap of 98,000 tokens stops the run after about 97 of 200 calls: about $0.0221 and ${timeOf(97)}`,
    ]);
    expect(warningsOf({ request: { maxTokens: 98_000, maxCostUsd: 0.01 } })).toEqual([
      `A cap of $0.0100 and 98,000 tokens stops the run after about 40 of 200 calls: about $0.0091 and ${timeOf(40)}`,
    ]);
    expect(warningsOf({ request: { maxTokens: 98_000, deployment: 'mine' } })).toEqual([
      `A cap of 98,000 tokens stops the run after about 97 of 200 calls: about ${timeOf(97)}`,
      expect.stringContaining('price of mine'),
    ]);
  });

  test('say that a cap below what is held for one call stops the run before it', () => {
    expect(warningsOf({ request: { maxTokens: 3_449 } })).toEqual([
      'A cap of 3,449 tokens stops the run before its first call, which may take up to 3,450 tokens',
    ]);
    expect(warningsOf({ request: { maxTokens: 3_450 } })).toEqual([expect.stringContaining('after about 1 of 200')]);
    expect(warningsOf({ request: { maxTokens: 90_000, maxCostUsd: 0.001 } })).toEqual([
      'A cap of $0.0010 and 90,000 tokens stops the run before its first call, which may take up to $0.0011 and 3,450 tokens',
    ]);
    // Answers of up to 112 tokens: a quarter more than that is room enough.
    const capacity = { answers: { triage: { '7': 400 } } };
    expect(warningsOf({ request: { maxTokens: 2_393 }, capacity })).toEqual([expect.stringContaining(' 2,394 tokens')]);
    expect(warningsOf({ request: { maxTokens: 2_394 }, capacity })).toEqual([
      expect.stringContaining('after about 1 '),
    ]);
  });

  test.each([3_449, 3_450, 20_000, 98_000])('say of a cap of %i tokens where the run stops for it', maxTokens => {
    const { used, grants } = { used: use({ calls: 1, billedTokens: 980 }), grants: talk(knownCapacity()) };
    const capped = terms({
      ...{ promptTokensEach: 500, promptTokensMost: 1_500, maxCompletionTokens: 1_200 },
      maxTokens,
    });
    let calls = 0;
    while (grants.ask({ nowMs: NOON_MS, want: 1, terms: capped, used: calls === 0 ? null : used }).granted > 0)
      calls += 1;
    const where = calls === 0 ? 'before its first call' : `after about ${calls} of 200`;
    expect(warningsOf({ request: { maxTokens } })).toEqual([expect.stringContaining(where)]);
  });

  test('say nothing of a deadline that a cap comes before', () => {
    const late = { deadlineSeconds: 20 };
    expect(warningsOf({ request: { ...late, maxTokens: 49_000 } })).toEqual([
      expect.stringMatching(/^A cap of 49,000 /),
    ]);
    expect(warningsOf({ request: { ...late, maxTokens: 180_000 } })).toEqual([
      expect.stringMatching(/^A cap of 180,000 /),
      expect.stringMatching(/^The deadline of 20\.0 s .* about 8\d calls /),
    ]);
  });

  test('say that more was set than the deployment admits', () => {
    const capacity = { tokens: meter(60_000), requests: meter(100) };
    const rest = 'requests beyond that are refused; the expected time goes by what it admits';
    const warnings = (request: object) => warningsOf({ capacity, request });
    expect(warnings({ tokensPerMinute: 200_000 })).toEqual([
      `tokensPerMinute is 200,000, but gpt-4o-mini admits 60,000: ${rest}`,
    ]);
    expect(warnings({ tokensPerMinute: 60_001, requestsPerMinute: 101 })).toEqual([
      `tokensPerMinute is 60,001, but gpt-4o-mini admits 60,000; requestsPerMinute is 101, but gpt-4o-mini admits 100: ${rest}`,
    ]);
    expect(warnings({ tokensPerMinute: 60_000, requestsPerMinute: 90 })).toEqual([]);
  });

  test('say when the deadline comes before the end', () => {
    const [warning, ...others] = warningsOf({ request: { deadlineSeconds: 20 } });
    expect(others).toEqual([]);
    expect(warning).toMatch(
      /^The deadline of 20\.0 s comes before the expected end: about (9|10|11)\d calls would not be made; give more deadlineSeconds$/,
    );
  });

  test.each([{ tokens: meter(2_000) }, { requests: meter(1) }])(
    'say nothing of a deadline that nobody gave, where waits for limits put it off: %o',
    capacity => {
      const { expected, settings, warnings } = planned({ capacity });
      const deadlineSeconds = settings.find(({ name }) => name === 'deadlineSeconds')?.value;
      expect(expected.durationMs / 1_000).toBeGreaterThan(Number(deadlineSeconds));
      expect(warnings).toEqual([]);
      const asked = warningsOf({ capacity, request: { deadlineSeconds: Number(deadlineSeconds) } });
      expect(asked).toEqual([expect.stringMatching(/^The deadline of .* comes before the expected end/)]);
    },
  );

  test('say what is not known', () => {
    const unknown = 'The limits of gpt-4o-mini are not known yet: the expected time leaves them out';
    expect(warningsOf({ capacity: FRESH_CAPACITY })).toEqual([unknown]);
    expect(warningsOf({ capacity: FRESH_CAPACITY, request: { tokensPerMinute: 1_000_000 } })).toEqual([
      'The limit of gpt-4o-mini in requests a minute is not known yet: the expected time leaves it out',
    ]);
    expect(warningsOf({ capacity: FRESH_CAPACITY, request: { requestsPerMinute: 6_000 } })).toEqual([
      'The limit of gpt-4o-mini in tokens a minute is not known yet: the expected time leaves it out',
    ]);
    const both = { tokensPerMinute: 1_000_000, requestsPerMinute: 6_000 };
    expect(warningsOf({ capacity: FRESH_CAPACITY, request: both })).toEqual([]);
    expect(warningsOf({ request: { deployment: 'mine' } })).toEqual([
      'The price of mine is not known; it is if the deployment is named like its model',
    ]);
    expect(warningsOf({ estimate: { countedShare: 0.25 } })).toEqual([
      'Tokens were counted in 25 % of the text; the rest is taken to be like that',
    ]);
  });

  test('say how many calls several processes make', () => {
    const several = { workerProcesses: 3, ceiling: 25 };
    expect(warningsOf({ settings: several })).toEqual([
      '3 processes on each instance make up to 25 calls at a time; concurrencyScope "run" bounds all instances together',
    ]);
    expect(warningsOf({ settings: several, request: { concurrencyScope: 'run' } })).toEqual([]);
  });

  test('say that the service is left alone', () => {
    const gate = { failures: 5, closings: 1, closedUntilMs: NOON_MS + 12_000, probe: null };
    expect(warningsOf({ capacity: { gate } })).toEqual([
      'The service is left alone for 12.0 s more, because it failed or asked for it',
    ]);
    expect(warningsOf({ capacity: { gate: { ...gate, closedUntilMs: NOON_MS - 1 } } })).toEqual([]);
  });
});
