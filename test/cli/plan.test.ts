import { describe, expect, it } from 'vitest';
import { planLines, planView } from '../../cli/plan-view.ts';
import type { PlanReply } from '../../src/core/plan-reply.ts';
import { createCliHarness } from '../helpers/cli-harness.ts';
import { planned } from '../helpers/factories.ts';
import { type FakeApp, problem } from '../helpers/fake-app.ts';
import { useRunCommand } from '../helpers/run-harness.ts';

const { csv, fakeApp } = useRunCommand();

async function plan(app: FakeApp, ...args: readonly string[]) {
  const cli = createCliHarness();
  const exitCode = await cli.run('plan', '--file', csv(), '--url', app.url, ...args);
  return { exitCode, out: cli.out, err: cli.err };
}

const REAL = { endpoint: 'https://mine.openai.azure.com', deployment: 'gpt-4o-mini', simulator: false };
/** What a run over 10,000 issues would take, of which not all have to be asked. */
const LARGE: Partial<PlanReply> = {
  ...{ issues: 10_000, distinct: 9_000, empty: 10, answered: 200, cached: 790, calls: 8_000, service: REAL },
  expected: {
    ...{ promptTokens: 6_400_000, completionTokens: 960_000, admissionTokens: 9_000_000, costUsd: 1.536 },
    ...{ durationMs: 3_240_000, boundBy: 'tokens', basis: 'assumed', answers: 'observed', countedShare: 0.24 },
  },
  warnings: ['A cap of $1.00 stops the run after about 5,208 of 8,000 calls', 'Another one'],
};

describe('plan', () => {
  it('uploads, shows what the run would take, and starts nothing', async () => {
    const app = await fakeApp();
    const { exitCode, out, err } = await plan(app);
    expect([exitCode, err]).toEqual([0, []]);
    expect(app.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /api/uploads',
      'POST /api/runs?plan=true',
    ]);
    expect(out.join('\n')).toBe(planView(planned()));
  });

  it('sends what is given, as run does', async () => {
    const app = await fakeApp();
    await plan(app, '--max-cost-usd', '2', '--concurrency-scope', 'run', '--limit', '9', '--no-cache');
    expect(JSON.parse(app.requests[1]?.body ?? '')).toEqual({
      ...{ maxCostUsd: 2, concurrencyScope: 'run', limit: 9, useCache: false },
      source: { uploadId: 'u.csv' },
    });
  });

  it('with --json writes the plan in one line', async () => {
    const { exitCode, out } = await plan(await fakeApp({ plan: LARGE }), '--json');
    expect([exitCode, out.length]).toEqual([0, 1]);
    expect(JSON.parse(out[0] ?? '')).toEqual(planned(LARGE));
  });

  it('shows what the app refuses', async () => {
    const violation = { field: 'maxCostUsd', value: '1', allowed: 'no value here' };
    const app = await fakeApp({
      before: ({ path }) => (path.includes('plan') ? problem(400, 'No', violation) : undefined),
    });
    const { exitCode, err } = await plan(app);
    expect([exitCode, err]).toEqual([2, ['error: maxCostUsd is 1; allowed: no value here']]);
  });
});

describe('the view of a plan', () => {
  it('says what is to be done, cost, time, tokens, limits and settings, then what to know', () => {
    expect(planView(planned(LARGE)).split('\n')).toEqual([
      '10,000 issues (1,000 equal to another, 10 empty, 200 answered before, 790 in the cache): 8,000 calls for "triage"',
      'Answered by   the real service https://mine.openai.azure.com, deployment gpt-4o-mini',
      'Cost          about $1.54',
      'Time          about 54 min 00 s, bound by the tokens a minute (if calls take the usual 4 s)',
      'Tokens        about 6,400,000 prompt (24 % of them counted), 960,000 completion (as answers were so far); ' +
        '9,000,000 as the limits count them',
      'Limits        100,000 tokens a minute (the deployment), 20 % kept free (default, shrinking as estimates prove right)',
      'Settings      3 calls at a time in each process, batches of 5, timeout 1 min 00 s (a run of 1 to 10 issues); ' +
        '3 streams, pauses of 1.0 s (default)',
      '! A cap of $1.00 stops the run after about 5,208 of 8,000 calls',
      '! Another one',
    ]);
  });

  it('leaves out what does not matter where nothing has to be asked', () => {
    const view = planView(planned({ calls: 0, cached: 3 }));
    expect(view).toMatch(/^3 issues \(3 in the cache\): nothing to ask for "triage"\nAnswered by .*\nSettings /);
    expect(view.split('\n')).toHaveLength(3);
  });

  it('says what is not known', () => {
    const limits = planned().limits.map(limit => (limit.name === 'bufferPercent' ? limit : { ...limit, value: null }));
    const view = planView(planned({ limits, expected: { ...planned().expected, costUsd: null } }));
    expect(view).toContain('\nCost          the price of gpt-4o-mini is not known\n');
    expect(view).toContain(
      '\nLimits        not known yet, 20 % kept free (default, shrinking as estimates prove right)\n',
    );
  });

  it('says what bounds the run by will: deadline, caps, and the cache left out', () => {
    const settingsOf = (from: string, values: readonly (number | boolean | null)[]) =>
      (['deadlineSeconds', 'maxCostUsd', 'maxTokens', 'useCache'] as const).map((name, n) => ({
        ...{ name, value: values[n] ?? null, from },
      }));
    const given = planView(planned({ settings: settingsOf('the request', [3_307, 2.5, 5_000, false]) }));
    expect(given).toMatch(
      /\nSettings +deadline 55 min 07 s, at most \$2\.50, at most 5,000 tokens, no answer from the cache \(the request\)$/,
    );
    const usual = planView(planned({ settings: settingsOf('default', [900, null, null, true]) }));
    expect(usual).toMatch(
      /\nSettings +deadline 15 min 00 s, no cap in dollars, no cap in tokens, answers from the cache \(default\)$/,
    );
  });

  it('says whether the number of calls is meant for each process', () => {
    expect(planView(planned({ concurrencyScope: 'run' }))).toContain('Settings      3 calls at a time in all, batches');
  });

  it('takes few lines in short', () => {
    expect(planLines(planned({ warnings: ['Mind this'] }))).toEqual([
      '3 issues: 3 calls for "triage"',
      'Answered by the simulator (nothing is billed), deployment gpt-4o-mini',
      'Expected: about 9.0 s, bound by the slowest call, about $0.0123',
      '! Mind this',
    ]);
    expect(planLines(planned({ calls: 0 }))).toHaveLength(2);
  });
});
