import { describe, expect, it } from 'vitest';
import { createCliHarness, temporaryFolder } from '../helpers/cli-harness.ts';
import { type Answer, problem, startFakeApp } from '../helpers/fake-app.ts';

const FAMILY = {
  analysis: 'triage',
  version: 2,
  deployment: 'gpt-4o-mini',
  entries: 12_345,
  bytes: 9_870_000,
  oldestAt: '2026-01-01T11:59:59.999Z',
};
const STATS = { entries: 12_345, bytes: 9_870_000, oldestAt: FAMILY.oldestAt, families: [FAMILY] };

/** Runs `cache` against an app that gives one answer to everything. */
async function cache(answer: Answer, args: readonly string[], confirm?: (question: string) => Promise<boolean>) {
  await using app = await startFakeApp({ before: () => answer });
  const cli = createCliHarness(confirm ? { confirm } : {});
  const exitCode = await cli.run('cache', ...args, '--url', app.url);
  return { exitCode, out: cli.out, err: cli.err, sent: app.requests.map(({ method, path }) => `${method} ${path}`) };
}

const removed = (count: number): Answer => ({ status: 200, body: { removed: count } });

describe('cache stats', () => {
  it('shows what is kept', async () => {
    const { exitCode, out, sent } = await cache({ status: 200, body: STATS }, ['stats']);
    expect(exitCode).toBe(0);
    expect(sent).toEqual(['GET /api/cache']);
    const [head, ...table] = out.join('\n').split('\n');
    expect(head).toBe('12,345 answers kept, 9.9 MB');
    expect(table.map(line => line.trim().split(/ {2,}/))).toEqual([
      ['analysis', 'deployment', 'answers', 'size', 'oldest (UTC)'],
      ['triage (version 2)', 'gpt-4o-mini', '12,345', '9.9 MB', '2026-01-01 11:59'],
    ]);
  });

  it('says that nothing is kept', async () => {
    const empty = { entries: 0, bytes: 0, oldestAt: null, families: [] };
    expect((await cache({ status: 200, body: empty }, ['stats'])).out).toEqual(['No answer is kept.']);
  });

  it('writes one JSON object with --json', async () => {
    const { out } = await cache({ status: 200, body: STATS }, ['stats', '--json']);
    expect(out.map(line => JSON.parse(line))).toEqual([STATS]);
  });

  it('takes no other answer for its own', async () => {
    const { exitCode, err } = await cache({ status: 200, body: { hello: 1 } }, ['stats']);
    expect(exitCode).toBe(1);
    expect(err.join()).toMatch(/answers, but not as this app does/);
  });
});

describe('cache clear', () => {
  it('asks first, and forgets everything', async () => {
    const questions: string[] = [];
    const confirm = async (question: string) => questions.push(question) > 0;
    const { exitCode, out, sent } = await cache(removed(1), ['clear'], confirm);
    expect([exitCode, out, sent]).toEqual([0, ['1 answer forgotten.'], ['DELETE /api/cache']]);
    expect(questions).toEqual(['Forget answers that were paid for? What is asked again is paid again.']);
  });

  it('forgets nothing where the answer is no, or nobody can be asked', async () => {
    const declined = await cache(removed(1), ['clear'], async () => false);
    expect(declined).toEqual({ exitCode: 1, out: [], err: ['Nothing was forgotten.'], sent: [] });
    const alone = await cache(removed(1), ['clear']);
    expect([alone.exitCode, alone.sent]).toEqual([2, []]);
    expect(alone.err).toEqual(['error: nobody can be asked here whether to forget: repeat with --yes to agree']);
  });

  it('forgets some by analysis, deployment and age', async () => {
    const flags = ['--analysis', 'triage', '--deployment', 'a b', '--older-than', '30', '--yes', '--json'];
    const { out, sent } = await cache(removed(2_000), ['clear', ...flags]);
    expect(sent).toEqual(['DELETE /api/cache?analysis=triage&deployment=a+b&olderThanSeconds=2592000']);
    expect(out).toEqual(['{"removed":2000}']);
  });

  it('refuses what the app refuses, and what is no number of days', async () => {
    const refused = problem(400, 'Invalid input', { field: 'analysis', value: '""', allowed: 'a name' });
    const { exitCode, err } = await cache(refused, ['clear', '--yes']);
    expect([exitCode, err]).toEqual([2, ['error: analysis is ""; allowed: a name']]);
    expect((await cache(removed(0), ['clear', '--older-than', 'week'])).err).toEqual([
      'error: --older-than is "week"; allowed: an integer from 0 to 36500',
    ]);
  });
});

describe('cache', () => {
  it('alone, or with an unknown word, says what there is', async () => {
    const alone = createCliHarness();
    expect(await alone.run('cache')).toBe(2);
    expect(alone.err.join('\n')).toMatch(/stats.*clear/s);
    const other = createCliHarness();
    expect(await other.run('cache', 'empty')).toBe(2);
    expect(other.err.join()).toMatch(/unknown command 'empty'/);
  });

  it('explains itself', async () => {
    const { exitCode, out } = await cache(removed(0), ['clear', '--help']);
    expect(exitCode).toBe(0);
    expect(out.join('\n')).toMatch(/--older-than <days>/);
  });
});

describe('run', () => {
  it.each([
    [[], undefined],
    [['--no-cache'], false],
  ])('with %j asks for "useCache": %s, in the plan and at the start', async (flags, useCache) => {
    await using app = await startFakeApp();
    await using folder = await temporaryFolder();
    const cli = createCliHarness();
    await cli.run('run', '--file', folder.csv, '--out', folder.path, '--url', app.url, ...flags);
    const bodies = app.seen('POST', '/api/runs').map(({ body }) => JSON.parse(body));
    expect(bodies.map(body => body.useCache)).toEqual([useCache, useCache]);
  });
});
