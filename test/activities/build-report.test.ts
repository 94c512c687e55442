import { describe, expect, test } from 'vitest';
import { createBuildReport } from '../../src/activities/build-report.ts';
import { cachedRow, progressOfRow } from '../../src/core/answer-cache.ts';
import type { RunSummary, StreamEnd } from '../../src/core/contracts.ts';
import { contentOf } from '../../src/core/issues.ts';
import { type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import type { ResultLine } from '../../src/core/report.ts';
import { createIssuePages } from '../../src/services/issue-pages.ts';
import { placeIssues } from '../../src/services/issue-source.ts';
import { createResultsStore } from '../../src/services/results.ts';
import { runActivity, thrownBy } from '../helpers/activities.ts';
import { issue, ledgerFacts, NOON_MS, plan, reportInput, settledRow } from '../helpers/factories.ts';
import { createMemoryBlobs, createMemoryCache, createMemoryLedger } from '../helpers/memory-stores.ts';
import { DRAINED, fold, issuesOf } from '../helpers/report-bench.ts';
import { UNDELETED } from '../helpers/run-rows.ts';

const ends = (lines: readonly ResultLine[]) => lines.map(({ outcome, code }) => [outcome, code]);

describe('the report of a run', () => {
  test('has every kind of end, in input order', async () => {
    const rows: (LedgerRow | null)[] = [
      settledRow(),
      settledRow({ outcome: 'failed', code: 'refused', answer: null, possiblyPaidTwice: true }),
      settledRow({ outcome: 'skipped', code: 'empty_issue', answer: null, callMs: null, answeredAtMs: null, calls: 0 }),
      { state: 'unknown', ...ledgerFacts({ failedAttempts: 1 }), code: 'timeout', atMs: NOON_MS },
      { state: 'released', ...ledgerFacts(), code: 'rate_limited', atMs: NOON_MS },
      null,
    ];
    const { summary, report, lines, csv } = await fold({
      contents: [0, 1, 2, 3, 4, 5],
      rows,
      ends: [{ kind: 'deadline', code: null }],
    });
    expect(ends(lines)).toEqual([
      ['succeeded', null],
      ['failed', 'refused'],
      ['skipped', 'empty_issue'],
      ['failed', 'timeout'],
      ['not_started', 'deadline'],
      ['not_started', 'deadline'],
    ]);
    expect(summary).toMatchObject({
      status: 'completed',
      total: 6,
      succeeded: 1,
      failed: 2,
      skipped: 1,
      notStarted: 2,
      calls: 4,
      possiblyPaidTwice: 1,
      deferrals: 7,
      batches: 5,
      error: null,
      stopped: { reason: 'deadline', code: null },
      incomplete: 'deadline',
    });
    expect(lines[0]).toEqual({
      index: 0,
      id: 'A-0',
      title: 'Title 0',
      outcome: 'succeeded',
      code: null,
      coalescedWith: null,
      cached: false,
      answer: { category: 'bug', priority: 'high' },
      callMs: 1_500,
      answeredAtMs: NOON_MS + 1_500,
      shortened: false,
      ...ledgerFacts(),
    });
    expect(report).toMatchObject({ ...summary, deployment: 'gpt-4o-mini', table: { counts: { bug: { high: 1 } } } });
    expect(lines[5]).toMatchObject({ attempt: null, callMs: null, calls: 0, costUsd: 0, cached: false });
    expect(report.errors.map(({ code, count }) => [code, count])).toEqual([
      ['deadline', 2],
      ['empty_issue', 1],
      ['refused', 1],
      ['timeout', 1],
    ]);
    expect(csv.split('\n')[1]).toBe('0,A-0,Title 0,succeeded,,,false,1500,1,100,10,0.001,bug,high,,,,,,,');
  });

  test('gives copies the end of the first, and nothing of its costs', async () => {
    const { lines, summary } = await fold({
      contents: [0, 1, 0, 2, 1, 0],
      rows: [
        settledRow(),
        settledRow({ outcome: 'failed', code: 'content_filter', answer: null }),
        null,
        settledRow({ outcome: 'skipped', code: 'empty_issue', answer: null }),
      ],
    });
    expect(
      lines.map(({ id, title, outcome, coalescedWith, calls }) => [id, title, outcome, coalescedWith, calls]),
    ).toEqual([
      ['A-0', 'Title 0', 'succeeded', null, 1],
      ['A-1', 'Title 1', 'failed', null, 1],
      ['A-2', 'Title 0', 'succeeded', 'A-0', 0],
      ['A-3', 'Title 2', 'skipped', null, 1],
      ['A-4', 'Title 1', 'failed', 'A-1', 0],
      ['A-5', 'Title 0', 'succeeded', 'A-0', 0],
    ]);
    expect(lines[2]).toEqual({
      ...lines[0],
      ...NO_FACTS,
      index: 2,
      id: 'A-2',
      coalescedWith: 'A-0',
      callMs: null,
      answeredAtMs: null,
    });
    expect(summary).toMatchObject({
      total: 6,
      succeeded: 3,
      failed: 2,
      skipped: 1,
      coalesced: 2,
      calls: 3,
      costUsd: 0.003,
    });
  });

  test('counts copies of a cached answer as cached and as coalesced', async () => {
    const { lines, summary } = await fold({
      contents: [0, 0, 1, 0],
      rows: [cachedRow({ category: 'bug', priority: 'high' }, 1, null), null, settledRow()],
    });
    expect(lines.map(({ cached, coalescedWith, calls }) => [cached, coalescedWith, calls])).toEqual([
      [true, null, 0],
      [true, 'A-0', 0],
      [false, null, 1],
      [true, 'A-0', 0],
    ]);
    const kept = progressOfRow(cachedRow(null, 1, null), 2);
    expect(summary).toMatchObject({ cached: kept.cached, coalesced: kept.coalesced, succeeded: kept.succeeded + 1 });
    expect(summary).toMatchObject({ cached: 3, coalesced: 2, calls: 1, hitRate: 0.75 });
  });

  test('keeps what earlier attempts of the run have paid for', async () => {
    const failed = settledRow({ outcome: 'failed', code: 'timeout', answer: null, calls: 5 });
    const foundSince = cachedRow({ category: 'bug', priority: 'high' }, 2, { ...failed, calls: 2 });
    const { summary, lines } = await fold(
      { contents: [0, 1, 2], rows: [settledRow(), failed, foundSince] },
      { attempt: 2 },
    );
    expect(lines.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
    expect(summary).toMatchObject({ calls: 8, newCalls: 0, succeeded: 2, failed: 1 });
    expect(summary.verdict?.sentence).toBe(
      'Nothing was bought: all 2 answers were cached or kept from an earlier attempt.',
    );
  });

  test('gives every issue that is left the one end of the run', async () => {
    const { lines, summary } = await fold({
      contents: [0, 1, 0, 2],
      rows: [null, settledRow()],
      ends: [DRAINED, { kind: 'died', code: null }, { kind: 'fatal', code: 'unauthorized' }],
    });
    const fatal = ['not_started', 'fatal'];
    expect(ends(lines)).toEqual([fatal, ['succeeded', null], fatal, fatal]);
    expect(summary).toMatchObject({
      stopped: { reason: 'fatal', code: 'unauthorized' },
      incomplete: 'fatal',
      streams: 3,
    });
  });

  test('keeps what a stream that died had settled', async () => {
    const { lines } = await fold({
      contents: [0, 1, 2],
      rows: [settledRow(), null, settledRow()],
      ends: [DRAINED, { kind: 'died', code: null }],
    });
    expect(ends(lines)).toEqual([
      ['succeeded', null],
      ['failed', 'stream_failed'],
      ['succeeded', null],
    ]);
  });

  test.each<[StreamEnd, string]>([
    [DRAINED, 'activity_failed'],
    [{ kind: 'deadline', code: null }, 'activity_failed'],
    [{ kind: 'fatal', code: 'unauthorized' }, 'activity_failed'],
    [{ kind: 'died', code: null }, 'stream_failed'],
  ])('has an issue that is still claimed as failed after %o', async (streamEnd, code) => {
    const claimed: LedgerRow = { state: 'claimed', ...ledgerFacts(), workerId: 'w', untilMs: 0 };
    const { lines, summary } = await fold({ contents: [0], rows: [claimed], ends: [streamEnd] });
    expect(ends(lines)).toEqual([['failed', code]]);
    expect(summary).toMatchObject({ failed: 1, notStarted: 0, calls: 1, costUsd: 0.001 });
  });

  test("reads the ledger over as many tables as the run's plan says", async () => {
    const asked: number[] = [];
    const blobs = createMemoryBlobs();
    const pages = createIssuePages(blobs);
    async function* each() {
      yield* issuesOf([0]);
    }
    await pages.write('run-1', placeIssues(each(), contentOf, null));
    const ledger = createMemoryLedger();
    await ledger.write('run-1', 0, settledRow(), null);
    const handler = createBuildReport({
      pages,
      ledger(shards) {
        asked.push(shards);
        return shards === 4 ? ledger : createMemoryLedger();
      },
      results: createResultsStore(blobs),
      ...UNDELETED,
      cache: createMemoryCache(),
    });
    const input = reportInput({ plan: plan({ ledgerShards: 4 }) });
    expect(await runActivity<RunSummary>(handler, input)).toMatchObject({ succeeded: 1, failed: 0 });
    expect(asked).toEqual([4]);
  });

  test('is written as failed, with nothing in it, when the issues could not be loaded', async () => {
    const { summary, report, lines, csv } = await fold(
      { contents: [], rows: [] },
      { loaded: null, failure: 'no such blob' },
    );
    expect(summary).toMatchObject({
      status: 'failed',
      error: 'no such blob',
      total: 0,
      succeeded: 0,
      failed: 0,
      batches: 0,
      deferrals: 0,
      costUsd: 0,
    });
    expect(report).toMatchObject({ status: 'failed', error: 'no such blob' });
    expect(report.errors).toEqual([]);
    expect(lines).toEqual([]);
    expect(csv).toMatch(/^index,id,title,.*,category,priority,.*\n$/);
  });

  test('has no cost once an answer has none', async () => {
    const { summary } = await fold({ contents: [0, 1], rows: [settledRow({ costUsd: null }), settledRow()] });
    expect(summary).toMatchObject({ costUsd: null, tokens: { promptTokens: 200, totalTokens: 220 } });
  });

  test('of a run that was deleted meanwhile is not kept, and leaves nothing behind', async () => {
    const blobs = createMemoryBlobs();
    const removed: unknown[] = [];
    const finished: unknown[] = [];
    const handler = createBuildReport({
      pages: createIssuePages(blobs),
      ledger: () => createMemoryLedger(),
      results: createResultsStore(blobs),
      cache: createMemoryCache(),
      runs: { read: async () => null, finish: async runId => void finished.push(runId) },
      cleanup: { remove: async (...args) => void removed.push([...args, blobs.content.size]) },
    });
    const input = reportInput({ loaded: null, failure: 'no such blob', plan: plan({ ledgerShards: 4 }) });
    expect((await thrownBy(runActivity(handler, input))).message).toBe('buildReport failed: Error run_deleted');
    expect([removed, finished]).toEqual([[['run-1', 4, blobs.content.size]], []]);
    expect(blobs.content.size).toBeGreaterThan(0);
  });

  test('is not written by halves: when the ledger fails, the run has no summary', async () => {
    const finished: unknown[] = [];
    const blobs = createMemoryBlobs();
    const handler = createBuildReport({
      pages: { all: () => issuesWithSecret() },
      ledger: () => ({
        openReader: () => () =>
          Promise.reject(Object.assign(new Error('secret'), { name: 'RestError', statusCode: 503 })),
      }),
      results: createResultsStore(blobs),
      ...UNDELETED,
      runs: { ...UNDELETED.runs, finish: async runId => void finished.push(runId) },
      cache: createMemoryCache(),
    });
    async function* issuesWithSecret() {
      yield { index: 0, sameAs: null, fingerprint: 'f', copies: 0, issue: issue({ title: 'secret' }) };
    }
    expect((await thrownBy(runActivity(handler, reportInput()))).message).toBe('buildReport failed: RestError 503');
    expect(finished).toEqual([]);
    expect([...blobs.content.keys()]).toEqual([]);
  });
});
