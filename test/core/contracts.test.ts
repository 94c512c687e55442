import { describe, expect, test } from 'vitest';
import { termsOf } from '../../src/core/capacity/terms.ts';
import {
  type AnalyzeInput,
  AnalyzeInputSchema,
  type AnalyzeOutput,
  AnalyzeOutputSchema,
  CONTRACTS,
  type Loaded,
  RETRY,
  type RunInput,
  type StreamInput,
} from '../../src/core/contracts.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { FRESH_STREAM, fold } from '../../src/core/stream-state.ts';
import {
  capacityView,
  deferred,
  failedWith,
  foldedRun,
  NOON_MS,
  plan,
  reportInput,
  seen,
  serviceLimits,
  settled,
  summary,
} from '../helpers/factories.ts';

const runInput: RunInput = {
  runId: 'run-1',
  attempt: 1,
  source: { blob: 'run-1/source.json', format: 'json', limit: null },
  plan: plan({ maxTokens: 1_000_000, maxCostUsd: 2.5, tokensPerMinute: 90_000, bufferPercent: 5 }),
};
const loaded: Loaded = {
  total: 3,
  units: 2,
  openList: '0a1b2c3d',
  kept: { ...NO_PROGRESS, succeeded: 1 },
  promptTokensEach: 412.5,
  promptTokensMost: 700,
};
const streamInput: StreamInput = {
  runId: 'run-1',
  attempt: 2,
  stream: 0,
  plan: plan(),
  openList: null,
  terms: termsOf(plan(), loaded),
  deadlineAtMs: NOON_MS,
  state: fold(
    FRESH_STREAM,
    [0, 1, 2],
    [settled({ seen: seen({ limits: serviceLimits() }) }), deferred(NOON_MS + 5_000), null],
    { nextAtMs: NOON_MS + 1_000, deployment: 'gpt-4o-mini' },
  ),
};
const { stopped, progress, used } = streamInput.state;
const analyzeInput: AnalyzeInput = {
  runId: 'run-1',
  attempt: 1,
  openList: '0a1b2c3d',
  unit: 0,
  startAtMs: NOON_MS + 0.5,
  maxCompletionTokens: 144,
  plan: {
    analysis: 'triage',
    deployment: 'gpt-4o-mini',
    concurrency: 10,
    requestTimeoutMs: 60_000,
    ledgerShards: 1,
    useCache: true,
  },
};
const notStarted: AnalyzeOutput = { kind: 'not_started', reason: 'cancelled', seen: seen({ calls: 0 }) };
const folded = foldedRun({
  loaded,
  ends: [{ kind: 'budget', code: null }],
  progress: streamInput.state.progress,
  capacity: capacityView({ callMs: { count: 2, mean: 1_500.5, cv: 0.2 }, closedUntilMs: NOON_MS }),
});

test('each durable function is registered under its own key', () => {
  expect(Object.entries(CONTRACTS).map(([key, { name }]) => [key, name])).toEqual([
    ['processIssues', 'processIssues'],
    ['processStream', 'processStream'],
    ['loadIssues', 'loadIssues'],
    ['analyzeIssue', 'analyzeIssue'],
    ['buildReport', 'buildReport'],
  ]);
});

describe('what crosses a boundary', () => {
  test.each([
    ['processIssues', runInput, summary()],
    ['processStream', streamInput, { stopped, progress, used }],
    ['loadIssues', runInput, loaded],
    ['analyzeIssue', analyzeInput, settled()],
    ['buildReport', reportInput({ loaded: folded }), summary()],
  ] as const)('of %s survives JSON and its schema', (key, input, output) => {
    const contract = CONTRACTS[key];
    expect(contract.input.parse(JSON.parse(JSON.stringify(input)))).toEqual(input);
    expect(contract.output.parse(JSON.parse(JSON.stringify(output)))).toEqual(output);
  });

  test('to an activity is no more of the plan than it needs', () => {
    expect(AnalyzeInputSchema.parse({ ...analyzeInput, plan: plan() })).toEqual(analyzeInput);
  });

  test('to an activity is the number of tables, without which it cannot find the ledger', () => {
    const { ledgerShards: _, ...shardless } = analyzeInput.plan;
    expect(AnalyzeInputSchema.safeParse({ ...analyzeInput, plan: shardless }).success).toBe(false);
  });

  test('from an activity is settled, deferred or not started, and nothing else', () => {
    for (const output of [settled(), failedWith('timeout'), deferred(1), notStarted]) {
      expect(AnalyzeOutputSchema.parse(output)).toEqual(output);
    }
    expect(AnalyzeOutputSchema.safeParse({ ...settled(), kind: 'done' }).success).toBe(false);
    expect(AnalyzeOutputSchema.safeParse({ ...settled(), outcome: 'not_started' }).success).toBe(false);
  });
});

test('activities are tried five times, 2, 4, 8 and 16 seconds apart', () => {
  const delaysMs = Array.from({ length: RETRY.maxAttempts - 1 }, (_, k) => RETRY.firstDelayMs * RETRY.backoff ** k);
  expect(delaysMs).toEqual([2_000, 4_000, 8_000, 16_000]);
});
