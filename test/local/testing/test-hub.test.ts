import * as df from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { createTestHub } from '../../../local/testing/test-hub.ts';

const START_MS = Date.UTC(2026, 0, 1);

describe('activities', () => {
  test('are noted with input, instant and instance, each attempt as one', async () => {
    let attempts = 0;
    await using hub = createTestHub({
      orchestrators: {
        *stubborn({ df: durable }) {
          return yield durable.callActivityWithRetry('Flaky', new df.RetryOptions(1_000, 3), { n: 7 });
        },
      },
      activities: {
        flaky() {
          attempts += 1;
          if (attempts < 3) throw new Error(`attempt ${attempts}`);
          return attempts;
        },
      },
      startAtMs: START_MS,
    });
    const id = hub.start('stubborn');
    expect(await hub.runToEnd(id)).toMatchObject({ output: 3, lastUpdatedAtMs: START_MS + 2_000 });
    expect(hub.calls).toEqual(
      [0, 1_000, 2_000].map(afterMs => ({
        name: 'flaky',
        input: { n: 7 },
        atMs: START_MS + afterMs,
        instanceId: id,
      })),
    );
  });

  test('that the app does not have fail their orchestration', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *lost({ df: durable }) {
          return yield durable.callActivity('nowhere');
        },
      },
    });
    const { runtimeStatus, output } = await hub.runToEnd(hub.start('lost'));
    expect(runtimeStatus).toBe('Failed');
    expect(output).toContain("calls the activity 'nowhere', which the app does not register");
  });

  test('run at most as many at once as the limit says', async () => {
    const running = { now: 0, most: 0 };
    await using hub = createTestHub({
      orchestrators: {
        *fan({ df: durable }) {
          yield durable.Task.all([1, 2, 3, 4, 5].map(n => durable.callActivity('work', n)));
        },
      },
      activities: {
        async work() {
          running.now += 1;
          running.most = Math.max(running.most, running.now);
          await Promise.resolve();
          running.now -= 1;
        },
      },
      limits: { maxConcurrentActivityFunctions: 2 },
    });
    await hub.runToEnd(hub.start('fan'));
    expect(running.most).toBe(2);
  });
});

test('sub-orchestrations are instances of their own', async () => {
  await using hub = createTestHub({
    orchestrators: {
      *parent({ df: durable }) {
        return yield durable.Task.all(['a', 'b'].map(key => durable.callSubOrchestrator('child', key, `child-${key}`)));
      },
      *child({ df: durable }) {
        return yield durable.callActivity('shout', durable.getInput());
      },
    },
    activities: { shout: (text: string) => text.toUpperCase() },
  });
  const ended = await hub.runToEnd(hub.start('parent', null, { instanceId: 'p' }));
  expect(ended.output).toEqual(['A', 'B']);
  expect(hub.list().map(({ instanceId, output }) => [instanceId, output])).toEqual([
    ['child-a', 'A'],
    ['child-b', 'B'],
    ['p', ['A', 'B']],
  ]);
  expect(hub.calls.map(({ instanceId }) => instanceId)).toEqual(['child-a', 'child-b']);
});

test('episodes show generations, custom statuses and histories', async () => {
  await using hub = createTestHub({
    orchestrators: {
      *countdown({ df: durable }) {
        const { left } = durable.getInput() as { left: number };
        durable.setCustomStatus({ left });
        yield durable.callActivity('step');
        if (left > 1) durable.continueAsNew({ left: left - 1 });
        return 'lift-off';
      },
    },
    activities: { step: () => null },
  });
  const id = hub.start('countdown', { left: 3 });
  expect(await hub.runToEnd(id)).toMatchObject({ output: 'lift-off', input: { left: 1 }, customStatus: { left: 1 } });
  expect(hub.episodes.map(({ generation, customStatus }) => [generation, customStatus])).toEqual([
    [1, { left: 3 }],
    [1, { left: 3 }],
    [2, { left: 2 }],
    [2, { left: 2 }],
    [3, { left: 1 }],
    [3, { left: 1 }],
  ]);
  for (const generation of [1, 2, 3]) {
    const own = hub.episodes.filter(episode => episode.generation === generation);
    expect(own.at(-1)?.historyLength).toBe(own.flatMap(({ newEvents }) => newEvents).length);
  }
});

describe('entities', () => {
  const counter: df.EntityHandler<number> = ({ df: entity }) => {
    const count = entity.getState(() => 0) ?? 0;
    if (entity.operationName === 'add') entity.setState(count + (entity.getInput<number>() ?? 0));
    if (entity.operationName === 'get') entity.return(count);
    if (entity.operationName === 'delete') entity.destructOnExit();
  };

  test('take signals of a client', async () => {
    await using hub = createTestHub({ orchestrators: {}, entities: { Counter: counter } });
    expect(hub.entity('counter', 'a')).toBeUndefined();
    hub.signalEntity('counter', 'a', 'add', 3);
    hub.signalEntity('Counter', 'a', 'add', 4);
    hub.signalEntity('counter', 'b', 'add', 1);
    expect(hub.entity('counter', 'a')).toBeUndefined();
    await hub.settle();
    expect([hub.entity('COUNTER', 'a'), hub.entity('counter', 'b')]).toEqual([7, 1]);
    hub.signalEntity('counter', 'a', 'delete');
    await hub.settle();
    expect(hub.entity('counter', 'a')).toBeUndefined();
    expect(() => hub.signalEntity('nobody', 'a', 'add')).toThrow('Cannot signal entity "nobody"');
  });

  test('answer orchestrations', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *tally({ df: durable }) {
          const id = new df.EntityId('counter', 'a');
          durable.signalEntity(id, 'add', 2);
          yield durable.callEntity(id, 'add', 3);
          return yield durable.callEntity(id, 'get');
        },
      },
      entities: { counter },
    });
    expect(await hub.runToEnd(hub.start('tally'))).toMatchObject({ runtimeStatus: 'Completed', output: 5 });
    expect(hub.entity('counter', 'a')).toBe(5);
  });
});

describe('HTTP calls', () => {
  const asks: df.OrchestrationHandler = function* ({ df: durable }) {
    const { content } = yield durable.callHttp({ method: 'GET', url: 'https://example.com/stock' });
    return content;
  };

  test('are answered by the given fetch', async () => {
    await using hub = createTestHub({
      orchestrators: { asks },
      fetch: async input => new Response(`from ${input}`),
    });
    expect((await hub.runToEnd(hub.start('asks'))).output).toBe('from https://example.com/stock');
  });

  test('are refused without one', async () => {
    await using hub = createTestHub({ orchestrators: { asks } });
    const { runtimeStatus, output } = await hub.runToEnd(hub.start('asks'));
    expect(runtimeStatus).toBe('Failed');
    expect(output).toContain('The test hub was given no fetch');
  });
});
