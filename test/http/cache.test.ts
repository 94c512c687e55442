import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { someIssues, startApp, type TestApp } from '../helpers/app.ts';

/** A deployment of our own, since other tests share the storage. */
const deployment = `cache-${randomUUID().slice(0, 8)}`;
let app: TestApp;
beforeAll(async () => {
  // Without the memory level, which would hide what the shared one does.
  const env = { AZURE_OPENAI_DEPLOYMENT: deployment, CACHE_TTL_SECONDS: '3600', CACHE_MEMORY_TTL_SECONDS: '0' };
  app = await startApp({ env, simulator: { deployments: [deployment] } });
});
afterAll(() => app[Symbol.asyncDispose]());

/** Runs issues to their end, and answers the figures with the number of calls that the service saw meanwhile. */
async function run(issues: object[], more: object = {}) {
  const before = app.simulator.stats().calls;
  const { summary } = await app.finished(await app.startRun({ source: { issues }, batchDelayMs: 0, ...more }));
  const { succeeded, cached, coalesced, calls } = summary ?? {};
  return { succeeded, cached, coalesced, calls, seen: app.simulator.stats().calls - before };
}

const own = async () => {
  const { families } = (await app.call('GET', '/cache')).json;
  return families.find((family: { deployment: string }) => family.deployment === deployment) ?? null;
};
const issues = someIssues(12);

describe('the answers of a run', () => {
  it('are bought once: the same issues cost nothing again, and where half have changed, that half is bought', async () => {
    expect(await own()).toBeNull();
    expect(await run(issues)).toEqual({ succeeded: 12, cached: 0, coalesced: 0, calls: 12, seen: 12 });
    expect(await own()).toMatchObject({ analysis: 'triage', entries: 12 });
    expect(await run(issues)).toEqual({ succeeded: 12, cached: 12, coalesced: 0, calls: 0, seen: 0 });

    const half = issues.map((issue, n) => (n % 2 === 0 ? { ...issue, title: `Changed ${n}` } : issue));
    expect(await run(half)).toEqual({ succeeded: 12, cached: 6, coalesced: 0, calls: 6, seen: 6 });
    expect(await own()).toMatchObject({ entries: 18 });
  });

  it('are the same from the cache, also for copies', async () => {
    const resultsOf = async (given: object[]) => {
      const runId = await app.startRun({ source: { issues: given }, batchDelayMs: 0 });
      await app.finished(runId);
      return (await app.call('GET', `/runs/${runId}/results`)).json.results;
    };
    const bought = await resultsOf(someIssues(3, n => `Only here ${n}.`));
    const again = await resultsOf([
      ...someIssues(3, n => `Only here ${n}.`),
      { ...someIssues(1, () => 'Only here 1.')[0], key: 'T-1b' },
    ]);
    const answers = (lines: { answer: unknown }[]) => lines.map(({ answer }) => answer);
    expect(answers(again)).toEqual([...answers(bought), bought[0].answer]);
    expect(
      again.map((line: { cached: boolean; coalescedWith: string | null; costUsd: number }) => [
        line.cached,
        line.coalescedWith,
        line.costUsd,
      ]),
    ).toEqual([
      [true, null, 0],
      [true, null, 0],
      [true, null, 0],
      [true, 'T-1', 0],
    ]);
  });

  it('are not looked for with "useCache": false, and are kept all the same', async () => {
    const fresh = someIssues(4, n => `Asked anew ${n}.`);
    for (const _ of ['first', 'again'])
      expect(await run(fresh, { useCache: false })).toMatchObject({ cached: 0, seen: 4 });
    expect(await run(fresh)).toMatchObject({ cached: 4, seen: 0 });
  });

  it('can be forgotten, all that a filter names, and are bought again then', async () => {
    expect((await app.call('DELETE', `/cache?deployment=${deployment}&olderThanSeconds=3600`)).json).toEqual({
      removed: 0,
    });
    const { entries } = await own();
    expect((await app.call('DELETE', `/cache?deployment=${deployment}`)).json).toEqual({ removed: entries });
    expect(await own()).toBeNull();
    expect(await run(issues)).toMatchObject({ cached: 0, seen: 12 });
    const slip = await app.call('DELETE', `/cache?deploiment=${deployment}`);
    expect([slip.status, slip.json.violations[0].field]).toEqual([400, 'deploiment']);
    expect(await own()).toMatchObject({ entries: 12 });
  });
});
