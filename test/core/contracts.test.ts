import { describe, expect, test } from 'vitest';
import {
  AnalyzeInputSchema,
  AnalyzeOutputSchema,
  CONTRACTS,
  RETRY,
  type RunInput,
  type StreamInput,
} from '../../src/core/contracts.ts';
import { FRESH_STREAM } from '../../src/core/stream-state.ts';
import { deferred, failedWith, NOON_MS, plan, reportInput, settled, summary } from '../helpers/factories.ts';

const runInput: RunInput = {
  runId: 'run-1',
  attempt: 1,
  source: { blob: 'run-1/source.json', format: 'json', limit: null },
  plan: plan(),
};
const streamInput: StreamInput = {
  runId: 'run-1',
  stream: 0,
  plan: plan(),
  layout: { units: 40, batchSize: 20, streams: 2 },
  deadlineAtMs: NOON_MS,
  state: FRESH_STREAM,
};
const analyzeInput = {
  runId: 'run-1',
  unit: 0,
  plan: { analysis: 'triage', deployment: 'gpt-4o-mini', concurrency: 10, requestTimeoutMs: 60_000, ledgerShards: 1 },
};

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
    ['processStream', streamInput, { stopped: null, progress: FRESH_STREAM.progress }],
    ['loadIssues', runInput, { total: 3, units: 2 }],
    ['analyzeIssue', analyzeInput, settled()],
    ['buildReport', reportInput(), summary()],
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

  test('from an activity is settled or deferred, and nothing else', () => {
    for (const output of [settled(), failedWith('timeout'), deferred(1)]) {
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
