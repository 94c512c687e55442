import { setTimeout as waitReally } from 'node:timers/promises';
import type * as df from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { activityNowMs, delay } from '../../../local/testing/activity-time.ts';
import { createTestHub } from '../../../local/testing/test-hub.ts';

const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

describe('delay', () => {
  test('lets activities take time side by side', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *fan({ df: durable }) {
          return yield durable.Task.all([3, 1, 2].map(n => durable.callActivity('work', n)));
        },
      },
      activities: {
        async work(seconds: number) {
          await delay(seconds * 1_000);
          return activityNowMs() - START_MS;
        },
      },
      startAtMs: START_MS,
    });
    const { output, lastUpdatedAtMs } = await hub.runToEnd(hub.start('fan'));
    expect(output).toEqual([3_000, 1_000, 2_000]);
    expect(lastUpdatedAtMs).toBe(START_MS + 3_000);
  });

  test('lets an activity be overtaken by a timer, and the other way round', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *race({ df: durable }) {
          const { workMs } = durable.getInput() as { workMs: number };
          const work = durable.callActivity('work', workMs);
          const limit = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 5_000));
          const winner: df.Task = yield durable.Task.any([work, limit]);
          if (winner === limit) return 'too late';
          limit.cancel();
          return 'in time';
        },
      },
      activities: { work: (workMs: number) => delay(workMs) },
      startAtMs: START_MS,
    });
    const run = async (workMs: number) => (await hub.runToEnd(hub.start('race', { workMs }))).output;
    // What ends at the instant of a timer ends before it fires.
    expect([await run(4_999), await run(5_000), await run(5_001)]).toEqual(['in time', 'in time', 'too late']);
  });

  test('for ever is an activity that hangs', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *hangs({ df: durable }) {
          yield durable.callActivity('hang');
        },
      },
      activities: { hang: () => delay(Number.POSITIVE_INFINITY) },
    });
    const id = hub.start('hangs');
    await hub.advance(365 * DAY_MS);
    await expect(hub.runToEnd(id)).rejects.toThrow('(hangs) is Running');
  });

  test('holds a place of the limit', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *fan({ df: durable }) {
          yield durable.Task.all([1, 2, 3].map(n => durable.callActivity('work', n)));
        },
      },
      activities: { work: () => delay(1_000) },
      limits: { maxConcurrentActivityFunctions: 1 },
      startAtMs: START_MS,
    });
    await hub.runToEnd(hub.start('fan'));
    expect(hub.calls.map(({ atMs }) => atMs - START_MS)).toEqual([0, 1_000, 2_000]);
  });

  test('that has lost a race inside its activity is not waited for', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *quick({ df: durable }) {
          return yield durable.callActivity('hurry');
        },
      },
      activities: { hurry: () => Promise.race([delay(60_000), delay(1_000).then(() => 'first')]) },
      startAtMs: START_MS,
    });
    expect(await hub.runToEnd(hub.start('quick'))).toMatchObject({ output: 'first' });
    expect(await hub.skipToNextInstant()).toBe(false);
    expect(hub.nowMs).toBe(START_MS + 1_000);
  });

  test('mixes with waiting by the machine’s clock', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *mixes({ df: durable }) {
          return yield durable.callActivity('mix');
        },
      },
      activities: {
        async mix() {
          await waitReally(5);
          await delay(1_000);
          await waitReally(5);
          return 'mixed';
        },
      },
      startAtMs: START_MS,
    });
    expect(await hub.runToEnd(hub.start('mixes'))).toMatchObject({
      output: 'mixed',
      lastUpdatedAtMs: START_MS + 1_000,
    });
  });

  test('is for activities alone', async () => {
    expect(() => delay(1)).toThrow('delay() is for activities while they run in a test hub');
    expect(() => activityNowMs()).toThrow('activityNowMs() is for activities');
  });
});
