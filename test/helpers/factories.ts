import type { AnalyzeOutput, ReportInput, RunSummary } from '../../src/core/contracts.ts';
import type { Issue } from '../../src/core/issues.ts';
import type { LedgerFacts, SettledRow, Settlement } from '../../src/core/ledger.ts';
import type { ResultLine } from '../../src/core/report.ts';
import type { RunPlan } from '../../src/core/run-request.ts';
import type { Settings } from '../../src/core/settings.ts';
import { NO_USAGE } from '../../src/core/usage.ts';

/** A run's plan: `triage` on `gpt-4o-mini`, 10 calls at a time, batches of 20, 3 streams, a pause of 1 s. */
export function plan(changes: Partial<RunPlan> = {}): RunPlan {
  return {
    analysis: 'triage',
    deployment: 'gpt-4o-mini',
    concurrency: 10,
    batchSize: 20,
    streams: 3,
    batchDelayMs: 1_000,
    requestTimeoutMs: 60_000,
    deadlineMs: null,
    ledgerShards: 1,
    ...changes,
  };
}

/** The settings of an app with an endpoint, a deployment and storage; everything else by default. */
export function settings(changes: Partial<Settings> = {}): Settings {
  return {
    endpoint: 'https://example.openai.azure.com',
    deployment: 'gpt-4o-mini',
    apiKey: null,
    concurrency: 10,
    ceiling: 10,
    batchSize: 20,
    streams: 3,
    batchDelayMs: 1_000,
    requestTimeoutSeconds: 120,
    maxConnections: 20,
    maxConnectionsPerHost: 10,
    tableShards: 1,
    storage: 'UseDevelopmentStorage=true',
    storageAccount: null,
    identityClientId: null,
    ...changes,
  };
}

/** An issue with a title and a description. */
export function issue(changes: Partial<Issue> = {}): Issue {
  return { id: 'APP-1', title: 'Save fails', description: 'The disk is full.', ...changes };
}

type Settled = Extract<AnalyzeOutput, { kind: 'settled' }>;

/** What `analyzeIssue` answers for a success of one call: 100 prompt tokens, 10 completion tokens, $0.001. */
export function settled(changes: Partial<Settled> = {}): Settled {
  return {
    kind: 'settled',
    outcome: 'succeeded',
    code: null,
    copies: 0,
    calls: 1,
    failedAttempts: 0,
    usage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
    costUsd: 0.001,
    ...changes,
  };
}

/** What `analyzeIssue` answers for a failure. */
export function failedWith(code: string): Settled {
  return settled({ outcome: 'failed', code, usage: NO_USAGE, costUsd: 0 });
}

/** What `analyzeIssue` answers when the service says "not now". */
export function deferred(notBeforeMs: number, code = 'rate_limited'): AnalyzeOutput {
  return { kind: 'deferred', code, notBeforeMs };
}

/** What the ledger keeps of an issue whose one call succeeded. */
export function ledgerFacts(changes: Partial<LedgerFacts> = {}): LedgerFacts {
  const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 };
  return { failedAttempts: 0, possiblyPaidTwice: false, calls: 1, usage, costUsd: 0.001, ...changes };
}

/** A settled ledger row: a success, unless changed. */
export function settledRow(changes: Partial<Settlement & LedgerFacts> = {}): SettledRow {
  return {
    state: 'settled',
    ...ledgerFacts(),
    outcome: 'succeeded',
    code: null,
    answer: { category: 'bug', priority: 'high' },
    latencyMs: 1_500,
    requestId: 'req-1',
    ...changes,
  };
}

/** One line of the results: a success of category `bug` and priority `high`. */
export function resultLine(changes: Partial<ResultLine> = {}): ResultLine {
  return {
    index: 0,
    id: 'APP-1',
    title: 'Save fails',
    outcome: 'succeeded',
    code: null,
    coalescedWith: null,
    cached: false,
    answer: { category: 'bug', priority: 'high' },
    latencyMs: 1_500,
    calls: 1,
    failedAttempts: 0,
    usage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
    costUsd: 0.001,
    possiblyPaidTwice: false,
    shortened: false,
    ...changes,
  };
}

/** A result line without a success. */
export function unsuccessful(outcome: 'failed' | 'skipped' | 'not_started', code: string, id = 'APP-1'): ResultLine {
  return resultLine({ id, outcome, code, answer: null, latencyMs: null, calls: 0, usage: NO_USAGE, costUsd: 0 });
}

/** Noon of 1 January 2026, in milliseconds since 1970: when test runs start. */
export const NOON_MS = Date.UTC(2026, 0, 1, 12);

/** Input of `buildReport` for a run of one stream that took 90 s. */
export function reportInput(changes: Partial<ReportInput> = {}): ReportInput {
  return {
    runId: 'run-1',
    attempt: 1,
    plan: plan(),
    startedAtMs: NOON_MS,
    endedAtMs: NOON_MS + 90_000,
    failure: null,
    loaded: {
      layout: { units: 1, batchSize: 20, streams: 1 },
      ends: [{ kind: 'drained', code: null }],
      deferrals: 0,
      batches: 1,
    },
    ...changes,
  };
}

/** The figures of a run of three issues: one succeeded, one failed, one not started. */
export function summary(changes: Partial<RunSummary> = {}): RunSummary {
  return {
    runId: 'run-1',
    attempt: 1,
    analysis: 'triage',
    status: 'completed',
    error: null,
    startedAt: '2026-01-01T12:00:00.000Z',
    endedAt: '2026-01-01T12:01:30.000Z',
    durationMs: 90_000,
    total: 3,
    succeeded: 1,
    failed: 1,
    skipped: 0,
    notStarted: 1,
    cached: 0,
    coalesced: 0,
    batches: 2,
    deferrals: 0,
    calls: 2,
    possiblyPaidTwice: 0,
    shortened: 0,
    tokens: { promptTokens: 100, completionTokens: 10, cachedTokens: 0, totalTokens: 110 },
    costUsd: 0.001,
    ...changes,
  };
}
