import { describe, expect, test } from 'vitest';
import { activityNowMs, delay } from '../../local/testing/activity-time.ts';
import type { AnalyzeOutput, RunInput } from '../../src/core/contracts.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { deferred, failedWith, NOON_MS, plan, settled, summary } from '../helpers/factories.ts';
import { activities, analyzedUnits, reportInputs, runOrchestration, togetherOnly } from '../helpers/replay.ts';

function runInput(changes: Partial<RunInput> = {}): RunInput {
  return {
    runId: 'run-1',
    attempt: 1,
    source: { blob: 'run-1/source.json', format: 'json', limit: null },
    plan: plan(),
    ...changes,
  };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('a run', () => {
  test('loads, analyses each unit once, and answers with the summary of its report', async () => {
    const input = runInput({ plan: plan({ ledgerShards: 4 }) });
    const run = await runOrchestration(
      'processIssues',
      input,
      activities({ loadIssues: () => ({ total: 45, units: 41 }) }),
    );
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary() });
    expect(analyzedUnits(run).toSorted((a, b) => a - b)).toEqual(numbers(41));
    expect(run.calls[0]).toMatchObject({ name: 'loadIssues', atMs: NOON_MS, input });
    expect(run.calls.find(({ name }) => name === 'analyzeIssue')?.input).toEqual({
      runId: 'run-1',
      unit: 0,
      plan: {
        analysis: 'triage',
        deployment: 'gpt-4o-mini',
        concurrency: 10,
        requestTimeoutMs: 60_000,
        ledgerShards: 4,
      },
    });
    const drained = { kind: 'drained', code: null };
    expect(reportInputs(run)).toEqual([
      {
        runId: 'run-1',
        attempt: 1,
        plan: plan({ ledgerShards: 4 }),
        startedAtMs: NOON_MS,
        endedAtMs: NOON_MS,
        failure: null,
        loaded: {
          layout: { units: 41, batchSize: 20, streams: 3 },
          ends: [drained, drained, drained],
          deferrals: 0,
          batches: 3,
        },
      },
    ]);
  });

  test('waits at least the pause between the batches of a stream, by one timer each', async () => {
    const slowly = activities({
      loadIssues: () => ({ total: 120, units: 120 }),
      async analyzeIssue() {
        await delay(10);
        return settled();
      },
    });
    const run = await runOrchestration('processIssues', runInput(), slowly);
    expect(run.output).toEqual(summary());
    const timesMs = new Map(run.calls.map(({ atMs, input }) => ['unit' in input ? input.unit : -1, atMs]));
    for (const stream of [0, 1, 2]) {
      expect(run.instance(`run-1:1:${stream}`).timers).toHaveLength(1);
      const firstBatch = numbers(20).map(n => timesMs.get(stream * 20 + n) ?? Number.NaN);
      const secondBatch = numbers(20).map(n => timesMs.get(60 + stream * 20 + n) ?? Number.NaN);
      expect(Math.min(...secondBatch) - Math.max(...firstBatch)).toBeGreaterThanOrEqual(1_000);
    }
    expect(run.instance('run-1').timers).toEqual([]);
  });

  test('has its streams under way side by side', async () => {
    const input = runInput({ plan: plan({ batchSize: 1, streams: 3 }) });
    const run = await runOrchestration('processIssues', input, activities({ analyzeIssue: togetherOnly(3) }));
    expect(run).toMatchObject({ runtimeStatus: 'Completed', endedAtMs: NOON_MS });
  });

  test('shows its phase and counts', async () => {
    const loads = activities({ loadIssues: () => ({ total: 45, units: 41 }) });
    const run = await runOrchestration('processIssues', runInput(), loads);
    const shown = new Set(run.instance('run-1').customStatuses.map(status => JSON.stringify(status)));
    expect([...shown].map(status => JSON.parse(status))).toEqual([
      { phase: 'loading', total: 0, units: 0, streams: 0 },
      { phase: 'analyzing', total: 45, units: 41, streams: 3 },
      { phase: 'reporting', total: 45, units: 41, streams: 3 },
    ]);
  });

  test('without issues has no streams, and still a report', async () => {
    const run = await runOrchestration(
      'processIssues',
      runInput(),
      activities({ loadIssues: () => ({ total: 0, units: 0 }), buildReport: () => summary({ total: 0 }) }),
    );
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary({ total: 0 }) });
    expect(run.calls.map(({ name }) => name)).toEqual(['loadIssues', 'buildReport']);
    expect(reportInputs(run)[0]?.loaded).toEqual({
      layout: { units: 0, batchSize: 20, streams: 0 },
      ends: [],
      deferrals: 0,
      batches: 0,
    });
  });

  test('names its streams by run, attempt and number', async () => {
    const loads = activities({ loadIssues: () => ({ total: 21, units: 21 }) });
    const run = await runOrchestration('processIssues', runInput({ attempt: 4 }), loads);
    expect(run.instance('run-1:4:0').generations).toBe(1);
    expect(run.instance('run-1:4:1').generations).toBe(1);
    expect(run.instance('run-1:4:2').generations).toBe(0);
  });
});

describe('what goes wrong', () => {
  test('issues that cannot be loaded: tried five times, then a report that says so, then failed', async () => {
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
    expect(run.runtimeStatus).toBe('Failed');
    expect(run.output).toContain('row 7 is broken');
  });

  test('a load failure is reported by its first line, in the words of the activity', async () => {
    const unreadable = activities({
      loadIssues() {
        throw new Error('loadIssues failed: line 2 must be valid JSON\nbeyond the first line');
      },
      buildReport: () => summary({ status: 'failed' }),
    });
    const run = await runOrchestration('processIssues', runInput(), unreadable);
    expect(reportInputs(run)[0]?.failure).toBe('loadIssues failed: line 2 must be valid JSON');
  });

  test('a load that fails once is forgotten', async () => {
    let attempts = 0;
    const flaky = activities({
      loadIssues() {
        attempts += 1;
        if (attempts === 1) throw new Error('storage is busy');
        return { total: 1, units: 1 };
      },
    });
    const run = await runOrchestration('processIssues', runInput(), flaky);
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary() });
    expect(analyzedUnits(run)).toEqual([0]);
  });

  test('a stream that dies is reported as died; the others go on to their end', async () => {
    const brokenAnswer = { kind: 'settled' } as unknown as AnalyzeOutput;
    const run = await runOrchestration(
      'processIssues',
      runInput(),
      activities({
        loadIssues: () => ({ total: 120, units: 120 }),
        analyzeIssue: ({ unit }) => (unit === 25 ? brokenAnswer : settled()),
      }),
    );
    expect(run.runtimeStatus).toBe('Completed');
    expect(reportInputs(run)[0]?.loaded?.ends).toEqual([
      { kind: 'drained', code: null },
      { kind: 'died', code: null },
      { kind: 'drained', code: null },
    ]);
    // Two of each stream that came to its end.
    expect(reportInputs(run)[0]).toMatchObject({ failure: null, loaded: { batches: 4 } });
    const others = numbers(120).filter(unit => !(unit >= 80 && unit < 100));
    expect(analyzedUnits(run).toSorted((a, b) => a - b)).toEqual(others);
  });

  test('a wrong key stops each stream after three failures in a row, with its code in the report', async () => {
    const run = await runOrchestration(
      'processIssues',
      runInput(),
      activities({
        loadIssues: () => ({ total: 200, units: 200 }),
        analyzeIssue: () => failedWith('unauthorized'),
      }),
    );
    const fatal = { kind: 'fatal', code: 'unauthorized' };
    expect(reportInputs(run)[0]?.loaded?.ends).toEqual([fatal, fatal, fatal]);
    expect(analyzedUnits(run)).toHaveLength(60);
    expect(run.endedAtMs).toBe(NOON_MS);
  });

  test('the deadline counts from the start of the run, not from the end of loading', async () => {
    const run = await runOrchestration(
      'processIssues',
      runInput({ plan: plan({ deadlineMs: 10_000, batchDelayMs: 4_000, streams: 1, batchSize: 1 }) }),
      activities({
        async loadIssues() {
          await delay(5_000);
          return { total: 100, units: 100 };
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

  test('deferrals and batches of all streams add up', async () => {
    const putBackOnce = new Set([3, 25, 26]);
    const run = await runOrchestration(
      'processIssues',
      runInput(),
      activities({
        loadIssues: () => ({ total: 60, units: 60 }),
        analyzeIssue: ({ unit }) => (putBackOnce.delete(unit) ? deferred(activityNowMs() + 5_000) : settled()),
      }),
    );
    expect(reportInputs(run)[0]?.loaded).toMatchObject({ deferrals: 3, batches: 5 });
    expect(run.instance('run-1:1:1').customStatuses.at(-1)).toMatchObject({
      progress: {
        ...NO_PROGRESS,
        succeeded: 20,
        deferrals: 2,
        batches: 2,
        calls: 20,
        usage: expect.anything(),
        costUsd: expect.closeTo(0.02, 9),
      },
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
});
