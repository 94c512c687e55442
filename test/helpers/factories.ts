import type { CapacityView, ServiceLimits } from '../../src/core/capacity/messages.ts';
import type { AnalyzeOutput, ReportInput, RunSummary, Seen } from '../../src/core/contracts.ts';
import type { Issue } from '../../src/core/issues.ts';
import {
  type LedgerFacts,
  type LedgerRow,
  NO_CALLS,
  NO_FACTS,
  type SettledRow,
  type Settlement,
} from '../../src/core/ledger.ts';
import type { PlanReply } from '../../src/core/plan-reply.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import type { ResultLine } from '../../src/core/report.ts';
import { RunFiguresSchema } from '../../src/core/run-figures.ts';
import type { RunPlan } from '../../src/core/run-request.ts';
import type { Settings } from '../../src/core/settings.ts';

/** A run's plan: `triage` on `gpt-4o-mini`, 10 calls at a time, batches of 20, 3 streams, a pause of 1 s. */
export function plan(changes: Partial<RunPlan> = {}): RunPlan {
  return {
    analysis: 'triage',
    deployment: 'gpt-4o-mini',
    concurrency: 10,
    concurrencyScope: 'process',
    batchSize: 20,
    streams: 3,
    batchDelayMs: 1_000,
    requestTimeoutMs: 60_000,
    deadlineMs: null,
    ledgerShards: 1,
    maxCompletionTokens: 1_200,
    price: { inputUsd: 0.15, outputUsd: 0.6 },
    maxTokens: null,
    maxCostUsd: null,
    spent: { tokens: 0, usd: 0 },
    useCache: true,
    cacheTtlMs: 2_592_000_000,
    tokensPerMinute: null,
    requestsPerMinute: null,
    bufferPercent: null,
    tokenSliceMs: 60_000,
    ...changes,
  };
}

/** The settings of an app with an endpoint, a deployment and storage; everything else by default. */
export function settings(changes: Partial<Settings> = {}): Settings {
  return {
    endpoint: 'https://example.openai.azure.com',
    deployment: 'gpt-4o-mini',
    apiKey: null,
    concurrency: null,
    ceiling: 10,
    batchSize: null,
    streams: 3,
    batchDelayMs: null,
    requestTimeoutSeconds: null,
    tokensPerMinute: null,
    requestsPerMinute: null,
    bufferPercent: null,
    tokenSliceSeconds: 60,
    cacheTtlSeconds: 2_592_000,
    cacheMemoryTtlSeconds: 300,
    cacheMaxSize: 100_000_000,
    maxConnections: 20,
    maxConnectionsPerHost: 10,
    workerProcesses: 1,
    tableShards: 1,
    storage: 'UseDevelopmentStorage=true',
    storageAccount: null,
    identityClientId: null,
    ...changes,
  };
}

/** What a run of three issues would take: three calls by a simulator, whose limits are known. */
export function planned(changes: Partial<PlanReply> = {}): PlanReply {
  return {
    analysis: 'triage',
    deployment: 'gpt-4o-mini',
    service: { endpoint: 'http://127.0.0.1:9', deployment: 'gpt-4o-mini', simulator: true },
    issues: 3,
    distinct: 3,
    empty: 0,
    answered: 0,
    cached: 0,
    calls: 3,
    expected: {
      promptTokens: 2_345,
      completionTokens: 540,
      admissionTokens: 5_000,
      costUsd: 0.0123,
      durationMs: 9_000,
      boundBy: 'latency',
      basis: 'observed',
      answers: 'typical',
      countedShare: 1,
    },
    concurrencyScope: 'process',
    settings: [
      { name: 'concurrency', value: 3, from: 'a run of 1 to 10 issues' },
      { name: 'batchSize', value: 5, from: 'a run of 1 to 10 issues' },
      { name: 'streams', value: 3, from: 'default' },
      { name: 'batchDelayMs', value: 1_000, from: 'default' },
      { name: 'requestTimeoutSeconds', value: 60, from: 'a run of 1 to 10 issues' },
    ],
    limits: [
      { name: 'tokensPerMinute', value: 100_000, from: 'the deployment' },
      { name: 'requestsPerMinute', value: null, from: 'not known yet' },
      { name: 'bufferPercent', value: 20, from: 'default, shrinking as estimates prove right' },
    ],
    warnings: [],
    ...changes,
  };
}

/** An issue with a title and a description. */
export function issue(changes: Partial<Issue> = {}): Issue {
  return { id: 'APP-1', title: 'Save fails', description: 'The disk is full.', ...changes };
}

type Settled = Extract<AnalyzeOutput, { kind: 'settled' }>;

/** What a deployment of 100,000 tokens and 600 requests a minute says of its limits, 20 s before its window ends. */
export function serviceLimits(changes: Partial<ServiceLimits> = {}): ServiceLimits {
  return {
    atMs: NOON_MS,
    tokensPerMinute: 100_000,
    remainingTokens: 90_000,
    tokensResetMs: 20_000,
    requestsPerMinute: 600,
    remainingRequests: 590,
    requestsResetMs: 20_000,
    ...changes,
  };
}

/** What a delivery of `analyzeIssue` tells of the service and of storage: one call without an answer, three requests. */
export function seen(changes: Partial<Seen> = {}): Seen {
  const storage = { operations: 3, ms: 9 };
  const calls = { ...NO_CALLS, calls: 1, admittedTokens: 1_300 };
  return { ...calls, retryAfterMs: null, limits: null, storage, ...changes };
}

/** The same of a call that was answered: 100 prompt tokens, 10 completion tokens, $0.001. */
export function sawAnswer(changes: Partial<Seen> = {}): Seen {
  const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 };
  return seen({ usage, costUsd: 0.001, lastUsage: changes.usage ?? usage, ...changes });
}

/** What `analyzeIssue` answers for a success of one call: 100 prompt tokens, 10 completion tokens, $0.001. */
export function settled(changes: Partial<Settled> = {}): Settled {
  return {
    kind: 'settled',
    outcome: 'succeeded',
    code: null,
    cached: false,
    copies: 0,
    failedAttempts: 0,
    callMs: 1_500,
    seen: sawAnswer(),
    ...changes,
  };
}

/** What `analyzeIssue` answers for a failure. */
export function failedWith(code: string): Settled {
  return settled({ outcome: 'failed', code, callMs: null, seen: seen() });
}

/** What `analyzeIssue` answers when the service says "not now". */
export function deferred(notBeforeMs: number, code = 'rate_limited', saw: Partial<Seen> = {}): AnalyzeOutput {
  return { kind: 'deferred', code, notBeforeMs, seen: seen({ admittedTokens: 0, throttled: 1, ...saw }) };
}

/** What the ledger keeps of an issue whose one call succeeded. */
export function ledgerFacts(changes: Partial<LedgerFacts> = {}): LedgerFacts {
  const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 };
  return {
    attempt: 1,
    failedAttempts: 0,
    possiblyPaidTwice: false,
    calls: 1,
    admittedTokens: 1_300,
    spentMs: { queue: 0, model: 1_500, throttle: 0, retry: 0 },
    usage,
    costUsd: 0.001,
    ...changes,
  };
}

/** A settled ledger row: a success, unless changed. */
export function settledRow(changes: Partial<Settlement & LedgerFacts & Pick<LedgerRow, 'untold'>> = {}): SettledRow {
  return {
    state: 'settled',
    ...ledgerFacts(),
    outcome: 'succeeded',
    code: null,
    answer: { category: 'bug', priority: 'high' },
    cached: false,
    callMs: 1_500,
    answeredAtMs: NOON_MS + 1_500,
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
    callMs: 1_500,
    answeredAtMs: NOON_MS + 1_500,
    ...ledgerFacts(),
    shortened: false,
    ...changes,
  };
}

/** A result line without a success. */
export function unsuccessful(outcome: 'failed' | 'skipped' | 'not_started', code: string, id = 'APP-1'): ResultLine {
  const nothing = { answer: null, callMs: null, answeredAtMs: null };
  return resultLine({ id, outcome, code, ...nothing, ...NO_FACTS });
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
    loaded: foldedRun(),
    ...changes,
  };
}

type FoldedRun = NonNullable<ReportInput['loaded']>;

/** What `buildReport` is told of a run of one issue that one stream did in one batch. */
export function foldedRun(changes: Partial<FoldedRun> = {}): FoldedRun {
  return {
    loaded: { total: 1, units: 1, openList: null, kept: NO_PROGRESS, promptTokensEach: 400, promptTokensMost: 700 },
    ends: [{ kind: 'drained', code: null }],
    progress: { ...NO_PROGRESS, batches: 1 },
    capacity: null,
    ...changes,
  };
}

/** What is known of a deployment that admits 100,000 tokens and 600 requests a minute, of which a tenth is kept free. */
export function capacityView(changes: Partial<CapacityView> = {}): CapacityView {
  return {
    tokensPerMinute: 100_000,
    requestsPerMinute: 600,
    bufferPercent: 10,
    maxCompletionTokens: {},
    meanCompletionTokens: {},
    callMs: null,
    closedUntilMs: null,
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
    ...RunFiguresSchema.parse({}),
    ...changes,
  };
}
