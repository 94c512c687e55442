import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activityNowMs, delay } from '../../local/testing/activity-time.ts';
import { termsOf } from '../../src/core/capacity/terms.ts';
import type { RunInput } from '../../src/core/contracts.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { RootStatusSchema } from '../../src/core/run-status.ts';
import { deferred, NOON_MS, plan, settled, summary } from '../helpers/factories.ts';
import { activities, analyzedUnits, loaded, reportInputs, runOrchestration, togetherOnly } from '../helpers/replay.ts';
import { numbers } from '../helpers/streams.ts';

/** Input of a run whose first batches are whole ones. */
function runInput(changes: Partial<RunInput> = {}): RunInput {
  return {
    runId: 'run-1',
    attempt: 1,
    source: { blob: 'run-1/source.json', format: 'json', limit: null },
    plan: plan({ concurrency: 60 }),
    ...changes,
  };
}

const drained = { kind: 'drained', code: null };

describe('a run', () => {
  test('loads, analyses each unit once, and answers with the summary of its report', async () => {
    const own = plan({ concurrency: 60, ledgerShards: 4 });
    const input = runInput({ plan: own });
    const kept = { ...NO_PROGRESS, succeeded: 4, cached: 4 };
    const run = await runOrchestration(
      'processIssues',
      input,
      activities({ loadIssues: () => loaded(41, { total: 45, openList: '0a1b', kept }) }),
    );
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary() });
    expect(analyzedUnits(run).toSorted((a, b) => a - b)).toEqual(numbers(41));
    expect(run.calls[0]).toMatchObject({ name: 'loadIssues', atMs: NOON_MS, input });
    expect(run.calls.find(({ name }) => name === 'analyzeIssue')?.input).toEqual({
      runId: 'run-1',
      attempt: 1,
      openList: '0a1b',
      unit: 0,
      startAtMs: NOON_MS,
      maxCompletionTokens: 1_200,
      plan: {
        analysis: 'triage',
        deployment: 'gpt-4o-mini',
        concurrency: 60,
        requestTimeoutMs: 60_000,
        ledgerShards: 4,
        useCache: true,
      },
    });
    const [report, ...others] = reportInputs(run);
    expect(others).toEqual([]);
    expect(report).toMatchObject({
      runId: 'run-1',
      attempt: 1,
      plan: own,
      startedAtMs: NOON_MS,
      endedAtMs: NOON_MS + 1_000,
      failure: null,
      loaded: {
        loaded: loaded(41, { total: 45, openList: '0a1b', kept }),
        ends: [drained, drained, drained],
        progress: { succeeded: 41, cached: 0, batches: 3, calls: 41 },
      },
    });
  });

  test('leaves the deployment, once, with what the last batches came to, and reports what is known of it', async () => {
    const run = await runOrchestration('processIssues', runInput(), activities({ loadIssues: () => loaded(45) }));
    // The last batch of each stream is told by its end only; together they are all calls, each once.
    expect(reportInputs(run)[0]?.loaded?.capacity).toMatchObject({
      tokensPerMinute: null,
      meanCompletionTokens: { triage: 8 },
      callMs: { count: 45, mean: 1_500, cv: 0 },
    });
    expect(run.capacity).toMatchObject({ runs: {}, grants: {}, calls: { count: 45 } });
  });

  test('tells the deployment its terms', async () => {
    const own = plan({ concurrency: 60, maxCostUsd: 2, tokensPerMinute: 600_000 });
    const found = loaded(45, { kept: { ...NO_PROGRESS, costUsd: 0.5 }, promptTokensEach: 321.5 });
    const run = await runOrchestration(
      'processIssues',
      runInput({ plan: own }),
      activities({ loadIssues: () => found }),
    );
    const { input } = run.instance('run-1:1:2');
    expect(input).toMatchObject({ stream: 2, attempt: 1, terms: termsOf(own, found) });
  });

  test('waits the pause after each batch by one timer, but not where no unit is left', async () => {
    const slowly = activities({
      loadIssues: () => loaded(120),
      async analyzeIssue() {
        await delay(10);
        return settled();
      },
    });
    const run = await runOrchestration('processIssues', runInput(), slowly);
    expect(run.output).toEqual(summary());
    const waits = [0, 1, 2].map(stream => run.instance(`run-1:1:${stream}`).waitsMs);
    expect(waits.toSorted((a, b) => a.length - b.length)).toEqual([[1_000], [1_000, 1_000], [1_000, 1_000]]);
    for (const stream of [0, 1, 2]) {
      const own = run.calls.filter(({ instanceId }) => instanceId === `run-1:1:${stream}`);
      const [first, second] = [own.slice(0, 20), own.slice(20)].map(calls => calls.map(({ atMs }) => atMs));
      expect(second).toHaveLength(20);
      expect(Math.min(...(second ?? [])) - Math.max(...(first ?? []))).toBeGreaterThanOrEqual(1_010);
    }
    expect(run.instance('run-1').waitsMs).toEqual([]);
  });

  test('has its streams under way side by side', async () => {
    const input = runInput({ plan: plan({ batchSize: 1, streams: 3 }) });
    const run = await runOrchestration('processIssues', input, activities({ analyzeIssue: togetherOnly(3) }));
    expect(run).toMatchObject({ runtimeStatus: 'Completed', endedAtMs: NOON_MS + 1_000 });
  });

  test('shows its phase, its counts, and what was kept', async () => {
    const kept = { ...NO_PROGRESS, succeeded: 4, cached: 4 };
    const loads = activities({ loadIssues: () => loaded(41, { total: 45, kept }) });
    const run = await runOrchestration('processIssues', runInput(), loads);
    const shown = new Set(run.instance('run-1').customStatuses.map(status => JSON.stringify(status)));
    expect([...shown].map(status => RootStatusSchema.parse(JSON.parse(status)))).toEqual([
      { phase: 'loading', total: 0, units: 0, streams: 0, kept: NO_PROGRESS },
      { phase: 'analyzing', total: 45, units: 41, streams: 3, kept },
      { phase: 'reporting', total: 45, units: 41, streams: 3, kept },
    ]);
  });

  test.each([
    ['without issues', loaded(0, { promptTokensEach: 0 })],
    ['of which everything is kept', loaded(0, { total: 45, kept: { ...NO_PROGRESS, succeeded: 45 } })],
  ])('%s has no streams, asks nothing of the deployment, and still has a report', async (_, found) => {
    const run = await runOrchestration('processIssues', runInput(), activities({ loadIssues: () => found }));
    expect(run).toMatchObject({ runtimeStatus: 'Completed', output: summary(), capacity: null });
    expect(run.calls.map(({ name }) => name)).toEqual(['loadIssues', 'buildReport']);
    expect(reportInputs(run)[0]?.loaded).toEqual({ loaded: found, ends: [], progress: NO_PROGRESS, capacity: null });
  });

  test('names its streams by run, attempt and number', async () => {
    const loads = activities({ loadIssues: () => loaded(21) });
    const run = await runOrchestration('processIssues', runInput({ attempt: 4 }), loads);
    expect([0, 1, 2].map(stream => run.instance(`run-1:4:${stream}`).generations)).toEqual([1, 1, 0]);
    expect(run.calls.map(({ input }) => input.attempt)).toEqual(run.calls.map(() => 4));
  });

  test('has deferrals and batches of all streams add up', async () => {
    const putBackOnce = new Set([3, 25, 26]);
    const run = await runOrchestration(
      'processIssues',
      runInput(),
      activities({
        loadIssues: () => loaded(60),
        analyzeIssue: ({ unit }) => (putBackOnce.delete(unit) ? deferred(activityNowMs() + 5_000) : settled()),
      }),
    );
    expect(reportInputs(run)[0]?.loaded?.progress).toMatchObject({
      succeeded: 60,
      deferrals: 3,
      batches: 5,
      calls: 63,
    });
    expect(run.instance('run-1:1:1').customStatuses.at(-1)).toMatchObject({
      progress: { succeeded: 20, deferrals: 2, batches: 2, calls: 22, costUsd: expect.closeTo(0.02, 9) },
    });
  });
});

test('streams draw every unit exactly once, however long batches take, and none is idle while there are units', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        units: fc.integer({ min: 1, max: 60 }),
        streams: fc.integer({ min: 1, max: 6 }),
        batchSize: fc.integer({ min: 1, max: 8 }),
        batchDelayMs: fc.constantFrom(0, 1_000),
        durations: fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 20 }),
      }),
      async ({ units, durations, ...shape }) => {
        const longestMs = Math.max(...durations);
        const run = await runOrchestration(
          'processIssues',
          runInput({ plan: plan({ concurrency: 60, deadlineMs: 86_400_000, ...shape }) }),
          activities({
            loadIssues: () => loaded(units),
            async analyzeIssue({ unit }) {
              await delay(durations[unit % durations.length] ?? 1);
              return settled();
            },
          }),
        );
        expect(run.runtimeStatus).toBe('Completed');
        expect(analyzedUnits(run).toSorted((a, b) => a - b)).toEqual(numbers(units));
        expect(reportInputs(run)[0]?.loaded?.progress.succeeded).toBe(units);
        // No stream ends while another one has more than its last batch to do.
        const lastStartMs = Math.max(...run.calls.flatMap(({ name, atMs }) => (name === 'analyzeIssue' ? [atMs] : [])));
        expect(run.endedAtMs - lastStartMs).toBeLessThanOrEqual(longestMs + shape.batchDelayMs);
      },
    ),
    { numRuns: 40 },
  );
});
