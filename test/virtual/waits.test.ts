import { describe, expect, test } from 'vitest';
import type { StreamStatus } from '../../src/core/run-status.ts';
import { distinctIssues, startVirtualApp } from '../helpers/virtual-app.ts';

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

/** A service that asks for a wait of a day until an instant. */
function absurd(untilMs: number) {
  return (nowMs: number) =>
    nowMs < untilMs
      ? Response.json(
          { error: { code: '429', message: 'Quota.' } },
          { status: 429, headers: { 'retry-after': '86400' } },
        )
      : null;
}

describe('a run that waits for long', () => {
  test('for a service that asked for a day hears within a minute that it is cancelled', async () => {
    await using app = startVirtualApp({ startAtMs: START_MS, outage: absurd(Number.POSITIVE_INFINITY) });
    app.start('run', distinctIssues(3), { deadlineMs: 720 * MINUTE_MS });
    await app.hub.advance(2 * MINUTE_MS);
    app.control('run', 'cancelled');
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ incomplete: 'cancelled', notStarted: 3 });
    expect(summary.durationMs).toBeLessThan(3.5 * MINUTE_MS);
  });

  test('in a pause of an hour between batches hears it as well', async () => {
    await using app = startVirtualApp({ startAtMs: START_MS, simulator: { latencyMs: 1_000 } });
    app.start('run', distinctIssues(100), { batchDelayMs: 60 * MINUTE_MS, deadlineMs: 720 * MINUTE_MS });
    await app.hub.advance(2 * MINUTE_MS);
    app.control('run', 'cancelled');
    const { summary } = await app.end('run');
    expect(summary.incomplete).toBe('cancelled');
    expect(summary.durationMs).toBeLessThan(3.5 * MINUTE_MS);
  });

  test('for a service that asked for a day tries again after ten minutes', async () => {
    await using app = startVirtualApp({ startAtMs: START_MS, outage: absurd(START_MS + 15 * MINUTE_MS) });
    app.start('run', distinctIssues(10), { deadlineMs: 720 * MINUTE_MS });
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 10, notStarted: 0 });
    expect(summary.durationMs).toBeLessThan(35 * MINUTE_MS);
  });
});

test('a run that is paused before its first batch makes no call, and its deadline waits with it', async () => {
  await using app = startVirtualApp({ startAtMs: START_MS, simulator: { latencyMs: 1_000 } });
  app.start('run', distinctIssues(60), { deadlineMs: 10 * MINUTE_MS });
  app.control('run', 'paused');
  await app.hub.advance(30 * MINUTE_MS);
  expect(app.requestsAtMs).toEqual([]);
  app.control('run', null);
  const { summary } = await app.end('run');
  expect(summary).toMatchObject({ succeeded: 60, notStarted: 0, incomplete: null, deferrals: 0 });
});

test('a wait that is over is shown no more while its batch runs', async () => {
  await using app = startVirtualApp({ startAtMs: START_MS, simulator: { latencyMs: 20_000, latencyCv: 0 } });
  app.start('run', distinctIssues(60), { streams: 1 });
  app.control('run', 'paused');
  const shown = () => (app.hub.status('run:1:0')?.customStatus as StreamStatus | undefined)?.waitingFor;
  await app.hub.advance(MINUTE_MS);
  expect(shown()).toBe('paused');
  app.control('run', null);
  while (app.requestsAtMs.length === 0) await app.hub.advance(5_000);
  expect(shown()).toBeNull();
  expect((await app.end('run')).summary).toMatchObject({ succeeded: 60 });
});

test('a probe that was answered opens the service to other streams at once, though its own stream has ended', async () => {
  const untilMs = START_MS + MINUTE_MS;
  const outage = (nowMs: number) =>
    nowMs < untilMs - 1_000
      ? Response.json(
          { error: { code: '429', message: 'Slow down.' } },
          { status: 429, headers: { 'retry-after-ms': String(untilMs - nowMs) } },
        )
      : null;
  await using app = startVirtualApp({ startAtMs: START_MS, simulator: { latencyMs: 1_000 }, outage });
  // One issue for each stream: whichever tries first has nothing more to do.
  app.start('run', distinctIssues(4), { concurrencyScope: 'run', batchSize: 1, streams: 4, concurrency: 4 });
  const { summary } = await app.end('run');
  expect(summary).toMatchObject({ succeeded: 4, deferrals: 4 });
  expect(summary.durationMs).toBeLessThan(1.5 * MINUTE_MS);
});

test('a run that its limits make slow is not ended by a deadline that nobody gave', async () => {
  await using app = startVirtualApp({ startAtMs: START_MS, simulator: { latencyMs: 4_000, tokensPerMinute: 10_000 } });
  const issues = distinctIssues(100).map(issue => ({ ...issue, description: `${issue.description} `.repeat(200) }));
  app.start('run', issues);
  const { summary } = await app.end('run');
  expect(summary).toMatchObject({ succeeded: 100, notStarted: 0, incomplete: null });
  expect(summary.durationMs).toBeGreaterThan(30 * MINUTE_MS);
});
