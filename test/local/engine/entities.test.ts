import { describe, expect, test } from 'vitest';
import { df } from '../../helpers/durable-app.ts';
import { createHarness, temporaryStateFile } from '../../helpers/engine-harness.ts';

const counterA = new df.EntityId('Counter', 'a');

/** A counter: add, get, fail, remove, tell (signals another one). */
function registerCounter(app: typeof df.app, batches: string[][] = []): void {
  const current: string[] = [];
  app.entity('Counter', context => {
    const { df: entity } = context;
    if (current.length === 0) setImmediate(() => batches.push(current.splice(0)));
    current.push(entity.operationName ?? '');
    const count = entity.getState(() => 0) as number;
    switch (entity.operationName) {
      case 'add':
        entity.setState(count + (entity.getInput() as number));
        break;
      case 'get':
        entity.return(count);
        break;
      case 'fail':
        entity.setState(count + 100);
        throw entity.getInput();
      case 'remove':
        entity.destructOnExit();
        break;
      case 'tell':
        entity.signalEntity(new df.EntityId('counter', 'other'), 'add', 7);
        break;
      default:
        throw new Error('unknown operation');
    }
  });
}

describe('a call of an entity', () => {
  test('comes back with what the operation returned; the state stays', async () => {
    const { engine, run, status, trace } = createHarness(app => {
      registerCounter(app);
      app.orchestration('useCounter', function* ({ df: durable }) {
        durable.signalEntity(counterA, 'add', 2);
        yield durable.callEntity(counterA, 'add', 3);
        return yield durable.callEntity(counterA, 'get');
      });
    });
    const id = await run('useCounter');
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 5 });
    expect(engine.getEntity('@COUNTER@a')?.stateJson).toBe('5');
    expect(trace(id)).toEqual(['12', '0', '14#0', '14#1', '13', '12', '15', '14#2', '13', '12', '15', '1#3', '13']);
  });

  test('that fails is thrown at the caller: a text as it is, an Error as [object Object]', async () => {
    const { engine, run, status } = createHarness(app => {
      registerCounter(app);
      app.orchestration('failing', function* ({ df: durable }) {
        const messages: unknown[] = [];
        for (const [operation, input] of [
          ['fail', 'no'],
          ['unknown', null],
        ] as const) {
          try {
            yield durable.callEntity(counterA, operation, input);
          } catch (error) {
            messages.push((error as Error).message);
          }
        }
        return messages;
      });
    });
    expect(status(await run('failing')).output).toEqual(['no', '[object Object]']);
    // What a failed operation had changed stays, as on the real host.
    expect(engine.getEntity('@counter@a')?.stateJson).toBe('100');
  });

  test('to an entity that the app does not register fails the instance visibly', async () => {
    const { run, status } = createHarness(app => {
      app.orchestration('lost', function* ({ df: durable }) {
        yield durable.callEntity(new df.EntityId('nobody', 'a'), 'get');
      });
    });
    expect(status(await run('lost'))).toMatchObject({
      runtimeStatus: 'Failed',
      output: "Orchestrator function 'lost' failed: it calls the entity 'nobody', which the app does not register",
    });
  });

  test('is taken up again by a later engine', async () => {
    const path = temporaryStateFile();
    const register = (app: typeof df.app) => {
      registerCounter(app);
      app.orchestration('patient', function* ({ df: durable }) {
        yield durable.callEntity(counterA, 'add', 1);
        yield durable.waitForExternalEvent('go');
        return yield durable.callEntity(counterA, 'get');
      });
    };
    const first = createHarness(register, { path });
    await first.run('patient', null, 'one');
    first.close();
    const second = createHarness(register, { path });
    expect(second.engine.getEntity('@counter@a')?.stateJson).toBe('1');
    second.engine.raiseEvent('one', 'go', 'null');
    await second.engine.idle();
    expect(second.status('one')).toMatchObject({ runtimeStatus: 'Completed', output: 1 });
  });

  test('races a timer, and the wait alone keeps no instance from ending', async () => {
    const { engine, status } = createHarness(app => {
      registerCounter(app);
      app.orchestration('hasty', function* ({ df: durable }) {
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 1_000));
        const call = durable.callEntity(counterA, 'get');
        const winner = yield durable.Task.any([call, timer]);
        timer.cancel();
        return winner === call;
      });
    });
    const { instanceId } = engine.startInstance({ name: 'hasty', inputJson: 'null' });
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: true });
  });
});

describe('signals', () => {
  test('from a client run in the order of their arrival, in batches of at most the limit', async () => {
    const batches: string[][] = [];
    const { engine } = createHarness(app => registerCounter(app, batches), {
      settings: { maxEntityOperationBatchSize: 2 },
    });
    await engine.stop();
    for (const n of [1, 2, 3, 4, 5]) engine.signalEntity('@counter@a', 'add', String(n));
    engine.start();
    await engine.idle();
    expect(engine.getEntity('@counter@a')?.stateJson).toBe('15');
    expect(batches.map(batch => batch.length)).toEqual([2, 2, 1]);
  });

  test('from an entity reach another one', async () => {
    const { engine } = createHarness(app => registerCounter(app));
    engine.signalEntity('@counter@a', 'tell', null);
    await engine.idle();
    expect(engine.getEntity('@counter@other')?.stateJson).toBe('7');
    expect(engine.listEntities({}).entities.map(({ entityId }) => entityId)).toEqual(['@counter@other']);
  });

  test('to an unknown entity are refused', async () => {
    const { engine } = createHarness(app => registerCounter(app));
    expect(engine.signalEntity('@nobody@a', 'add', '1')).toBe(false);
    expect(engine.signalEntity('counter', 'add', '1')).toBe(false);
  });

  test('may remove the entity; a read alone brings it to be', async () => {
    const { engine } = createHarness(app => registerCounter(app));
    engine.signalEntity('@counter@a', 'add', '1');
    engine.signalEntity('@counter@a', 'remove', null);
    await engine.idle();
    expect(engine.getEntity('@counter@a')?.stateJson ?? null).toBeNull();
    engine.signalEntity('@counter@a', 'get', null);
    await engine.idle();
    expect(engine.getEntity('@counter@a')?.stateJson).toBe('');
  });
});

test('a batch that fails as a whole is run again, later each time', async () => {
  let failures = 2;
  const { engine, worker, errors, pass } = createHarness(app => registerCounter(app));
  const { invoke } = worker;
  Object.assign(worker, {
    invoke: (...args: Parameters<typeof invoke>) =>
      failures-- > 0 ? Promise.resolve({ kind: 'threw', message: 'no memory', stack: '' }) : invoke(...args),
  });
  engine.signalEntity('@counter@a', 'add', '5');
  await engine.idle();
  expect(errors).toEqual(['@counter@a: @counter@a: the batch failed and is delivered again: no memory']);
  engine.signalEntity('@counter@a', 'add', '6');
  await pass(999);
  expect(errors).toHaveLength(1);
  await pass(1);
  expect(errors).toHaveLength(2);
  await pass(2_000);
  expect(engine.getEntity('@counter@a')?.stateJson).toBe('11');
});

test('an entity that is purged while a batch runs stays purged', async () => {
  const { engine, worker } = createHarness(app => registerCounter(app));
  engine.signalEntity('@counter@a', 'add', '41');
  await engine.idle();
  const { invoke } = worker;
  Object.assign(worker, {
    invoke: (...args: Parameters<typeof invoke>) => {
      engine.purge('@counter@a');
      return invoke(...args);
    },
  });
  engine.signalEntity('@counter@a', 'add', '1');
  await engine.idle();
  expect(engine.getEntity('@counter@a')).toBeUndefined();
});

test('a status request shows an entity as an orchestration that runs for ever', async () => {
  const { engine } = createHarness(app => registerCounter(app));
  expect(engine.getInstance('@counter@a')).toBeUndefined();
  engine.signalEntity('@counter@a', 'add', '5');
  await engine.idle();
  expect(engine.getInstance('@Counter@a')).toMatchObject({
    instanceId: '@counter@a',
    runtimeStatus: 'Running',
    inputJson: '{"exists":true,"state":"5","sorter":{}}',
    customStatusJson: '{"entityExists":true}',
  });
  expect(engine.listInstances({}).instances).toEqual([]);
});

test('purging takes an entity by its id', async () => {
  const { engine } = createHarness(app => registerCounter(app));
  engine.signalEntity('@counter@a', 'add', '5');
  await engine.idle();
  expect([engine.purge('@Counter@a'), engine.purge('@Counter@a')]).toEqual([true, false]);
  expect(engine.getEntity('@counter@a')).toBeUndefined();
});
