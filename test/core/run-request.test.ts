import { describe, expect, test } from 'vitest';
import { InvalidInputError, parseInput } from '../../src/core/problems.ts';
import { planOf, RunPlanSchema, type RunRequest, RunRequestSchema } from '../../src/core/run-request.ts';
import { settings } from '../helpers/factories.ts';

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
    expect(request()).toEqual({ source: ISSUES, analysis: 'triage', concurrencyScope: 'process' });
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
    ['deployment', 'a b', 'the name of a deployment'],
    ['deployment', 5, 'the name of a deployment'],
    ['batchsize', 5, 'no such field'],
  ])('names %s, its value %j and what is allowed', (field, value, allowed) => {
    expect(violationsOf({ source: ISSUES, [field]: value })).toEqual([
      { field, value: JSON.stringify(value), allowed },
    ]);
  });

  test.each([
    [undefined, 'source', 'missing', 'either {"issues": [...]} with 1 to 100,000 issues, or {"uploadId": "..."}'],
    [{ issues: [] }, 'source.issues', '[]', '1 to 100,000 issues'],
    [{ issues: 'x' }, 'source.issues', '"x"', 'a list of issues'],
    [{ issues: [{}, 5] }, 'source.issues.1', '5', 'an object with a title or a description'],
    [{ uploadId: 5 }, 'source.uploadId', '5', 'an id answered by POST /api/uploads'],
    [{ url: 'https://x' }, 'source.url', '"https://x"', 'no such field'],
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

describe('planOf', () => {
  test('takes what is not given from the settings', () => {
    expect(planOf(request(), settings())).toEqual({
      analysis: 'triage',
      deployment: 'gpt-4o-mini',
      concurrency: 10,
      batchSize: 20,
      streams: 3,
      batchDelayMs: 1_000,
      requestTimeoutMs: 120_000,
      deadlineMs: null,
      ledgerShards: 1,
    });
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
    };
    expect(planOf(request(given), settings())).toEqual({
      analysis: 'triage',
      deployment: 'gpt-5',
      concurrency: 4,
      batchSize: 5,
      streams: 6,
      batchDelayMs: 0,
      requestTimeoutMs: 8_000,
      deadlineMs: 9_000,
      ledgerShards: 1,
    });
  });

  test('for the scope "run", has as many streams as calls, one issue each, no pause', () => {
    const given = { concurrencyScope: 'run', concurrency: 8 };
    const plan = planOf(request(given), settings({ batchSize: 50, streams: 2 }));
    expect(plan).toMatchObject({ concurrency: 8, batchSize: 1, streams: 8, batchDelayMs: 0 });
    expect(planOf(request({ ...given, batchDelayMs: 70 }), settings()).batchDelayMs).toBe(70);
  });

  test.each([
    ['batchSize', 50],
    ['batchSize', 1],
    ['streams', 2],
  ])('for the scope "run", refuses a %s of %i, which it would not use', (field, value) => {
    expect(() => planOf(request({ concurrencyScope: 'run', [field]: value }), settings())).toThrow(
      new InvalidInputError([
        {
          field,
          value: String(value),
          allowed: 'no value beside "concurrencyScope": "run", which draws one issue at a time by one stream a call',
        },
      ]),
    );
    expect(planOf(request({ concurrencyScope: 'process', [field]: value }), settings())).toMatchObject({
      [field]: value,
    });
  });

  test('freezes the number of tables that the settings have at its start', () => {
    expect(planOf(request(), settings({ tableShards: 4 })).ledgerShards).toBe(4);
  });

  test('takes a concurrency up to the ceiling of the host', () => {
    expect(planOf(request({ concurrency: 10 }), settings()).concurrency).toBe(10);
    expect(() => planOf(request({ concurrency: 11 }), settings())).toThrow(
      "concurrency is 11; allowed: an integer from 1 to 10, the host's ceiling " +
        '(AzureFunctionsJobHost__extensions__durableTask__maxConcurrentActivityFunctions)',
    );
  });

  test('lowers a concurrency of the settings to the ceiling', () => {
    expect(planOf(request(), settings({ concurrency: 50, ceiling: 20 })).concurrency).toBe(20);
    expect(planOf(request(), settings({ concurrency: 5, ceiling: 20 })).concurrency).toBe(5);
  });

  test('needs exactly one source', () => {
    const allowed = 'allowed: either {"issues": [...]} with 1 to 100,000 issues, or {"uploadId": "..."}';
    expect(() => planOf(request({ source: {} }), settings())).toThrow(`source is {}; ${allowed}`);
    const both = { ...ISSUES, uploadId: 'u' };
    expect(() => planOf(request({ source: both }), settings())).toThrow(
      `source is {"issues":[{"title":"Save fails"}],"uploadId":"u"}; ${allowed}`,
    );
    expect(planOf(request({ source: { uploadId: 'u' } }), settings()).analysis).toBe('triage');
  });

  test('needs a deployment', () => {
    expect(() => planOf(request(), settings({ deployment: null }))).toThrow(
      'deployment is missing; allowed: the name of a deployment, here or in AZURE_OPENAI_DEPLOYMENT',
    );
    expect(planOf(request({ deployment: 'd' }), settings({ deployment: null })).deployment).toBe('d');
  });

  test('gives a plan that passes its own schema', () => {
    const plan = planOf(request(), settings());
    expect(RunPlanSchema.parse(plan)).toEqual(plan);
  });
});
