import { analysisNamed } from '../core/analyses.ts';
import { type Analysis, isShortened } from '../core/analysis.ts';
import { CONTRACTS, type ReportInput, type StreamEnd } from '../core/contracts.ts';
import { factsOf, type LedgerRow, NO_FACTS, NO_TIME } from '../core/ledger.ts';
import { createReportBuilder, endOf, type Report, type ResultLine } from '../core/report.ts';
import { endOfRun } from '../core/report-figures.ts';
import { NO_USAGE } from '../core/usage.ts';
import type { AnswerCache } from '../services/answer-cache.ts';
import type { IssuePages } from '../services/issue-pages.ts';
import type { PlacedIssue } from '../services/issue-source.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import type { ResultsStore } from '../services/results.ts';
import type { RunStore } from '../services/run-store.ts';
import { defineActivity } from './define-activity.ts';
import { openAnswerKeeper } from './keep-answers.ts';
import { type DeletionServices, unlessDeleted } from './unless-deleted.ts';

interface Services extends DeletionServices {
  readonly pages: Pick<IssuePages, 'all'>;
  /** The ledger over that many tables. */
  readonly ledger: (shards: number) => Pick<LedgerStore, 'openReader'>;
  readonly results: Pick<ResultsStore, 'openWriter' | 'writeReport'>;
  readonly runs: Pick<RunStore, 'finish' | 'read'>;
  readonly cache: Pick<AnswerCache, 'openWriter'>;
}

/**
 * Folds issues and ledger of a run into results and report, and puts the figures into the run's row. Of a run that was
 * deleted meanwhile nothing stays.
 */
export function createBuildReport(services: Services) {
  return defineActivity(CONTRACTS.buildReport, async (input, log) => {
    const { summary, report } = await unlessDeleted(services, input, () => fold(services, input, log));
    await services.runs.finish(input.runId, summary);
    log(endLine(report));
    return summary;
  });
}

async function fold(services: Services, input: ReportInput, log: (line: string) => void) {
  const { results, cache } = services;
  const analysis = analysisNamed(input.plan.analysis);
  const builder = createReportBuilder(input, analysis.table);
  const writer = results.openWriter(input.runId, answerFields(analysis));
  const keeper = openAnswerKeeper(cache, input, log);
  for await (const { line, placed } of resultLines(services, input)) {
    builder.add(line);
    await writer.add(line);
    await keeper.add(line, placed.fingerprint);
  }
  await Promise.all([writer.close(), keeper.close()]);
  const built = builder.build();
  await results.writeReport(input.runId, built.report);
  return built;
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
): AsyncGenerator<{ readonly line: ResultLine; readonly placed: PlacedIssue }> {
  if (loaded === null) return;
  const rowAt = ledger(plan.ledgerShards).openReader(runId);
  const end = endOfRun(loaded.ends);
  const firsts = createFirsts();
  for await (const placed of pages.all(runId)) {
    const first = placed.sameAs === null ? null : firsts.take(placed.sameAs);
    const line = first ? copiedLine(first, placed) : ownLine(placed, await rowAt(placed.index), end);
    firsts.keep(line, placed.copies);
    yield { line, placed };
  }
}

/** Lines that stand for further issues, each kept until the last of these. */
function createFirsts() {
  const firsts = new Map<number, { readonly line: ResultLine; copies: number }>();
  return {
    keep(line: ResultLine, copies: number): void {
      if (copies > 0) firsts.set(line.index, { line, copies });
    },
    take(index: number): ResultLine | null {
      const first = firsts.get(index);
      if (!first) return null;
      first.copies -= 1;
      if (first.copies === 0) firsts.delete(index);
      return first.line;
    },
  };
}

function ownLine({ index, issue }: PlacedIssue, row: LedgerRow | null, end: StreamEnd): ResultLine {
  const settlement = row?.state === 'settled' ? row : UNSETTLED;
  const { answer, cached, callMs, answeredAtMs } = settlement;
  return {
    index,
    id: issue.id,
    title: issue.title,
    ...endOf(row, end),
    coalescedWith: null,
    cached,
    answer,
    callMs,
    answeredAtMs,
    ...(row ? factsOf(row) : { ...NO_FACTS, attempt: null }),
    shortened: row !== null && isShortened(issue),
  };
}

const UNSETTLED = { answer: null, cached: false, callMs: null, answeredAtMs: null };

function copiedLine(first: ResultLine, { index, issue: { id, title } }: PlacedIssue): ResultLine {
  return { ...first, ...PAID_BY_FIRST, index, id, title, coalescedWith: first.id };
}

const PAID_BY_FIRST = {
  callMs: null,
  answeredAtMs: null,
  spentMs: NO_TIME,
  calls: 0,
  failedAttempts: 0,
  admittedTokens: 0,
  usage: NO_USAGE,
  costUsd: 0,
  possiblyPaidTwice: false,
};
