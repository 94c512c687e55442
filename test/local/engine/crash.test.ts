import { describe, expect, test } from 'vitest';
import { createManualClock } from '../../../local/testing/manual-clock.ts';
import { df } from '../../helpers/durable-app.ts';
import { createHarness, type Harness, START_MS, temporaryStateFile } from '../../helpers/engine-harness.ts';

/** Opens engines one after the other on one file and one clock; each must be closed before the next. */
function createGenerations(register: (app: typeof df.app) => void) {
  const path = temporaryStateFile();
  const clock = createManualClock(START_MS);
  return { clock, open: () => createHarness(register, { path, clock }) };
}

/** Kills the engine when it begins its n-th invocation from now. */
async function dieAtInvocation(harness: Harness, n: number): Promise<void> {
  await harness.worker.dieAt(n);
  harness.close();
}

function registerCounted(app: typeof df.app, counts: Map<string, number>): void {
  const count = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  app.activity('step', {
    handler: (name: string) => {
      count(name);
      return name;
    },
  });
  app.orchestration('steps', function* ({ df: durable }) {
    return [yield durable.callActivity('step', 'one'), yield durable.callActivity('step', 'two')];
  });
}

describe('after a kill', () => {
  // Invocations of the run: orchestrator, step one, orchestrator, step two, orchestrator.
  test.each([
    ['before the first episode was stored', 1],
    ['during the first activity', 2],
    ['between its result and the next episode', 3],
    ['during the last activity', 4],
    ['before the last episode was stored', 5],
  ])('%s, the instance goes on where it was', async (_, invocation) => {
    const counts = new Map<string, number>();
    const { open } = createGenerations(app => registerCounted(app, counts));
    const first = open();
    const death = dieAtInvocation(first, invocation);
    first.engine.startInstance({ name: 'steps', instanceId: 'one', inputJson: 'null' });
    await death;
    const second = open();
    await second.engine.idle();
    expect(second.status('one')).toMatchObject({ runtimeStatus: 'Completed', output: ['one', 'two'] });
    expect(Object.fromEntries(counts)).toEqual({ one: 1, two: 1 });
    expect(second.trace('one').filter(each => each.startsWith('5'))).toEqual(['5→0', '5→1']);
  });

  test('overdue timers fire at once, others at their instant', async () => {
    const { clock, open } = createGenerations(app => {
      app.orchestration('sleeper', function* ({ df: durable }) {
        const { delayMs } = durable.getInput() as { delayMs: number };
        yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + delayMs));
        return durable.currentUtcDateTime.getTime() - START_MS;
      });
    });
    const first = open();
    await first.run('sleeper', { delayMs: 1_000 }, 'overdue');
    await first.run('sleeper', { delayMs: 100_000 }, 'later');
    first.close();
    clock.advanceBy(60_000);
    const second = open();
    await second.engine.idle();
    expect(second.status('overdue')).toMatchObject({ runtimeStatus: 'Completed', output: 60_000 });
    expect(second.status('later').runtimeStatus).toBe('Running');
    await second.pass(40_000);
    expect(second.status('later')).toMatchObject({ runtimeStatus: 'Completed', output: 100_000 });
  });

  test('retries keep their count and their timers', async () => {
    let calls = 0;
    const { open } = createGenerations(app => {
      app.activity('flaky', {
        handler: () => {
          calls += 1;
          if (calls < 3) throw new Error(`failure ${calls}`);
          return calls;
        },
      });
      app.orchestration('stubborn', function* ({ df: durable }) {
        return yield durable.callActivityWithRetry('flaky', new df.RetryOptions(1_000, 3));
      });
    });
    const first = open();
    await first.run('stubborn', null, 'one');
    await first.pass(500);
    first.close();
    const second = open();
    await second.pass(2_000);
    expect(second.status('one')).toMatchObject({ runtimeStatus: 'Completed', output: 3 });
    expect(calls).toBe(3);
  });

  test('a suspended instance is still suspended, with its events', async () => {
    const { open } = createGenerations(app => {
      app.orchestration('waiter', function* ({ df: durable }) {
        return yield durable.waitForExternalEvent('go');
      });
    });
    const first = open();
    await first.run('waiter', null, 'one');
    first.engine.suspend('one', 'hold');
    await first.engine.idle();
    first.engine.raiseEvent('one', 'go', '1');
    first.close();
    const second = open();
    await second.engine.idle();
    expect(second.status('one').runtimeStatus).toBe('Suspended');
    second.engine.resume('one', 'on');
    await second.engine.idle();
    expect(second.status('one')).toMatchObject({ runtimeStatus: 'Completed', output: 1 });
  });

  test('an activity that the app no longer registers fails its call', async () => {
    const path = temporaryStateFile();
    const caller = (app: typeof df.app) =>
      app.orchestration('caller', function* ({ df: durable }) {
        yield durable.callActivity('gone');
      });
    const first = createHarness(
      app => {
        caller(app);
        app.activity('gone', { handler: () => 'never' });
      },
      { path },
    );
    const death = dieAtInvocation(first, 2);
    first.engine.startInstance({ name: 'caller', instanceId: 'one', inputJson: 'null' });
    await death;
    const second = createHarness(caller, { path });
    await second.engine.idle();
    expect(second.status('one').runtimeStatus).toBe('Failed');
    expect(second.status('one').output).toContain("it calls the activity 'gone', which the app does not register");
  });

  test('an instance of an orchestrator that the app no longer registers fails', async () => {
    const path = temporaryStateFile();
    const first = createHarness(
      app => {
        app.orchestration('gone', function* ({ df: durable }) {
          yield durable.waitForExternalEvent('go');
        });
      },
      { path },
    );
    await first.run('gone', null, 'one');
    first.engine.raiseEvent('one', 'go', '1');
    first.close();
    const second = createHarness(() => {}, { path });
    await second.engine.idle();
    expect(second.status('one')).toMatchObject({
      runtimeStatus: 'Failed',
      output: "Orchestrator function 'gone' failed: the app does not register it",
    });
  });
});

describe('stopping', () => {
  test('waits for what runs, and a later start goes on', async () => {
    const gate = Promise.withResolvers<string>();
    let isRunning = false;
    const { engine, status, store } = createHarness(app => {
      app.activity('slow', {
        handler: () => {
          isRunning = true;
          return gate.promise;
        },
      });
      app.orchestration('patient', function* ({ df: durable }) {
        return yield durable.callActivity('slow');
      });
    });
    const { instanceId } = engine.startInstance({ name: 'patient', inputJson: 'null' });
    while (!isRunning) await new Promise(resolve => setImmediate(resolve));
    const stopped = engine.stop();
    gate.resolve('done');
    await stopped;
    expect(status(instanceId).runtimeStatus).toBe('Running');
    expect(store.readMessages(instanceId)).toHaveLength(1);
    engine.start();
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: 'done' });
  });

  test('tick goes round by round while the pump stands', async () => {
    const counts = new Map<string, number>();
    const { engine, status } = createHarness(app => registerCounted(app, counts));
    await engine.stop();
    const { instanceId } = engine.startInstance({ name: 'steps', inputJson: 'null' });
    const rounds: unknown[] = [];
    while (await engine.tick()) rounds.push([status(instanceId).runtimeStatus, counts.size]);
    expect(rounds).toEqual([
      ['Running', 0],
      ['Running', 1],
      ['Running', 1],
      ['Running', 2],
      ['Completed', 2],
    ]);
  });
});
