import { expect } from 'vitest';
import { createBuildReport } from '../../src/activities/build-report.ts';
import type { ReportInput, RunSummary, StreamEnd } from '../../src/core/contracts.ts';
import { contentOf } from '../../src/core/issues.ts';
import type { LedgerRow } from '../../src/core/ledger.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import type { Report } from '../../src/core/report.ts';
import { createIssuePages } from '../../src/services/issue-pages.ts';
import { placeIssues } from '../../src/services/issue-source.ts';
import { createResultsStore } from '../../src/services/results.ts';
import { runActivity } from './activities.ts';
import { foldedRun, issue, reportInput } from './factories.ts';
import { createMemoryBlobs, createMemoryCache, createMemoryLedger } from './memory-stores.ts';
import { UNDELETED } from './run-rows.ts';

/** The end of a stream that did all of its work. */
export const DRAINED: StreamEnd = { kind: 'drained', code: null };

/** Issues by their content; equal numbers are equal issues with ids of their own. */
export const issuesOf = (contents: readonly number[]) =>
  contents.map((content, n) => issue({ id: `A-${n}`, title: `Title ${content}` }));

interface Run {
  readonly contents: readonly number[];
  /** By index. */
  readonly rows: readonly (LedgerRow | null)[];
  readonly ends?: readonly StreamEnd[];
}

/** Stores a run and folds it. */
export async function fold({ contents, rows, ends = [DRAINED] }: Run, changes: Partial<ReportInput> = {}) {
  const blobs = createMemoryBlobs();
  const ledger = createMemoryLedger();
  const cache = createMemoryCache();
  const pages = createIssuePages(blobs);
  const results = createResultsStore(blobs);
  const finished: [string, RunSummary | null][] = [];
  const runs = {
    ...UNDELETED.runs,
    finish: async (runId: string, summary: RunSummary | null) => void finished.push([runId, summary]),
  };
  async function* each() {
    yield* issuesOf(contents);
  }
  if (contents.length > 0) await pages.write('run-1', placeIssues(each(), contentOf, null));
  for (const [index, row] of rows.entries()) if (row) await ledger.write('run-1', index, row, null);
  const loaded = foldedRun({ ends: [...ends], progress: { ...NO_PROGRESS, deferrals: 7, batches: 5 } });
  const handler = createBuildReport({ ...UNDELETED, pages, ledger: () => ledger, results, runs, cache });
  const input = reportInput({ loaded, ...changes });
  const summary = await runActivity<RunSummary>(handler, input);
  const again = await runActivity<RunSummary>(handler, input);
  expect(again).toEqual(summary);
  expect(finished).toEqual(Array(2).fill(['run-1', summary]));
  const report = JSON.parse(String(await results.readReport('run-1'))) as Report;
  return {
    summary,
    report,
    cache,
    lines: await Array.fromAsync(results.lines('run-1')),
    csv: String(await results.read('run-1', 'csv')),
  };
}
