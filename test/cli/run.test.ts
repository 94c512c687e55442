import { mkdir, readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createCliHarness } from '../helpers/cli-harness.ts';
import { planned, unsuccessful } from '../helpers/factories.ts';
import { THREE_LINES } from '../helpers/fake-app.ts';
import { useRunCommand } from '../helpers/run-harness.ts';

const { path, csv, fakeApp, run } = useRunCommand();

const REAL = {
  plan: { service: { endpoint: 'https://mine.openai.azure.com', deployment: 'gpt-4o-mini', simulator: false } },
};

describe('run', () => {
  it('uploads, plans, starts, watches, and brings report and results', async () => {
    const app = await fakeApp();
    const { exitCode, out, err } = await run(app);
    expect(exitCode).toBe(0);
    expect(app.requests.slice(0, 3).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /api/uploads',
      'POST /api/runs?plan=true',
      'POST /api/runs',
    ]);
    expect(app.requests[0]).toMatchObject({
      body: await readFile(csv(), 'utf8'),
      headers: { 'content-type': 'text/csv' },
    });
    expect(err.at(-1)).toContain('3/3');
    expect(out.join('\n')).toMatch(
      /3 issues: 3 calls.*Run run-1 is started.*All 3 issues succeeded.*simulated.*report\.json/s,
    );
    expect((await readdir(path('out'))).sort()).toEqual(['report.json', 'results.csv', 'results.ndjson']);
    expect(JSON.parse(await readFile(path('out', 'report.json'), 'utf8'))).toMatchObject({
      runId: 'run-1',
      succeeded: 3,
    });
    expect(await readFile(path('out', 'results.csv'), 'utf8')).toBe('id\nAPP-1\nAPP-2\nAPP-3\n');
  });

  it('sends what is given, and only that', async () => {
    const app = await fakeApp();
    await run(app, [
      '--limit',
      '2',
      '--concurrency',
      '5',
      '--batch-size',
      '7',
      '--deployment',
      'big',
      '--analysis',
      'triage',
      '--concurrency-scope',
      'process',
      '--streams',
      '2',
      '--max-cost-usd',
      '1.5',
      '--max-tokens',
      '9000',
      '--deadline-seconds',
      '60',
      ...['--batch-delay-ms', '0', '--request-timeout-seconds', '30', '--buffer-percent', '0'],
      ...['--tokens-per-minute', '60000', '--requests-per-minute', '300'],
      ...['--yes', '--json', '--idempotency-key', 'k'],
      '--no-cache',
    ]);
    await run(app);
    const bodies = app.seen('POST', '/api/runs').map(({ body }) => JSON.parse(body));
    const settings = {
      ...{ limit: 2, concurrency: 5, batchSize: 7, deployment: 'big', analysis: 'triage' },
      ...{ concurrencyScope: 'process', streams: 2, maxCostUsd: 1.5, maxTokens: 9_000, deadlineSeconds: 60 },
      ...{ batchDelayMs: 0, requestTimeoutSeconds: 30, bufferPercent: 0 },
      ...{ tokensPerMinute: 60_000, requestsPerMinute: 300, useCache: false },
    };
    const source = { uploadId: 'u.csv' };
    expect(bodies).toEqual([{ ...settings, source }, { ...settings, source }, { source }, { source }]);
  });

  it('sends the key with every request, from the flag or else the environment', async () => {
    const app = await fakeApp();
    await run(app, ['--key', 'k1'], { env: { FANFOLD_KEY: 'k2' } });
    expect(new Set(app.requests.map(({ headers }) => headers['x-functions-key']))).toEqual(new Set(['k1']));
    app.requests.length = 0;
    await run(app, [], { env: { FANFOLD_KEY: 'k2' } });
    expect(new Set(app.requests.map(({ headers }) => headers['x-functions-key']))).toEqual(new Set(['k2']));
    app.requests.length = 0;
    await run(app);
    expect(new Set(app.requests.map(({ headers }) => headers['x-functions-key']))).toEqual(new Set([undefined]));
  });

  it('with --json writes one object to standard output and nothing else', async () => {
    const app = await fakeApp({
      lines: [...THREE_LINES, unsuccessful('failed', 'timeout'), unsuccessful('skipped', 'empty_issue')],
    });
    const { exitCode, out, err } = await run(app, ['--json']);
    expect(exitCode).toBe(0);
    expect(out).toHaveLength(1);
    expect(JSON.parse(out[0] ?? '')).toMatchObject({
      runId: 'run-1',
      status: 'completed',
      ...{ total: 5, succeeded: 3, failed: 1, skipped: 1, notStarted: 0, cached: 0, coalesced: 0 },
      durationMs: 90_000,
      tokens: { promptTokens: 300, completionTokens: 30, cachedTokens: 0, totalTokens: 330 },
      costUsd: expect.closeTo(0.003),
      folder: path('out'),
    });
    expect(err.join('\n')).toContain('Run run-1 is started');
  });

  it('ends well when some issues failed, and badly when all did or some were not started', async () => {
    const failed = await run(await fakeApp({ lines: [...THREE_LINES, unsuccessful('failed', 'timeout')] }));
    expect(failed.exitCode).toBe(0);
    expect(failed.out.join('\n')).toMatch(/3 of 4 issues succeeded.*1 failed/);
    const stopped = await run(
      await fakeApp({ lines: [unsuccessful('failed', 'unauthorized'), unsuccessful('not_started', 'fatal')] }),
    );
    expect(stopped.exitCode).toBe(1);
    expect(stopped.out.join('\n')).toMatch(/The run stopped early.*What did not succeed.*unauthorized.*Calls/s);
    const inVain = await run(
      await fakeApp({ lines: [unsuccessful('failed', 'timeout'), unsuccessful('failed', 'timeout')] }),
    );
    expect(inVain.exitCode).toBe(1);
  });

  it.each(['failed', 'terminated'] as const)(
    'ends badly when the run is %s, with what was counted until then',
    async end => {
      const { exitCode, out, err } = await run(await fakeApp({ end, polls: 1 }), ['--json']);
      expect(exitCode).toBe(1);
      expect(err.at(-1)).toMatch(new RegExp(`^error: run run-1 is ${end} after 1 issues, without a report`));
      expect(JSON.parse(out[0] ?? '')).toMatchObject({
        status: end,
        total: 3,
        succeeded: 1,
        notStarted: 2,
        durationMs: null,
        folder: null,
      });
    },
  );
});

describe('starting once', () => {
  it('repeats a start that got no answer, with the same random key', async () => {
    const app = await fakeApp({
      before: ({ method, path }, earlier) =>
        method === 'POST' && path === '/api/runs' && earlier.filter(request => request.path === path).length < 2
          ? 'cut'
          : undefined,
    });
    const { exitCode } = await run(app);
    expect(exitCode).toBe(0);
    const keys = app
      .seen('POST', '/api/runs')
      .filter(({ path }) => !path.includes('plan'))
      .map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('shows the same run for the same key, and another one without', async () => {
    const app = await fakeApp();
    await run(app, ['--idempotency-key', 'mine']);
    const again = await run(app, ['--idempotency-key', 'mine']);
    expect(again.out).toContain('Run run-1 was started before with this idempotency key; this shows it');
    expect((await run(app)).out).toContain('Run run-2 is started');
    const planned = app.seen('POST', '/api/runs?plan=true').map(({ headers }) => headers['idempotency-key']);
    // By it the plan knows what the run has answered.
    expect(planned).toEqual(['mine', 'mine', undefined]);
  });

  it('gives up in the end, with one line', async () => {
    const app = await fakeApp({
      before: ({ path }) => (path === '/api/runs' ? { status: 503, body: 'starting' } : undefined),
    });
    const { exitCode, err, waits } = await run(app);
    expect(exitCode).toBe(1);
    expect(err).toEqual([
      `error: no app answers at ${app.url} (HTTP 503); start one with "npm start", or name another with --url`,
    ]);
    expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(10_000);
  });
});

describe('asking before the real service is called', () => {
  it('names endpoint, deployment, calls, tokens and cost, and starts at a yes', async () => {
    const questions: string[] = [];
    const confirm = async (question: string) => questions.push(question) > 0;
    const { exitCode, err, out } = await run(await fakeApp(REAL), [], { confirm });
    expect(exitCode).toBe(0);
    expect(questions).toEqual(['Start it?']);
    expect(err[0]).toBe(
      'This calls the real service https://mine.openai.azure.com, deployment gpt-4o-mini: 3 calls, ' +
        'about 2,345 prompt and 540 completion tokens, about $0.0123.',
    );
    expect(out.join('\n')).not.toContain('simulated');
  });

  it('starts nothing at a no', async () => {
    const app = await fakeApp(REAL);
    const { exitCode, err } = await run(app, [], { confirm: async () => false });
    expect([exitCode, err.at(-1)]).toEqual([1, 'Nothing was started.']);
    expect(app.seen('POST', '/api/runs')).toHaveLength(1);
  });

  it('refuses where nobody can be asked, in one line', async () => {
    const app = await fakeApp({ plan: { ...REAL.plan, expected: { ...planned().expected, costUsd: null } } });
    const { exitCode, err } = await run(app);
    expect(exitCode).toBe(2);
    expect(err).toHaveLength(1);
    expect(err[0]).toMatch(
      /^error: This calls the real service https.*the price of gpt-4o-mini is not known.*repeat with --yes/,
    );
    expect(app.seen('POST', '/api/runs')).toHaveLength(1);
  });

  it('does not ask with --yes, nor for a simulator', async () => {
    const confirm = () => Promise.reject(new Error('asked'));
    const agreed = await run(await fakeApp(REAL), ['--yes'], { confirm });
    expect(agreed.exitCode).toBe(0);
    expect(agreed.err[0]).toMatch(
      /^This calls the real service .* 3 calls, .*2,345 prompt.* tokens, about \$0\.0123\.$/,
    );
    const simulated = await run(await fakeApp(), [], { confirm });
    expect(simulated.exitCode).toBe(0);
    expect(simulated.err.join()).not.toContain('real service');
  });

  it('does not ask where there is nothing to buy', async () => {
    const app = await fakeApp({ plan: { ...REAL.plan, cached: 3, calls: 0 } });
    const { exitCode, err } = await run(app, [], { confirm: () => Promise.reject(new Error('asked')) });
    expect([exitCode, app.seen('POST', '/api/runs').length]).toEqual([0, 2]);
    expect(err.join()).not.toContain('real service');
    expect((await run(await fakeApp({ plan: { ...REAL.plan, cached: 3, calls: 0 } }))).exitCode).toBe(0);
  });

  it('takes Ctrl-C at the question for what it is', async () => {
    const app = await fakeApp(REAL);
    const cli = createCliHarness({
      confirm: async () => {
        cli.interrupt();
        return false;
      },
    });
    const exitCode = await cli.run('run', '--file', csv(), '--url', app.url, '--out', path());
    expect([exitCode, cli.err.at(-1)]).toEqual([130, 'Interrupted.']);
  });
});

describe('Ctrl-C while the run is under way', () => {
  it('says that the run goes on and how to look at it', async () => {
    const app = await fakeApp({ polls: 1_000 });
    const cli = createCliHarness({ onWait: waitedMs => void (waitedMs > 2_000 && cli.interrupt()) });
    const exitCode = await cli.run('run', '--file', csv(), '--url', app.url, '--out', path());
    expect(exitCode).toBe(130);
    expect(cli.err.at(-1)).toBe(
      `Run run-1 goes on without you. Look at it with: npm run fanfold -- status run-1 --url ${app.url}`,
    );
  });
});

it('ends with one line, not a stack, when the app goes away for good', async () => {
  const app = await fakeApp({ polls: 1_000 });
  const { exitCode, err, waits } = await run(app, [], {
    onWait: async () => {
      if (app.seen('GET', '/api/runs/run-1').length === 3) await app.close();
    },
  });
  expect(exitCode).toBe(1);
  expect(err.slice(-2)).toEqual([
    expect.stringMatching(/^2\/3 /),
    `error: no app answers at ${app.url} (ECONNREFUSED, for a minute); start one with "npm start", or name another with --url`,
  ]);
  expect(waits.reduce((sum, wait) => sum + wait, 0)).toBeGreaterThan(60_000);
});

it('leaves no half results when they break off, and brings them at the next try', async () => {
  let isBroken = true;
  const app = await fakeApp({ before: ({ path }) => (isBroken && path.includes('format=csv') ? 'cut' : undefined) });
  await mkdir(path('out'));
  const first = await run(app, ['--idempotency-key', 'k']);
  expect(first.exitCode).toBe(1);
  expect((await readdir(path('out'))).sort()).toEqual(['report.json', 'results.ndjson']);
  isBroken = false;
  expect((await run(app, ['--idempotency-key', 'k'])).exitCode).toBe(0);
  expect(await readdir(path('out'))).toContain('results.csv');
});
