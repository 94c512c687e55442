import { expect, test } from 'vitest';
import { createEngine } from '../../../local/engine/engine.ts';
import { openSqliteStore } from '../../../local/engine/store/sqlite-store.ts';
import { createManualClock } from '../../../local/testing/manual-clock.ts';
import { createTestWorker } from '../../helpers/durable-app.ts';
import { createHarness, START_MS } from '../../helpers/engine-harness.ts';

test('a store that fails ends the engine, once and loudly', async () => {
  const failures: unknown[] = [];
  const lines: string[] = [];
  const store = openSqliteStore(':memory:');
  const engine = createEngine({
    store: {
      ...store,
      commitEpisode: () => {
        throw new Error('disk full');
      },
    },
    worker: createTestWorker(app => {
      app.orchestration('work', function* ({ df: durable }) {
        yield durable.waitForExternalEvent('go');
      });
    }),
    clock: createManualClock(START_MS),
    limits: {
      maxConcurrentActivityFunctions: 1,
      maxConcurrentOrchestratorFunctions: 2,
      maxConcurrentEntityFunctions: 1,
    },
    log: (level, source, message) => lines.push(`${level} ${source} ${message}`),
    onFatal: error => failures.push(error),
  });
  engine.start();
  for (const instanceId of ['one', 'two']) engine.startInstance({ name: 'work', instanceId, inputJson: 'null' });
  await expect(engine.idle()).rejects.toThrow('disk full');
  await engine.stop();
  await expect(engine.idle()).rejects.toThrow('disk full');
  expect(failures).toEqual([expect.objectContaining({ message: 'disk full' })]);
  expect(lines.filter(line => line.startsWith('critical engine the engine has stopped'))).toHaveLength(1);
  expect(store.readMessages('one')).toHaveLength(1);
  store.close();
});

test('episodes run at most as many at once as the limit says, one per instance', async () => {
  let peak = 0;
  const running = new Set<string>();
  const harness = createHarness(
    app => {
      app.activity('step', { handler: () => null });
      app.orchestration('work', function* ({ df: durable }) {
        for (let step = 0; step < 3; step++) yield durable.callActivity('step');
      });
    },
    { limits: { maxConcurrentOrchestratorFunctions: 2 } },
  );
  const { worker, engine } = harness;
  const invoke = worker.invoke.bind(worker);
  worker.invoke = async (name, trigger, metadata) => {
    if (name !== 'work') return invoke(name, trigger, metadata);
    const { instanceId } = JSON.parse(trigger.string ?? '') as { instanceId: string };
    expect(running).not.toContain(instanceId);
    running.add(instanceId);
    peak = Math.max(peak, running.size);
    await new Promise(resolve => setImmediate(resolve));
    running.delete(instanceId);
    return invoke(name, trigger, metadata);
  };
  const ids = Array.from({ length: 6 }, () => engine.startInstance({ name: 'work', inputJson: 'null' }).instanceId);
  await engine.idle();
  expect(peak).toBe(2);
  expect(ids.map(id => harness.status(id).runtimeStatus)).toEqual(Array(6).fill('Completed'));
});

test('what the worker itself fails with is the function’s failure', async () => {
  const { worker, run, status } = createHarness(app => {
    app.activity('step', { handler: () => null });
    app.orchestration('work', function* ({ df: durable }) {
      yield durable.callActivity('step');
    });
  });
  const invoke = worker.invoke.bind(worker);
  worker.invoke = async (name, trigger) => {
    if (name === 'work') return invoke(name, trigger);
    throw new Error('worker process ended');
  };
  expect(status(await run('work')).output).toContain("Activity function 'step' failed:  worker process ended");
});
