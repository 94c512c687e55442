import assert from 'node:assert/strict';
import * as df from 'durable-functions';
import { test } from 'vitest';
import { delay } from '../../../local/testing/activity-time.ts';
import { createTestHub } from '../../../local/testing/test-hub.ts';

/** Asks every shop for its price, each up to three times, then waits up to a day for somebody to choose one. */
const buy: df.OrchestrationHandler = function* ({ df: durable }) {
  const shops = durable.getInput() as string[];
  const retry = new df.RetryOptions(5_000, 3);
  const prices = yield durable.Task.all(shops.map(shop => durable.callActivityWithRetry('askPrice', retry, shop)));
  const choice = durable.waitForExternalEvent('choice');
  const limit = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 86_400_000));
  const winner: df.Task = yield durable.Task.any([choice, limit]);
  if (winner === limit) return 'nobody has chosen';
  limit.cancel();
  return { prices, choice: yield choice };
};

test('a shop that is busy is asked again after five seconds', async () => {
  let busyTimes = 2;
  await using hub = createTestHub({
    orchestrators: { buy },
    activities: {
      async askPrice(shop: string) {
        await delay(1_000);
        if (shop === 'north' && busyTimes-- > 0) throw new Error('busy');
        return shop.length;
      },
    },
  });
  const startedAtMs = hub.nowMs;
  const id = hub.start('buy', ['north', 'east']);
  await hub.advance(20_000);
  hub.raiseEvent(id, 'choice', 'east');
  const ended = await hub.runToEnd(id);
  assert.deepEqual(ended.output, { prices: [5, 4], choice: 'east' });
  const north = hub.calls.filter(({ input }) => input === 'north');
  assert.deepEqual(
    north.map(({ atMs }) => atMs - startedAtMs),
    [0, 6_000, 12_000],
  );
});

test('after a day without a choice it is over', async () => {
  await using hub = createTestHub({
    orchestrators: { buy },
    activities: { askPrice: () => 5 },
  });
  const ended = await hub.runToEnd(hub.start('buy', ['west']));
  assert.equal(ended.output, 'nobody has chosen');
  assert.equal(ended.lastUpdatedAtMs - ended.createdAtMs, 86_400_000);
});
