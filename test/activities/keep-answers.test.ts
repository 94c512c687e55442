import { describe, expect, test } from 'vitest';
import { createBuildReport } from '../../src/activities/build-report.ts';
import { openAnswerKeeper } from '../../src/activities/keep-answers.ts';
import { familyOf } from '../../src/core/answer-cache.ts';
import type { RunSummary } from '../../src/core/contracts.ts';
import { contentOf } from '../../src/core/issues.ts';
import type { ResultLine } from '../../src/core/report.ts';
import { triage } from '../../src/core/triage.ts';
import type { AnswerCache } from '../../src/services/answer-cache.ts';
import { createIssuePages } from '../../src/services/issue-pages.ts';
import { placeIssues, sha256 } from '../../src/services/issue-source.ts';
import { createResultsStore } from '../../src/services/results.ts';
import { ANSWER, runActivity } from '../helpers/activities.ts';
import { issue, NOON_MS, plan, reportInput, resultLine, settledRow, unsuccessful } from '../helpers/factories.ts';
import { createMemoryBlobs, createMemoryCache, createMemoryLedger } from '../helpers/memory-stores.ts';
import { UNDELETED } from '../helpers/run-rows.ts';

const FAMILY = familyOf(triage, 'gpt-4o-mini');

/** Passes one line on, and answers what is in the cache then. */
async function kept(line: ResultLine, changes: Parameters<typeof plan>[0] = {}) {
  const cache = createMemoryCache();
  const keeper = openAnswerKeeper(cache, { runId: 'run', plan: plan(changes) }, () => {});
  await keeper.add(line, 'f');
  await keeper.close();
  return Array.fromAsync(cache.find(familyOf(triage, plan(changes).deployment), new Set(['f']), 0));
}

const bought = resultLine({ attempt: 2, answer: ANSWER, answeredAtMs: NOON_MS + 5 });

describe('what a run passes on to the cache', () => {
  test('is what its attempts bought, by when that was', async () => {
    const answer = { fingerprint: 'f', answer: ANSWER, usage: bought.usage, storedAtMs: NOON_MS + 5 };
    expect(await kept(bought)).toEqual([answer]);
    expect(await kept({ ...bought, attempt: 1 })).toEqual([answer]);
    expect(await kept(bought, { deployment: 'other' })).toEqual([answer]);
    expect(await kept(bought, { useCache: false })).toEqual([answer]);
  });

  test.each<[string, ResultLine]>([
    ['came from the cache itself', { ...bought, cached: true, answeredAtMs: null }],
    ['was the answer of an equal issue', { ...bought, coalescedWith: 'A-1' }],
    ['failed', { ...unsuccessful('failed', 'refused'), attempt: 2, answeredAtMs: NOON_MS }],
    ['was skipped', { ...unsuccessful('skipped', 'empty_issue'), attempt: 2 }],
  ])('is not what %s', async (_, line) => {
    expect(await kept(line)).toEqual([]);
  });

  test('is nothing where answers are never used again', async () => {
    expect(await kept(bought, { cacheTtlMs: 0 })).toEqual([]);
  });
});

const fingerprintsOf = (titles: readonly string[]) => new Set(titles.map(title => sha256(contentOf(issue({ title })))));

const ONE_FAILED = [settledRow({ answer: ANSWER }), settledRow({ outcome: 'failed', code: 'refused', answer: null })];

/** Writes the report of a run of three issues, of which two are equal; of the others one failed, unless changed. */
async function report(
  cache: Pick<AnswerCache, 'openWriter'>,
  { attempt = 1, rows = ONE_FAILED, logged = [] as unknown[] } = {},
) {
  const blobs = createMemoryBlobs();
  const pages = createIssuePages(blobs);
  const ledger = createMemoryLedger();
  async function* issues() {
    for (const [n, title] of ['a', 'b', 'a'].entries()) yield issue({ id: `A-${n}`, title });
  }
  await pages.write('run-1', placeIssues(issues(), contentOf, null));
  for (const [index, row] of rows.entries()) await ledger.write('run-1', index, row, null);
  const services = {
    pages,
    ledger: () => ledger,
    results: createResultsStore(blobs),
    ...UNDELETED,
  };
  return runActivity<RunSummary>(createBuildReport({ ...services, cache }), reportInput({ attempt }), logged);
}

describe('the report of a run', () => {
  test('puts its answers into the cache, by the questions that were asked; again when it is written again', async () => {
    const cache = createMemoryCache();
    const fingerprints = fingerprintsOf(['a', 'b']);
    for (const _ of ['first', 'delivered again']) {
      await report(cache);
      const found = await Array.fromAsync(cache.find(FAMILY, fingerprints, 0));
      expect(found).toEqual([
        {
          fingerprint: [...fingerprints][0],
          answer: ANSWER,
          usage: settledRow().usage,
          storedAtMs: settledRow().answeredAtMs,
        },
      ]);
    }
  });

  test('puts the answers of an attempt without a report into the cache, by when they were bought', async () => {
    const cache = createMemoryCache();
    const retried = { answer: ANSWER, attempt: 2, answeredAtMs: NOON_MS + 3_600_000 };
    await report(cache, { attempt: 2, rows: [settledRow({ answer: ANSWER, attempt: 1 }), settledRow(retried)] });
    const found = await Array.fromAsync(cache.find(FAMILY, fingerprintsOf(['a', 'b']), 0));
    expect(found.map(({ storedAtMs }) => storedAtMs)).toEqual([settledRow().answeredAtMs, NOON_MS + 3_600_000]);
  });

  test.each<[string, Partial<ReturnType<AnswerCache['openWriter']>>]>([
    ['while it is filled', { add: () => Promise.reject(Object.assign(new Error('secret'), { name: 'RestError' })) }],
    ['at the end', { close: () => Promise.reject(Object.assign(new Error('secret'), { name: 'RestError' })) }],
  ])('is written all the same when the cache fails %s, and the log says so once', async (_, failing) => {
    const logged: unknown[] = [];
    const openWriter = () => ({ add: async () => {}, close: async () => {}, ...failing });
    expect(await report({ openWriter }, { logged })).toMatchObject({ succeeded: 2, failed: 1 });
    expect(logged.filter(line => String(line).includes('cache'))).toEqual([
      'run run-1: the answers are not all in the cache (RestError)',
    ]);
    expect(logged.join()).not.toContain('secret');
  });
});
