import type { ReportInput, RunSummary, StreamEnd } from './contracts.ts';
import { FAILURES, handlingOf, isFailureCode } from './failures.ts';
import type { LedgerRow, SettledOutcome, SpentMs } from './ledger.ts';
import { createFigures } from './report-figures.ts';
import { addCost, addUsage, NO_USAGE, type Usage } from './usage.ts';
import { verdictOf } from './verdict.ts';

/** What became of an issue. */
export type Outcome = SettledOutcome | 'not_started';

/** One line of the results: an issue and what became of it. */
export interface ResultLine {
  /** 0-based place in the input. */
  readonly index: number;
  readonly id: string;
  readonly title: string;
  readonly outcome: Outcome;
  /** Failure code, reason of a skip, or reason of not being started; null for a success. */
  readonly code: string | null;
  /** The id of the issue with equal content whose call answered this one too; null if it had its own. */
  readonly coalescedWith: string | null;
  /** Whether the answer came without a call of the run. */
  readonly cached: boolean;
  /** By the analysis' schema; null unless succeeded. */
  readonly answer: unknown;
  /** The run's attempt that came to it last; null if none did. */
  readonly attempt: number | null;
  /** Time of the call that was answered last, in milliseconds; null without one. */
  readonly callMs: number | null;
  /** When that was, in milliseconds since 1970. */
  readonly answeredAtMs: number | null;
  /** Over all attempts, as is what follows. */
  readonly spentMs: SpentMs;
  readonly calls: number;
  readonly failedAttempts: number;
  /** Tokens that the service counted for admission. */
  readonly admittedTokens: number;
  readonly usage: Usage;
  readonly costUsd: number | null;
  readonly possiblyPaidTwice: boolean;
  /** Whether the model saw only the beginning and the end of the issue. */
  readonly shortened: boolean;
}

/** Failures of one code. */
export interface ErrorGroup {
  readonly code: string;
  readonly outcome: Outcome;
  readonly count: number;
  /** Up to five ids. */
  readonly exampleIds: readonly string[];
  readonly advice: string;
}

/** The fan-in of a run. */
export interface Report extends RunSummary {
  readonly deployment: string;
  readonly concurrency: number;
  /** Counts of successes by two fields of the answer. */
  readonly table: {
    readonly rows: string;
    readonly columns: string;
    readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
  };
  /** What concerns every issue first, then by count. */
  readonly errors: readonly ErrorGroup[];
}

const OTHER_ADVICE: Readonly<Record<string, string>> = {
  empty_issue: 'There was nothing to read: no letter and no digit in title, description and comments.',
  cancelled: 'The run was cancelled before these issues had their turn; retrying it goes on from there.',
  budget: 'The run reached its cap on cost or tokens; retrying it with a higher cap goes on from there.',
  deadline: 'The run reached its deadline; retrying it with a higher deadlineSeconds goes on from there.',
  fatal: 'The run stopped drawing work because of an error that is the same for every issue; see the first error.',
};

/** What a code asks of the reader. */
export function adviceFor(code: string): string {
  return isFailureCode(code) ? FAILURES[code].advice : (OTHER_ADVICE[code] ?? '');
}

/**
 * The outcome of an issue by its ledger row, once the run has ended.
 *
 * A row that is not settled is a failure if a worker had its turn with it, and not started if the run stopped before.
 *
 * @param row - null when no worker has come to the issue
 * @param end - of the run, see `endOfRun`
 */
export function endOf(row: LedgerRow | null, end: StreamEnd): { outcome: Outcome; code: string | null } {
  if (row?.state === 'settled') return { outcome: row.outcome, code: row.code };
  if (end.kind === 'died') return { outcome: 'failed', code: 'stream_failed' };
  if (row?.state === 'unknown' || (row?.state === 'released' && handlingOf(row.code) === 'retry')) {
    return { outcome: 'failed', code: row.code };
  }
  if (row?.state === 'claimed' || end.kind === 'drained') return { outcome: 'failed', code: 'activity_failed' };
  return { outcome: 'not_started', code: end.kind };
}

/** Gathers result lines, in input order, into a report. */
export function createReportBuilder(input: ReportInput, table: { rows: string; columns: string }) {
  const byOutcome: Record<Outcome, number> = { succeeded: 0, failed: 0, skipped: 0, not_started: 0 };
  const counts = createTableCounts(table);
  const groups = createErrorGroups();
  const figures = createFigures(input);
  let [usage, costUsd] = [NO_USAGE, 0 as number | null];
  let [total, cached, coalesced, calls, admittedTokens, possiblyPaidTwice, shortened] = [0, 0, 0, 0, 0, 0, 0];

  return {
    add(line: ResultLine): void {
      total += 1;
      byOutcome[line.outcome] += 1;
      calls += line.calls;
      admittedTokens += line.admittedTokens;
      figures.add(line);
      usage = addUsage(usage, line.usage);
      costUsd = addCost(costUsd, line.costUsd);
      if (line.possiblyPaidTwice) possiblyPaidTwice += 1;
      if (line.shortened) shortened += 1;
      if (line.code !== null) groups.add(line, line.code);
      if (line.outcome !== 'succeeded') return;
      if (line.cached) cached += 1;
      if (line.coalescedWith !== null) coalesced += 1;
      counts.add(line.answer as Record<string, unknown>);
    },
    /** The figures alone, then everything. */
    build(): { summary: RunSummary; report: Report } {
      const { succeeded, failed, skipped, not_started: notStarted } = byOutcome;
      const counted = {
        ...headOf(input),
        total,
        succeeded,
        failed,
        skipped,
        notStarted,
        cached,
        coalesced,
        calls,
        possiblyPaidTwice,
        shortened,
        costUsd,
        tokens: { ...usage, totalTokens: usage.promptTokens + usage.completionTokens },
        ...figures.build({ succeeded, calls, admittedTokens, costUsd }),
      };
      const summary: RunSummary = { ...counted, verdict: verdictOf(counted, input.plan) };
      const { deployment, concurrency } = input.plan;
      const parts = { table: { ...table, counts: counts.all() }, errors: groups.all() };
      return { summary, report: { ...summary, deployment, concurrency, ...parts } };
    },
  };
}

/** What a summary has from the run itself. */
function headOf({ runId, attempt, plan, startedAtMs, endedAtMs, failure, loaded }: ReportInput) {
  return {
    runId,
    attempt,
    analysis: plan.analysis,
    status: loaded === null ? ('failed' as const) : ('completed' as const),
    error: failure,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(endedAtMs).toISOString(),
    durationMs: endedAtMs - startedAtMs,
    batches: loaded?.progress.batches ?? 0,
    deferrals: loaded?.progress.deferrals ?? 0,
  };
}

/** Maps, not objects: an answer may be named like a member that every object has. */
function createTableCounts(table: { rows: string; columns: string }) {
  const counts = new Map<string, Map<string, number>>();
  return {
    add(answer: Record<string, unknown>): void {
      const [row, column] = [String(answer[table.rows]), String(answer[table.columns])];
      const columns = counts.get(row) ?? new Map<string, number>();
      counts.set(row, columns.set(column, (columns.get(column) ?? 0) + 1));
    },
    all: () => Object.fromEntries([...counts].map(([row, columns]) => [row, Object.fromEntries(columns)])),
  };
}

function createErrorGroups() {
  const groups = new Map<string, { code: string; outcome: Outcome; count: number; exampleIds: string[] }>();
  return {
    add({ id, outcome }: ResultLine, code: string): void {
      const key = `${outcome} ${code}`;
      const group = groups.get(key) ?? { code, outcome, count: 0, exampleIds: [] };
      group.count += 1;
      if (group.exampleIds.length < 5) group.exampleIds.push(id);
      groups.set(key, group);
    },
    all: (): ErrorGroup[] =>
      [...groups.values()].map(group => ({ ...group, advice: adviceFor(group.code) })).sort(byWeight),
  };
}

function byWeight(a: ErrorGroup, b: ErrorGroup): number {
  const concernsAll = ({ code }: ErrorGroup) => Number(isFailureCode(code) && handlingOf(code) === 'stop');
  return concernsAll(b) - concernsAll(a) || b.count - a.count || a.code.localeCompare(b.code);
}
