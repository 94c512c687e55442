import { describe, expect, test } from 'vitest';
import { delay } from '../../local/testing/activity-time.ts';
import type { AnalyzeOutput, RunInput } from '../../src/core/contracts.ts';
import { capacity } from '../../src/entities/capacity.ts';
import { failedWith, NOON_MS, plan, settled, summary } from '../helpers/factories.ts';
import { activities, analyzedUnits, loaded, reportInputs, runOrchestration } from '../helpers/replay.ts';
import { numbers } from '../helpers/streams.ts';

/** Input of a run whose first batches are whole ones. */
function runInput(changes: Partial<RunInput['plan']> = {}): RunInput {
  return {
    runId: 'run-1',
    attempt: 1,
    source: { blob: 'run-1/source.json', format: 'json', limit: null },
    plan: plan({ concurrency: 60, ...changes }),
  };
}

const drained = { kind: 'drained', code: null };

describe('issues that cannot be loaded', () => {
  test('are tried five times; then there is a report that says so, and the run has failed', async () => {
    const unreadable = activities({
      loadIssues() {
        throw new Error('row 7 is broken');
      },
      buildReport: () => summary({ status: 'failed' }),
    });
    const run = await runOrchestration('processIssues', runInput(), unreadable);
    expect(run.calls.map(({ name, atMs }) => [name, atMs - NOON_MS])).toEqual([
      ['loadIssues', 0],
      ['loadIssues', 2_000],
      ['loadIssues', 6_000],
      ['loadIssues', 14_000],
      ['loadIssues', 30_000],
      ['buildReport', 30_000],
    ]);
    expect(reportInputs(run)[0]).toMatchObject({
      failure: 'row 7 is broken',
      loaded: null,
      startedAtMs: NOON_MS,
      endedAtMs: NOON_MS + 30_000,
    });
    expect(run).toMatchObject({ runtimeStatus: 'Failed', capacity: null });
    expect(run.output).toContain('row 7 is broken');
  });

  test('are reported by the first line, in the words of the activity', async () => {
    const unreadable = activities({
      loadIssues() {
        throw new Error('loadIssues failed: line 2 must be valid JSON\nbeyond the first line');
      },
      buildReport: () => summary({ status: 'failed' }),
    });
    const run = await runOrchestration('processIssues', runInput(), unreadable);
    expect(reportInputs(run)[0]?.failure).toBe('loadIssues failed: line 2 must be valid JSON');
  });

  test('once, and then can, are forgotten', async () => {
    let attempts = 0;
    const flaky = activities({
      loadIssues() {
        attempts += 1;
        if (attempts === 1) throw new Error('storage is busy');
        return loaded(1);
      },
    });
    const run = await runOrchestration('processIssues', runInput(), flaky);
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary() });
    expect(analyzedUnits(run)).toEqual([0]);
  });
});

describe('a stream that dies', () => {
  const brokenAnswer = { kind: 'settled' } as unknown as AnalyzeOutput;
  const oneDies = activities({
    loadIssues: () => loaded(120),
    analyzeIssue: ({ unit }) => (unit === 25 ? brokenAnswer : settled()),
  });

  test('is reported as died; the others do the rest', async () => {
    const run = await runOrchestration('processIssues', runInput(), oneDies);
    expect(run.runtimeStatus).toBe('Completed');
    const [report] = reportInputs(run);
    expect(report?.loaded?.ends).toEqual([drained, { kind: 'died', code: null }, drained]);
    expect(report?.failure).toBeNull();
    // Of the five batches of those that came to their ends.
    expect(report?.loaded?.progress).toMatchObject({ batches: 5, succeeded: 100 });
    expect(analyzedUnits(run).toSorted((a, b) => a - b)).toEqual(numbers(120));
  });

  test('leaves nothing at the deployment', async () => {
    const run = await runOrchestration('processIssues', runInput(), oneDies);
    expect(run.capacity).toMatchObject({ runs: {}, grants: {} });
    expect(reportInputs(run)[0]?.loaded?.capacity?.callMs?.count).toBe(100);
  });
});

describe('a failure that is the same for every issue', () => {
  const fatal = { kind: 'fatal', code: 'unauthorized' };

  test('stops each stream after three in a row, with its code in the report', async () => {
    const wrongKey = activities({ loadIssues: () => loaded(200), analyzeIssue: () => failedWith('unauthorized') });
    const run = await runOrchestration('processIssues', runInput(), wrongKey);
    expect(reportInputs(run)[0]?.loaded?.ends).toEqual([fatal, fatal, fatal]);
    expect(analyzedUnits(run)).toHaveLength(60);
    expect(run.endedAtMs).toBe(NOON_MS);
  });

  test('in one stream stops the others at their next batch', async () => {
    const run = await runOrchestration(
      'processIssues',
      runInput(),
      activities({
        loadIssues: () => loaded(200),
        async analyzeIssue({ unit }) {
          if (unit < 20) return failedWith('unauthorized');
          await delay(5_000);
          return settled();
        },
      }),
    );
    expect(reportInputs(run)[0]?.loaded?.ends).toEqual([fatal, fatal, fatal]);
    expect(reportInputs(run)[0]?.loaded?.progress).toMatchObject({ succeeded: 40, failed: 20 });
    expect(analyzedUnits(run).toSorted((a, b) => a - b)).toEqual(numbers(60));
    // Ten activities at a time: four rounds of 5 s, and the pause.
    expect(run.endedAtMs).toBe(NOON_MS + 21_000);
  });
});

describe('what ends all streams', () => {
  test('a cancelled run', async () => {
    const told = [{ afterMs: 500, control: 'cancelled' as const }];
    const many = activities({ loadIssues: () => loaded(200) });
    const run = await runOrchestration('processIssues', runInput(), many, { told });
    const cancelled = { kind: 'cancelled', code: null };
    expect(reportInputs(run)[0]?.loaded?.ends).toEqual([cancelled, cancelled, cancelled]);
    expect(analyzedUnits(run)).toHaveLength(60);
    expect(run).toMatchObject({ runtimeStatus: 'Completed', endedAtMs: NOON_MS + 1_000 });
  });

  test('a budget that is used up', async () => {
    // Each call may take 400 + 1,200 tokens and is billed 110.
    const many = activities({ loadIssues: () => loaded(1_000) });
    const run = await runOrchestration('processIssues', runInput({ maxTokens: 50_000 }), many);
    const budget = { kind: 'budget', code: null };
    const { ends, progress } = reportInputs(run)[0]?.loaded ?? {};
    expect(ends).toEqual([budget, budget, budget]);
    const billed = 110 * (progress?.succeeded ?? 0);
    expect(billed).toBeLessThanOrEqual(50_000);
    expect(billed).toBeGreaterThan(50_000 - 1_600);
  });

  test('the deadline, which counts from the start of the run, not from the end of loading', async () => {
    const run = await runOrchestration(
      'processIssues',
      runInput({ deadlineMs: 10_000, batchDelayMs: 4_000, streams: 1, batchSize: 1 }),
      activities({
        async loadIssues() {
          await delay(5_000);
          return loaded(100);
        },
      }),
    );
    // Batches at 5 s and 9 s; the next would come after the deadline at 10 s.
    expect(analyzedUnits(run)).toEqual([0, 1]);
    expect(reportInputs(run)[0]).toMatchObject({
      endedAtMs: NOON_MS + 10_000,
      loaded: { ends: [{ kind: 'deadline', code: null }] },
    });
  });
});

describe('the entity of the deployment', () => {
  test('that fails when the run leaves costs the report no more than what is known of it', async () => {
    const run = await runOrchestration('processIssues', runInput(), activities(), {
      capacity(context) {
        if (context.df.operationName === 'leave') throw new Error('no state');
        return capacity(context);
      },
    });
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary() });
    expect(reportInputs(run)[0]?.loaded).toMatchObject({ ends: [drained], capacity: null });
  });

  test('that always fails: the streams die, and there is a report', async () => {
    const run = await runOrchestration('processIssues', runInput(), activities(), {
      capacity() {
        throw new Error('no state');
      },
    });
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary() });
    expect(reportInputs(run)[0]?.loaded).toMatchObject({ ends: [{ kind: 'died', code: null }], capacity: null });
  });
});

test('a report that cannot be written fails the run', async () => {
  const run = await runOrchestration(
    'processIssues',
    runInput(),
    activities({
      buildReport() {
        throw new Error('no storage');
      },
    }),
  );
  expect(run.runtimeStatus).toBe('Failed');
  expect(run.output).toContain('no storage');
  expect(reportInputs(run)).toHaveLength(5);
});
