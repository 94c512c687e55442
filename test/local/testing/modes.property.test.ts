import * as df from 'durable-functions';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { delay } from '../../../local/testing/activity-time.ts';
import { createTestHub, type TestHub } from '../../../local/testing/test-hub.ts';

/** One activity of a plan: how long each attempt takes, and how many fail. */
interface Work {
  readonly takesMs: number;
  readonly failures: number;
}

const works = fc.array(fc.record({ takesMs: fc.constantFrom(0, 1, 700, 1_000, 2_500), failures: fc.nat(3) }), {
  minLength: 1,
  maxLength: 6,
});

/** Fans out with retries, then sleeps, in as many generations as there are plans; settles each task by itself. */
const planned: df.OrchestrationHandler = function* ({ df: durable }) {
  const { plans, done } = durable.getInput() as { plans: Work[][]; done: unknown[] };
  const [plan = [], ...rest] = plans;
  const tasks = plan.map((work, at) =>
    durable.callActivityWithRetry('work', new df.RetryOptions(1_000, 3), { ...work, key: `${plans.length}.${at}` }),
  );
  try {
    yield durable.Task.all(tasks);
  } catch {
    // Each is asked below.
  }
  const results: unknown[] = [];
  for (const task of tasks) {
    try {
      results.push(yield task);
    } catch {
      results.push('failed');
    }
  }
  yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 500));
  if (rest.length > 0) durable.continueAsNew({ plans: rest, done: [...done, results] });
  return [...done, results];
};

/** Ways to let time go on until nothing more is to come. */
const MODES: Readonly<Record<string, (hub: TestHub) => Promise<unknown>>> = {
  'tick by tick': async hub => {
    let steps = 0;
    while ((await hub.tick()) || (await hub.skipToNextInstant())) steps += 1;
    return steps;
  },
  'instant by instant': async hub => {
    let steps = 0;
    while (await hub.skipToNextInstant()) steps += 1;
    return steps;
  },
  'in steps of 333 ms': async hub => {
    for (let step = 0; step < 200; step++) await hub.advance(333);
  },
  'in one step': hub => hub.advance(200 * 333),
  'to the end': hub => hub.runToEnd('one'),
};

async function outcome(plans: readonly (readonly Work[])[], mode: (hub: TestHub) => Promise<unknown>) {
  const attempts = new Map<string, number>();
  await using hub = createTestHub({
    orchestrators: { planned },
    activities: {
      async work({ key, takesMs, failures }: Work & { key: string }) {
        const attempt = (attempts.get(key) ?? 0) + 1;
        attempts.set(key, attempt);
        await delay(takesMs);
        if (attempt <= failures) throw new Error('not yet');
        return attempt;
      },
    },
    limits: { maxConcurrentActivityFunctions: 4 },
  });
  hub.start('planned', { plans, done: [] }, { instanceId: 'one' });
  await mode(hub);
  return { status: hub.status('one'), calls: hub.calls, episodes: hub.episodes.length, reports: hub.reports };
}

test('however time is let go on, the same happens at the same instants', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(works, { minLength: 1, maxLength: 3 }), async plans => {
      const [first, ...others] = await Promise.all(Object.values(MODES).map(mode => outcome(plans, mode)));
      expect(first?.status?.runtimeStatus).toBe('Completed');
      expect(first?.status?.output).toEqual(
        plans.map(plan => plan.map(({ failures }) => (failures < 3 ? failures + 1 : 'failed'))),
      );
      expect(first?.reports).toEqual([]);
      for (const other of others) expect(other).toEqual(first);
    }),
    { numRuns: 20 },
  );
});
