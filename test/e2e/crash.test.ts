import { expect, it } from 'vitest';
import { someIssues, startApp } from '../helpers/app.ts';
import { pollUntil } from '../helpers/host-fixture.ts';

it('worker or host killed: goes on by itself after its host was killed, and buys no answered issue again', async () => {
  await using app = await startApp({ simulator: { latencyMs: 100 } });
  const runId = await app.startRun({ source: { issues: someIssues(150) }, batchDelayMs: 100 });
  for (const share of [0.25, 0.6]) {
    await pollUntil(
      async () => app.simulator.stats().completed,
      completed => completed >= 150 * share,
      60_000,
    );
    await app.killHost();
    await app.restartHost();
  }
  const { summary } = await app.finished(runId, 90_000);
  expect(summary).toMatchObject({ total: 150, succeeded: 150, failed: 0, notStarted: 0 });

  const { json } = await app.call('GET', `/runs/${runId}/results?limit=1000`);
  expect(json.results.map(({ id }: { id: string }) => id)).toEqual(
    someIssues(150).map(issue => (issue as { key: string }).key),
  );
  // Calls that were in flight when the process died may have been answered with nobody there to write it down: at most
  // the run's ten, each time. Whatever had been written down is never asked again.
  const { calls, answeredTwice } = app.simulator.stats();
  expect(calls).toBeLessThanOrEqual(150 + 2 * 10);
  expect(summary?.calls).toBeGreaterThanOrEqual(calls);
  expect(summary?.calls).toBeLessThanOrEqual(150 + 2 * 10);
  expect(answeredTwice).toBeLessThanOrEqual(summary?.possiblyPaidTwice ?? 0);
  expect(summary?.possiblyPaidTwice).toBeLessThanOrEqual(2 * 10);
});
