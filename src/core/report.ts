import type { ReportInput, RunSummary, StreamEnd } from './contracts.ts';
import { FAILURES, handlingOf, isFailureCode } from './failures.ts';
import type { LedgerRow, SettledOutcome } from './ledger.ts';
import { addCost, addUsage, NO_USAGE, type Usage } from './usage.ts';

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
  readonly cached: boolean;
  /** By the analysis' schema; null unless succeeded. */
  readonly answer: unknown;
  readonly latencyMs: number | null;
  readonly calls: number;
  readonly failedAttempts: number;
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

/** Spread of the issues' latencies in milliseconds: of each issue's last attempt, its repeats and waits included. */
export interface Latency {
  readonly mean: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The fan-in of a run. */
export interface Report extends RunSummary {
  readonly deployment: string;
  readonly concurrency: number;
  readonly latencyMs: Latency | null;
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
  deadline: 'The run reached its deadline: start these issues again, or set deadlineSeconds higher.',
  fatal: 'The run stopped drawing work because of an error that is the same for every issue; see the first error.',
};

/** What a code asks of the reader. */
export function adviceFor(code: string): string {
  return isFailureCode(code) ? FAILURES[code].advice : (OTHER_ADVICE[code] ?? '');
}

/**
 * The outcome of an issue by its ledger row, once its stream has ended.
 *
 * A row that is not settled is a failure if the stream had its turn with it or a call may have been billed, and not
 * started if the stream stopped before.
 *
 * @param row - null when no worker has come to the issue
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
  const latencies: number[] = [];
  let [usage, costUsd] = [NO_USAGE, 0 as number | null];
  let [total, cached, coalesced, calls, possiblyPaidTwice, shortened] = [0, 0, 0, 0, 0, 0];

  return {
    add(line: ResultLine): void {
      total += 1;
      byOutcome[line.outcome] += 1;
      calls += line.calls;
      usage = addUsage(usage, line.usage);
      costUsd = addCost(costUsd, line.costUsd);
      if (line.possiblyPaidTwice) possiblyPaidTwice += 1;
      if (line.shortened) shortened += 1;
      if (line.latencyMs !== null) latencies.push(line.latencyMs);
      if (line.code !== null) groups.add(line, line.code);
      if (line.outcome !== 'succeeded') return;
      if (line.cached) cached += 1;
      if (line.coalescedWith !== null) coalesced += 1;
      counts.add(line.answer as Record<string, unknown>);
    },
    /** The figures alone, then everything. */
    build(): { summary: RunSummary; report: Report } {
      const { succeeded, failed, skipped, not_started: notStarted } = byOutcome;
      const summary: RunSummary = {
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
      };
      const { deployment, concurrency } = input.plan;
      const parts = {
        latencyMs: latencyOf(latencies),
        table: { ...table, counts: counts.all() },
        errors: groups.all(),
      };
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
    batches: loaded?.batches ?? 0,
    deferrals: loaded?.deferrals ?? 0,
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

function latencyOf(latencies: readonly number[]): Latency | null {
  if (latencies.length === 0) return null;
  const sorted = Float64Array.from(latencies).sort();
  const nearestRank = (percent: number) => sorted[Math.ceil((percent * sorted.length) / 100) - 1] as number;
  const mean = Math.round(sorted.reduce((sum, value) => sum + value, 0) / sorted.length);
  return { mean, p50: nearestRank(50), p95: nearestRank(95), p99: nearestRank(99), max: nearestRank(100) };
}
