import { analysisNamed } from '../core/analyses.ts';
import { type Analysis, isShortened } from '../core/analysis.ts';
import { type Layout, streamOfUnit } from '../core/batch-plan.ts';
import { CONTRACTS, type ReportInput, type StreamEnd } from '../core/contracts.ts';
import { type LedgerRow, NO_FACTS } from '../core/ledger.ts';
import { createReportBuilder, endOf, type Report, type ResultLine } from '../core/report.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { IssuePages } from '../services/issue-pages.ts';
import type { PlacedIssue } from '../services/issue-source.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import type { ResultsStore } from '../services/results.ts';
import type { RunStore } from '../services/run-store.ts';
import { defineActivity } from './define-activity.ts';

interface Services {
  readonly pages: Pick<IssuePages, 'all'>;
  /** The ledger over that many tables. */
  readonly ledger: (shards: number) => Pick<LedgerStore, 'openReader'>;
  readonly results: Pick<ResultsStore, 'openWriter' | 'writeReport'>;
  readonly runs: Pick<RunStore, 'finish'>;
}

/** Folds issues and ledger of a run into results and report, and puts the figures into the run's row. */
export function createBuildReport({ pages, ledger, results, runs }: Services) {
  return defineActivity(CONTRACTS.buildReport, async (input, log) => {
    const analysis = analysisNamed(input.plan.analysis);
    const builder = createReportBuilder(input, analysis.table);
    const writer = results.openWriter(input.runId, answerFields(analysis));
    for await (const line of resultLines({ pages, ledger }, input)) {
      builder.add(line);
      await writer.add(line);
    }
    await writer.close();
    const { summary, report } = builder.build();
    await results.writeReport(input.runId, report);
    await runs.finish(input.runId, summary);
    log(endLine(report));
    return summary;
  });
}

/** Codes and counts; no text of an issue is logged. */
function endLine({ runId, status, total, succeeded, failed, skipped, notStarted, errors }: Report): string {
  const causes = errors.map(({ code, count }) => `${code} ${count}`).join(', ');
  const counts = `${total} issues, ${succeeded} succeeded, ${failed} failed, ${skipped} skipped, ${notStarted} not started`;
  return `run ${runId} is ${status}: ${counts}${causes && ` (${causes})`}`;
}

function answerFields(analysis: Analysis): string[] {
  return Object.keys(analysis.wireSchema.shape);
}

/** One line for each issue in input order; an issue with equal content shares the line of the first one. */
async function* resultLines(
  { pages, ledger }: Pick<Services, 'pages' | 'ledger'>,
  { runId, plan, loaded }: ReportInput,
): AsyncGenerator<ResultLine> {
  if (loaded === null) return;
  const rowAt = ledger(plan.ledgerShards).openReader(runId);
  const firsts = new Map<number, ResultLine>();
  let unit = 0;
  for await (const placed of pages.all(runId)) {
    const first = placed.sameAs === null ? undefined : firsts.get(placed.sameAs);
    const line = first
      ? copiedLine(first, placed)
      : ownLine(placed, await rowAt(placed.index), endOfUnit(loaded.layout, loaded.ends, unit++));
    if (placed.copies > 0) firsts.set(placed.index, line);
    yield line;
  }
}

function endOfUnit(layout: Layout, ends: readonly StreamEnd[], unit: number): StreamEnd {
  return ends[streamOfUnit(layout, unit)] ?? { kind: 'died', code: null };
}

function ownLine({ index, issue }: PlacedIssue, row: LedgerRow | null, end: StreamEnd): ResultLine {
  const { failedAttempts, possiblyPaidTwice, calls, usage, costUsd } = row ?? NO_FACTS;
  const { answer = null, latencyMs = null } = row?.state === 'settled' ? row : {};
  const shortened = row !== null && isShortened(issue);
  const facts = { answer, latencyMs, calls, failedAttempts, usage, costUsd, possiblyPaidTwice, shortened };
  return { index, id: issue.id, title: issue.title, ...endOf(row, end), coalescedWith: null, cached: false, ...facts };
}

function copiedLine(first: ResultLine, { index, issue: { id, title } }: PlacedIssue): ResultLine {
  const paidByFirst = {
    latencyMs: null,
    calls: 0,
    failedAttempts: 0,
    usage: NO_USAGE,
    costUsd: 0,
    possiblyPaidTwice: false,
  };
  return { ...first, ...paidByFirst, index, id, title, coalescedWith: first.id };
}
