import { expect, it } from 'vitest';
import { someIssues, startApp } from '../helpers/app.ts';
import { pollUntil } from '../helpers/host-fixture.ts';

const WORKER_UP = /worker process (\d+) has loaded the app/;
const CONCURRENCY = 10;

it('worker or host killed: takes over at once what a killed worker process had claimed, while host and other workers live', async () => {
  const env = { FUNCTIONS_WORKER_PROCESS_COUNT: '2', FUNCTIONS_WORKER_LOG_LEVEL: 'DEBUG' };
  await using app = await startApp({ simulator: { latencyMs: 100 }, env });
  const workerPids = () => app.hostLines.flatMap(line => WORKER_UP.exec(line)?.[1] ?? []).map(Number);
  const runId = await app.startRun({ source: { issues: someIssues(150) }, batchDelayMs: 100 });
  for (const share of [0.25, 0.6]) {
    await pollUntil(
      async () => app.simulator.stats().completed,
      completed => completed >= 150 * share,
      60_000,
    );
    const pids = workerPids();
    process.kill(pids.at(-2) ?? 0, 'SIGKILL');
    await pollUntil(
      async () => workerPids().length,
      count => count > pids.length,
    );
  }
  // A claim that had to run out first would take minutes: its call's timeouts, and a margin.
  const { summary } = await app.finished(runId, 45_000);
  expect(summary).toMatchObject({ total: 150, succeeded: 150, failed: 0, notStarted: 0 });
  const { calls, answeredTwice } = app.simulator.stats();
  expect(calls).toBeLessThanOrEqual(150 + 2 * CONCURRENCY);
  expect(summary?.calls).toBeGreaterThanOrEqual(calls);
  expect(answeredTwice).toBeLessThanOrEqual(summary?.possiblyPaidTwice ?? 0);
  expect(summary?.possiblyPaidTwice).toBeGreaterThan(0);
  expect(summary?.possiblyPaidTwice).toBeLessThanOrEqual(2 * CONCURRENCY);
});
