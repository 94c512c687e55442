import { describe, expect, test } from 'vitest';
import { analysisNamed } from '../../src/core/analyses.ts';
import { estimatedPromptTokens, messagesFor } from '../../src/core/analysis.ts';
import { CapacityStateSchema } from '../../src/core/capacity/state.ts';
import { distinctIssues, startVirtualApp } from '../helpers/virtual-app.ts';

const MINUTE_MS = 60_000;

/** Issues whose texts differ in length as real ones do: from some dozen characters to some thousand. */
function unevenIssues(count: number, first = 0) {
  return distinctIssues(count, first).map((issue, n) => ({
    ...issue,
    description: issue.description.padEnd(60 + ((n * 7_919) % 2_400), ' It fails again and again.'),
  }));
}

/** Tokens that the service counts for an issue, with all the room that the analysis asks for. */
function admissionOf(issues: readonly { key: string; title: string; description: string }[]): number {
  const { maxCompletionTokens } = analysisNamed('triage');
  const prompts = issues.map(issue =>
    estimatedPromptTokens(messagesFor(analysisNamed('triage'), { id: issue.key, ...issue })),
  );
  return prompts.reduce((sum, tokens) => sum + tokens, 0) / issues.length + maxCompletionTokens;
}

describe('concurrencyScope "run"', () => {
  test.each([
    [2, 5],
    [4, 7],
  ])('holds exactly over %i workers: %i calls in flight', async (workers, concurrency) => {
    await using app = startVirtualApp({ workers, simulator: { latencyMs: 3_000 } });
    app.start('run', distinctIssues(120), {
      concurrency,
      concurrencyScope: 'run',
      streams: concurrency,
      batchSize: 1,
      batchDelayMs: 0,
    });
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 120, inFlight: { most: concurrency } });
    expect(app.simulator.stats().maxInFlight).toBe(concurrency);
  });

  test('with permits for each process, workers multiply the number', async () => {
    await using app = startVirtualApp({ workers: 4, simulator: { latencyMs: 3_000 } });
    app.start('run', distinctIssues(300), { concurrency: 5 });
    await app.end('run');
    expect(app.simulator.stats().maxInFlight).toBe(20);
  });
});

describe('the meters', () => {
  test.each([2, 4])('are not overrun in any slice or minute, by %i workers and two runs', async workers => {
    const issues = [unevenIssues(260), unevenIssues(260, 1_000)] as const;
    const tokensPerMinute = Math.round(admissionOf(issues[0]) * 60);
    const simulator = { latencyMs: 3_000, tokensPerMinute, requestsPerMinute: 120, tokenSliceSeconds: 10 };
    await using app = startVirtualApp({ workers, simulator });
    app.start('warm-up', distinctIssues(1, 5_000));
    await app.end('warm-up');
    issues.forEach((part, n) => {
      app.start(`run-${n}`, part, { tokenSliceMs: 10_000 });
    });
    for (const n of issues.keys())
      expect((await app.end(`run-${n}`)).summary).toMatchObject({ succeeded: 260, throttled: 0 });
    const { most } = app.simulator.meters().admitted;
    expect(most.slice.requests).toBeLessThanOrEqual(2);
    expect(most.slice.tokens).toBeLessThanOrEqual(Math.ceil(tokensPerMinute / 6));
    expect(most.minute.tokens).toBeLessThanOrEqual(tokensPerMinute);
    expect(most.slidingMinute.tokens).toBeLessThanOrEqual(tokensPerMinute);
    expect(most.slidingMinute.requests).toBeLessThanOrEqual(120);
    const state = CapacityStateSchema.parse(app.hub.entity('capacity', 'gpt-4o-mini'));
    expect(state).toMatchObject({ grants: {}, runs: {}, gate: { failures: 0, closedUntilMs: 0 } });
  });

  test('give two runs equal shares', async () => {
    await using app = startVirtualApp({ workers: 2, simulator: { latencyMs: 3_000, tokensPerMinute: 45_000 } });
    app.start('warm-up', distinctIssues(1, 5_000));
    await app.end('warm-up');
    app.start('a', distinctIssues(90), { streams: 2, batchSize: 10 });
    app.start('b', distinctIssues(90, 1_000), { streams: 6, batchSize: 30 });
    const [a, b] = [await app.end('a'), await app.end('b')];
    for (const { verdict } of [a.summary, b.summary]) expect(verdict?.bound).toBe('tokens');
    const ratio = a.summary.durationMs / b.summary.durationMs;
    expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
  });

  test('learn how much room answers need, and so do more with the same limit', async () => {
    const issues = distinctIssues(600);
    const tokensPerMinute = Math.round(admissionOf(issues) * 60);
    await using app = startVirtualApp({ simulator: { latencyMs: 3_000, tokensPerMinute } });
    app.start('run', issues);
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 600, throttled: 0 });
    expect(summary.durationMs).toBeLessThan(7 * MINUTE_MS);
    expect(summary.completionTokens?.reserved).toBeLessThan(400);
  });
});

describe('control', () => {
  test('a paused run makes no call and goes on where it was', async () => {
    await using app = startVirtualApp({ workers: 2, simulator: { latencyMs: 4_000 } });
    app.start('run', distinctIssues(100));
    await app.hub.advance(15_000);
    app.control('run', 'paused');
    await app.hub.advance(MINUTE_MS);
    const callsAtPause = app.requestsAtMs.length;
    expect(callsAtPause).toBeLessThan(80);
    await app.hub.advance(30 * MINUTE_MS);
    expect(app.requestsAtMs).toHaveLength(callsAtPause);
    app.control('run', null);
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 100, calls: 100, possiblyPaidTwice: 0 });
    expect(summary.waitedMs.paused).toBeGreaterThan(80 * MINUTE_MS);
  });

  test.each([0, 1, 3_000, 12_000, 30_000, 47_000])(
    'a run that is cancelled %i ms after its start writes its report',
    async atMs => {
      await using app = startVirtualApp({ simulator: { latencyMs: 4_000 } });
      app.start('run', distinctIssues(130));
      await app.hub.advance(atMs);
      app.control('run', 'cancelled');
      const { summary, lines } = await app.end('run');
      expect(lines).toHaveLength(130);
      expect(summary.succeeded + summary.notStarted).toBe(130);
      expect(summary.calls).toBe(summary.succeeded);
      expect(summary.incomplete).toBe(summary.notStarted > 0 ? 'cancelled' : null);
    },
  );
});

describe('the same issues again', () => {
  test('buy nothing, and the report says so', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 2_000 } });
    app.start('first', distinctIssues(150));
    await app.end('first');
    app.start('second', distinctIssues(150));
    const { summary } = await app.end('second');
    expect(summary).toMatchObject({ succeeded: 150, cached: 150, calls: 0, costUsd: 0, newCalls: 0, hitRate: 1 });
    expect(summary.verdict?.sentence).toMatch(/Nothing was bought/);
    expect(app.simulator.stats().calls).toBe(150);
  });

  test('buy exactly half where half of them changed', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 2_000 } });
    const issues = distinctIssues(150);
    app.start('first', issues);
    await app.end('first');
    const changed = issues.map((issue, n) =>
      n % 2 === 0 ? issue : { ...issue, description: `${issue.description} Still.` },
    );
    app.start('second', changed);
    expect((await app.end('second')).summary).toMatchObject({ succeeded: 150, cached: 75, calls: 75 });
    expect(app.simulator.stats()).toMatchObject({ calls: 225, answeredTwice: 0 });
  });

  test('are bought again where the run says so', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 2_000 } });
    for (const runId of ['first', 'second']) {
      app.start(runId, distinctIssues(30), { useCache: false });
      expect((await app.end(runId)).summary).toMatchObject({ cached: 0, calls: 30 });
    }
  });

  test('at one time in one process are asked once', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 2_000 }, ceiling: 20 });
    app.start('a', distinctIssues(40));
    app.start('b', distinctIssues(40));
    const [a, b] = [await app.end('a'), await app.end('b')];
    expect(a.summary.calls + b.summary.calls).toBe(40);
    expect(a.summary.cached + b.summary.cached).toBe(40);
  });
});
