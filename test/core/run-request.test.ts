import { describe, expect, test } from 'vitest';
import { InvalidInputError, parseInput } from '../../src/core/problems.ts';
import {
  CHOSEN,
  planOf,
  RunPlanSchema,
  type RunRequest,
  RunRequestSchema,
  requestSchemaFor,
} from '../../src/core/run-request.ts';
import { CEILING_VARIABLE, type Settings } from '../../src/core/settings.ts';
import { plan, settings } from '../helpers/factories.ts';

const ISSUES = { issues: [{ title: 'Save fails' }] };

function request(members: object = {}): RunRequest {
  return parseInput(RunRequestSchema, { source: ISSUES, ...members });
}

function violationsOf(body: unknown) {
  try {
    parseInput(RunRequestSchema, body);
  } catch (error) {
    if (error instanceof InvalidInputError) return error.violations;
    throw error;
  }
  return [];
}

describe('RunRequestSchema', () => {
  test('needs a source only', () => {
    expect(request()).toEqual({ source: ISSUES, analysis: 'triage', concurrencyScope: 'process', useCache: true });
    expect(request({ source: { uploadId: 'u' } }).source).toEqual({ uploadId: 'u' });
  });

  test.each([
    ['runId', '-x', '1 to 100 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit'],
    ['analysis', 'divination', 'one of: triage'],
    ['limit', 0, 'an integer from 1 to 1000000'],
    ['concurrency', 201, 'an integer from 1 to 200'],
    ['concurrencyScope', 'world', 'one of: process, run'],
    ['batchSize', 101, 'an integer from 1 to 100'],
    ['streams', 17, 'an integer from 1 to 16'],
    ['batchDelayMs', -1, 'an integer from 0 to 3600000'],
    ['requestTimeoutSeconds', 601, 'an integer from 1 to 600'],
    ['deadlineSeconds', 2_592_001, 'an integer from 1 to 2592000'],
    ['maxCostUsd', 0, 'a number from 0.001 to 1000000'],
    ['maxCostUsd', '5', 'a number from 0.001 to 1000000'],
    ['maxTokens', 0, 'an integer from 1 to 1000000000000'],
    ['useCache', 'no', 'true or false'],
    ['tokensPerMinute', 0, 'an integer from 1 to 999999999'],
    ['requestsPerMinute', 1.5, 'an integer from 1 to 9999999'],
    ['bufferPercent', 91, 'an integer from 0 to 90'],
    ['deployment', 'a b', 'the name of a deployment: 1 to 64 characters of A-Z a-z 0-9 . _ -'],
    ['deployment', 5, 'the name of a deployment: 1 to 64 characters of A-Z a-z 0-9 . _ -'],
    ['batchsize', 5, 'no such field'],
  ])('names %s, its value %j and what is allowed', (field, value, allowed) => {
    expect(violationsOf({ source: ISSUES, [field]: value })).toEqual([
      { field, value: JSON.stringify(value), allowed },
    ]);
  });

  test.each([
    [{}, 'source', '{}', 'either {"issues": [...]} with 1 to 100,000 issues, or {"uploadId": "..."}'],
    [
      { issues: [{ title: 'A' }], uploadId: 'u' },
      'source',
      '{"issues":[{"title":"A"}],"uploadId":"u"}',
      'either {"issues": [...]} with 1 to 100,000 issues, or {"uploadId": "..."}',
    ],
    [undefined, 'source', 'missing', 'either {"issues": [...]} with 1 to 100,000 issues, or {"uploadId": "..."}'],
    [{ issues: [] }, 'source.issues', '[]', '1 to 100,000 issues'],
    [{ issues: 'x' }, 'source.issues', '"x"', 'a list of issues'],
    [{ issues: [{}, 5] }, 'source.issues.1', '5', 'an object with a title or a description'],
    [{ uploadId: 5 }, 'source.uploadId', '5', 'an id answered by POST /api/uploads'],
    [{ uploadId: 'u', url: 'https://x' }, 'source.url', '"https://x"', 'no such field'],
  ])('refuses the source %j', (source, field, value, allowed) => {
    expect(violationsOf({ source })).toEqual([{ field, value, allowed }]);
  });

  test('takes 100,000 issues and no more', () => {
    const issues = Array.from({ length: 100_001 }, () => ({}));
    expect(violationsOf({ source: { issues } })[0]?.allowed).toBe('1 to 100,000 issues');
    expect(violationsOf({ source: { issues: issues.slice(1) } })).toEqual([]);
  });

  test.each([
    [null, 'null'],
    ['x', '"x"'],
    [[], '[]'],
  ])('refuses the body %j', (body, value) => {
    expect(violationsOf(body)).toEqual([{ field: 'body', value, allowed: 'a JSON object' }]);
  });
});

/** The plan of a run of so many issues. */
function planFor(members: object = {}, changes: Partial<Settings> = {}, issues = 100) {
  return planOf(request(members), settings(changes), issues).plan;
}

/** Where the values of a plan come from. */
function originsOf(members: object = {}, changes: Partial<Settings> = {}, issues = 100) {
  const { origins } = planOf(request(members), settings(changes), issues);
  return Object.fromEntries(origins.map(({ name, value, from }) => [name, [value, from]]));
}

describe('the body as an app takes it', () => {
  const schema = requestSchemaFor({ ceiling: 20 });

  test('has a concurrency up to the ceiling', () => {
    for (const concurrency of [1, 20]) {
      expect(parseInput(schema, { source: ISSUES, concurrency })).toMatchObject({ concurrency });
    }
    expect(parseInput(schema, { source: ISSUES })).toEqual(request());
  });

  test.each([0, 21, 201, 1.5, '5'])('names one range for a concurrency of %j', concurrency => {
    const allowed = `an integer from 1 to 20, the host's ceiling (${CEILING_VARIABLE})`;
    const violation = { field: 'concurrency', value: JSON.stringify(concurrency), allowed };
    expect(() => parseInput(schema, { source: ISSUES, concurrency })).toThrow(
      expect.objectContaining({ violations: [violation] }),
    );
  });

  test('is as strict in all else', () => {
    expect(() => parseInput(schema, { source: ISSUES, concurency: 5 })).toThrow(
      'concurency is 5; allowed: no such field',
    );
    expect(() => parseInput(schema, [])).toThrow('body is []; allowed: a JSON object');
  });
});

describe('planOf', () => {
  test('takes what is not given from the settings, and what these leave out from the number of issues', () => {
    expect(planFor()).toEqual(plan({ requestTimeoutMs: 120_000 }));
    expect(planFor({}, {}, 20)).toEqual(plan({ concurrency: 5, batchSize: 10, requestTimeoutMs: 60_000 }));
  });

  test('lets the request win', () => {
    const given = {
      deployment: 'gpt-5',
      concurrency: 4,
      batchSize: 5,
      streams: 6,
      batchDelayMs: 0,
      requestTimeoutSeconds: 8,
      deadlineSeconds: 9,
      maxCostUsd: 1.5,
      maxTokens: 1_000,
      useCache: false,
      tokensPerMinute: 2_000,
      requestsPerMinute: 30,
      bufferPercent: 0,
    };
    const set = { concurrency: 9, batchSize: 9, requestTimeoutSeconds: 9, tokensPerMinute: 9, bufferPercent: 9 };
    expect(planFor(given, set)).toEqual(
      plan({
        deployment: 'gpt-5',
        concurrency: 4,
        batchSize: 5,
        streams: 6,
        batchDelayMs: 0,
        requestTimeoutMs: 8_000,
        deadlineMs: 9_000,
        price: { inputUsd: 1.25, outputUsd: 10 },
        maxCostUsd: 1.5,
        maxTokens: 1_000,
        useCache: false,
        tokensPerMinute: 2_000,
        requestsPerMinute: 30,
        bufferPercent: 0,
      }),
    );
  });

  test('takes settings of the environment whatever the number of issues', () => {
    const set = { concurrency: 2, batchSize: 100, requestTimeoutSeconds: 300 };
    for (const issues of [1, 60]) {
      expect(planFor({}, set, issues)).toMatchObject({ concurrency: 2, batchSize: 100, requestTimeoutMs: 300_000 });
    }
  });

  test('tells where each value comes from', () => {
    const set = { batchSize: 30, tokensPerMinute: 5_000, streams: 4 };
    expect(originsOf({ streams: 2, bufferPercent: 5 }, set, 12)).toEqual({
      concurrency: [5, 'a run of 11 to 25 issues'],
      batchSize: [30, 'AI_BATCH_SIZE'],
      streams: [2, 'the request'],
      batchDelayMs: [1_000, 'default'],
      requestTimeoutSeconds: [60, 'a run of 11 to 25 issues'],
      tokensPerMinute: [5_000, 'AI_TOKENS_PER_MINUTE'],
      requestsPerMinute: [null, 'default'],
      bufferPercent: [5, 'the request'],
    });
    expect(Object.keys(originsOf())).toEqual(CHOSEN);
  });

  test('for the scope "run", has as many streams as calls, one issue each, no pause', () => {
    const given = { concurrencyScope: 'run', concurrency: 8 };
    const set = { batchSize: 50, streams: 2 };
    expect(planFor(given, set)).toMatchObject({ concurrency: 8, batchSize: 1, streams: 8, batchDelayMs: 0 });
    expect(planFor({ ...given, batchDelayMs: 70 }).batchDelayMs).toBe(70);
    expect(originsOf({ ...given, batchDelayMs: 70 }, set)).toMatchObject({
      batchSize: [1, 'concurrencyScope "run"'],
      streams: [8, 'concurrencyScope "run"'],
      batchDelayMs: [70, 'the request'],
    });
    expect(originsOf(given)).toMatchObject({ batchDelayMs: [0, 'concurrencyScope "run"'] });
  });

  test.each([0, 1_000, 5_000])('has a pause of %i ms that the environment sets, in either scope', batchDelayMs => {
    for (const concurrencyScope of ['process', 'run']) {
      const given = originsOf({ concurrencyScope }, { batchDelayMs });
      expect(given).toMatchObject({ batchDelayMs: [batchDelayMs, 'AI_BATCH_DELAY_MS'] });
      expect(planFor({ concurrencyScope, batchDelayMs: 70 }, { batchDelayMs }).batchDelayMs).toBe(70);
    }
  });

  test.each([
    ['batchSize', 50],
    ['batchSize', 1],
    ['streams', 2],
  ])('for the scope "run", refuses a %s of %i, which it would not use', (field, value) => {
    expect(() => planFor({ concurrencyScope: 'run', [field]: value })).toThrow(
      new InvalidInputError([
        {
          field,
          value: String(value),
          allowed: 'no value beside "concurrencyScope": "run", which draws one issue at a time by one stream a call',
        },
      ]),
    );
    expect(planFor({ concurrencyScope: 'process', [field]: value })).toMatchObject({ [field]: value });
  });

  test('freezes the number of tables that the settings have at its start', () => {
    expect(planFor({}, { tableShards: 4 }).ledgerShards).toBe(4);
  });

  test('freezes how long answers are used again; without any time, none are', () => {
    expect(planFor({}, { cacheTtlSeconds: 60 })).toMatchObject({ useCache: true, cacheTtlMs: 60_000 });
    expect(planFor({}, { cacheTtlSeconds: 0 })).toMatchObject({ useCache: false, cacheTtlMs: 0 });
  });

  test('takes a concurrency up to the ceiling of the host', () => {
    expect(planFor({ concurrency: 10 }).concurrency).toBe(10);
    expect(() => planFor({ concurrency: 11 })).toThrow(
      "concurrency is 11; allowed: an integer from 1 to 10, the host's ceiling " +
        '(AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions)',
    );
  });

  test('lowers a concurrency of the settings, or of the number of issues, to the ceiling', () => {
    expect(planFor({}, { concurrency: 50, ceiling: 20 }).concurrency).toBe(20);
    expect(planFor({}, { concurrency: 5, ceiling: 20 }).concurrency).toBe(5);
    expect(planFor({}, { ceiling: 2 }).concurrency).toBe(2);
    expect(originsOf({}, { concurrency: 50, ceiling: 20 })).toMatchObject({
      concurrency: [20, `MAX_CONCURRENT_AI_CALLS, cut to ${CEILING_VARIABLE}`],
    });
    expect(originsOf({}, { ceiling: 2 })).toMatchObject({
      concurrency: [2, `a run of 51 issues or more, cut to ${CEILING_VARIABLE}`],
    });
  });

  test.each([
    ['a request', { concurrency: 2 }, {}, 4],
    ['the environment', {}, { concurrency: 3 }, 6],
    ['the ceiling of the host', {}, { ceiling: 9 }, 18],
  ])('has smaller batches where %s lowers the concurrency and nobody sets them', (_, given, set, batchSize) => {
    expect(planFor(given, set).batchSize).toBe(batchSize);
    expect(originsOf(given, set)).toMatchObject({
      batchSize: [batchSize, 'a run of 51 issues or more, at most twice the calls at one time'],
    });
    expect(planFor({ ...given, batchSize: 50 }, set).batchSize).toBe(50);
    expect(planFor(given, { ...set, batchSize: 50 }).batchSize).toBe(50);
  });

  test('leaves batches of the tier alone where the concurrency is that of the tier, or higher', () => {
    expect(originsOf({}, {}, 50)).toMatchObject({ batchSize: [15, 'a run of 26 to 50 issues'] });
    expect(planFor({ concurrency: 9 }, {}, 50)).toMatchObject({ concurrency: 9, batchSize: 15 });
    expect(planFor({ concurrency: 2 }, {}, 5)).toMatchObject({ concurrency: 2, batchSize: 4 });
    expect(planFor({ concurrency: 5 }, { workerProcesses: 2 }).batchSize).toBe(20);
    expect(planFor({ concurrency: 5 }, { workerProcesses: 2, ceiling: 8 }).batchSize).toBe(16);
  });

  test('needs a deployment', () => {
    expect(() => planFor({}, { deployment: null })).toThrow(
      'deployment is missing; allowed: the name of a deployment, here or in AZURE_OPENAI_DEPLOYMENT',
    );
    expect(planFor({ deployment: 'd' }, { deployment: null }).deployment).toBe('d');
  });

  test('takes a cap in dollars only where the price is known', () => {
    expect(() => planFor({ maxCostUsd: 1, deployment: 'mine' })).toThrow(
      'maxCostUsd is 1; allowed: no value here: the price of mine is not known; use maxTokens',
    );
    expect(planFor({ maxTokens: 1, deployment: 'mine' })).toMatchObject({ maxTokens: 1, price: null });
  });

  test('gives a plan that passes its own schema', () => {
    expect(RunPlanSchema.parse(planFor())).toEqual(planFor());
  });
});
