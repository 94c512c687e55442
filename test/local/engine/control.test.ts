import { describe, expect, test } from 'vitest';
import { StartRefusedError } from '../../../local/engine/api.ts';
import type { df } from '../../helpers/durable-app.ts';
import { createHarness, START_MS } from '../../helpers/engine-harness.ts';

/** Waits for two events, then does a step. */
function registerWaiter(app: typeof df.app): void {
  app.activity('step', { handler: (value: unknown) => value ?? 'no value' });
  app.orchestration('waiter', function* ({ df: durable }) {
    const first = yield durable.waitForExternalEvent('go');
    const second = yield durable.waitForExternalEvent('go');
    return [first, second, yield durable.callActivity('step', 'end')];
  });
}

describe('starting', () => {
  test('keeps the input as sent, also the empty string of a client that gives none', async () => {
    const { engine, status } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('input', function* ({ df: durable }) {
        return { input: durable.getInput() };
      });
    });
    const started = ['""', '{"a":[1,2]}', 'null', '"text"', '12'].map(inputJson =>
      engine.startInstance({ name: 'INPUT', inputJson }),
    );
    await engine.idle();
    const inputs = started.map(({ instanceId }) => status(instanceId).output);
    expect(inputs).toEqual(['', { a: [1, 2] }, null, 'text', 12].map(input => ({ input })));
  });

  test('gives 32 hex digits where no id is wished, and is Pending until the first episode', () => {
    const { engine } = createHarness(registerWaiter);
    const { instanceId } = engine.startInstance({ name: 'waiter', inputJson: '1', version: '2.0' });
    expect(instanceId).toMatch(/^[0-9a-f]{32}$/);
    expect(engine.getInstance(instanceId)).toMatchObject({
      name: 'waiter',
      version: '2.0',
      runtimeStatus: 'Pending',
      inputJson: '1',
      outputJson: null,
      parentInstanceId: null,
      createdAtMs: START_MS,
    });
  });

  test('is refused for a running id and accepted for a finished one, which it overwrites', async () => {
    const { run, engine, status } = createHarness(registerWaiter);
    await run('waiter', null, 'one');
    expect(() => engine.startInstance({ name: 'waiter', instanceId: 'one', inputJson: '1' })).toThrow(
      expect.objectContaining({ code: 'already_running', message: expect.stringContaining("'one'") }),
    );
    engine.terminate('one', 'enough');
    await engine.idle();
    expect(status('one').runtimeStatus).toBe('Terminated');
    await run('waiter', 2, 'one');
    expect(status('one')).toEqual({ runtimeStatus: 'Running', output: null, customStatus: null });
    expect(engine.getHistory('one')).toHaveLength(3);
  });

  test.each([
    ['@entity', 'starts with "@"'],
    ['a/b', 'has one of'],
    ['a\\b', 'has one of'],
    ['a#b', 'has one of'],
    ['a?b', 'has one of'],
    ['a\nb', 'has one of'],
    ['x'.repeat(257), 'has 257 characters; allowed: 1 to 256'],
  ])('is refused for the id %j', (instanceId, text) => {
    const { engine } = createHarness(registerWaiter);
    expect(() => engine.startInstance({ name: 'waiter', instanceId, inputJson: '1' })).toThrow(
      expect.objectContaining({ code: 'bad_instance_id', message: expect.stringContaining(text) }),
    );
    expect(engine.getInstance(instanceId)).toBeUndefined();
  });

  test('is refused for a function that is no orchestrator', () => {
    const { engine } = createHarness(registerWaiter);
    for (const name of ['nobody', 'step']) {
      expect(() => engine.startInstance({ name, inputJson: '1' })).toThrow(StartRefusedError);
      expect(() => engine.startInstance({ name, inputJson: '1' })).toThrow(/Known orchestrators: waiter/);
    }
  });

  test('is refused for an input that is not JSON', () => {
    const { engine } = createHarness(registerWaiter);
    expect(() => engine.startInstance({ name: 'waiter', inputJson: '{' })).toThrow(/Input is not JSON: \{/);
  });
});

describe('events', () => {
  test('that come before anyone waits are kept, in order', async () => {
    const { engine, status } = createHarness(registerWaiter);
    const { instanceId } = engine.startInstance({ name: 'waiter', inputJson: 'null' });
    expect(engine.raiseEvent(instanceId, 'go', '{"n":1}')).toBe('accepted');
    expect(engine.raiseEvent(instanceId, 'go', 'null')).toBe('accepted');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: [{ n: 1 }, null, 'end'] });
  });

  test('tell what became of them', async () => {
    const { run, engine } = createHarness(registerWaiter);
    const id = await run('waiter');
    expect(engine.raiseEvent('unknown', 'go', '1')).toBe('not_found');
    expect(() => engine.raiseEvent(id, 'go', '')).toThrow(/Event data is not JSON/);
    engine.raiseEvent(id, 'go', '1');
    engine.raiseEvent(id, 'go', '2');
    await engine.idle();
    expect(engine.raiseEvent(id, 'go', '3')).toBe('finished');
  });

  test('that come during the last episode are dropped', async () => {
    const { engine, store, status } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('brief', function* () {
        engine.raiseEvent('one', 'late', '1');
        return 'done';
      });
    });
    engine.startInstance({ name: 'brief', instanceId: 'one', inputJson: 'null' });
    await engine.idle();
    expect(status('one')).toMatchObject({ runtimeStatus: 'Completed', output: 'done' });
    expect(store.readMessages('one')).toEqual([]);
  });

  test('of another case that come early are taken for the one waited for by the host alone', async () => {
    const { engine, errors, status } = createHarness(registerWaiter);
    const { instanceId } = engine.startInstance({ name: 'waiter', inputJson: 'null' });
    for (const name of ['GO', 'GO']) engine.raiseEvent(instanceId, name, '1');
    await engine.idle();
    expect(status(instanceId).runtimeStatus).toBe('Running');
    expect(errors.join()).toContain('event "GO" was raised while the orchestrator waits for "go"');
  });

  test('of one name serve the newest wait first', async () => {
    const { run, engine, status, errors } = createHarness(app => {
      app.orchestration('stack', function* ({ df: durable }) {
        const older = durable.waitForExternalEvent('go');
        const newer = durable.waitForExternalEvent('go');
        return yield durable.Task.all([older, newer]);
      });
    });
    const id = await run('stack');
    engine.raiseEvent(id, 'go', '1');
    engine.raiseEvent(id, 'go', '2');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: [2, 1] });
    expect(errors).toEqual([]);
  });
});

describe('terminating', () => {
  test('ends an instance with the reason as output, and lets running activities end unheard', async () => {
    const gate = Promise.withResolvers<string>();
    let isRunning = false;
    const { engine, status } = createHarness(app => {
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
    expect(engine.terminate(instanceId, 'enough')).toBe('accepted');
    while (status(instanceId).runtimeStatus === 'Running') await new Promise(resolve => setImmediate(resolve));
    const historyLength = engine.getHistory(instanceId).length;
    gate.resolve('late');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
    expect(engine.getHistory(instanceId)).toHaveLength(historyLength);
    expect(engine.terminate(instanceId, 'again')).toBe('finished');
    expect(engine.terminate('unknown', 'x')).toBe('not_found');
  });

  test('reaches a suspended instance', async () => {
    const { run, engine, status } = createHarness(registerWaiter);
    const id = await run('waiter');
    engine.suspend(id, 'hold');
    await engine.idle();
    engine.terminate(id, 'enough');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
  });
});

describe('suspending', () => {
  test('holds events back until the instance resumes, in order', async () => {
    const { run, engine, status } = createHarness(registerWaiter);
    const id = await run('waiter');
    expect(engine.resume(id, '')).toBe('wrong_state');
    expect(engine.suspend(id, 'hold')).toBe('accepted');
    await engine.idle();
    expect(status(id).runtimeStatus).toBe('Suspended');
    expect(engine.suspend(id, 'hold')).toBe('wrong_state');
    expect(engine.raiseEvent(id, 'go', '1')).toBe('accepted');
    expect(engine.raiseEvent(id, 'go', '2')).toBe('accepted');
    await engine.idle();
    expect(status(id).runtimeStatus).toBe('Suspended');
    expect(engine.resume(id, 'on')).toBe('accepted');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: [1, 2, 'end'] });
    expect(engine.suspend(id, '')).toBe('finished');
    expect(engine.resume(id, '')).toBe('finished');
  });

  test('holds back what was decided in the same episode', async () => {
    const { engine, status, trace, worker } = createHarness(registerWaiter);
    const { instanceId } = engine.startInstance({ name: 'waiter', inputJson: 'null' });
    engine.raiseEvent(instanceId, 'go', '1');
    engine.raiseEvent(instanceId, 'go', '2');
    engine.suspend(instanceId, 'hold');
    await engine.idle();
    expect(trace(instanceId)).toEqual(['12', '0', '15', '15', '19', '13']);
    expect(worker.invocationCount()).toBe(1);
    engine.resume(instanceId, 'on');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: [1, 2, 'end'] });
  });

  test('lets a timer that fires meanwhile act on resuming', async () => {
    const { run, engine, pass, status } = createHarness(app => {
      app.orchestration('sleeper', function* ({ df: durable }) {
        yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 1_000));
        return 'awake';
      });
    });
    const id = await run('sleeper');
    engine.suspend(id, 'hold');
    await pass(5_000);
    expect(status(id).runtimeStatus).toBe('Suspended');
    engine.resume(id, 'on');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'awake' });
  });
});

describe('purging and listing', () => {
  test('purge deletes instance and history in any state', async () => {
    const { run, engine } = createHarness(registerWaiter);
    const id = await run('waiter');
    expect(engine.purge(id)).toBe(true);
    expect(engine.purge(id)).toBe(false);
    expect(engine.getInstance(id)).toBeUndefined();
    expect(engine.getHistory(id)).toEqual([]);
    expect(await run('waiter', null, id)).toBe(id);
  });

  test('a purge during an episode wins', async () => {
    const { engine, worker } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('purged', function* () {
        engine.purge('gone');
        return 'never stored';
      });
    });
    engine.startInstance({ name: 'purged', instanceId: 'gone', inputJson: 'null' });
    await engine.idle();
    expect(worker.invocationCount()).toBe(1);
    expect(engine.getInstance('gone')).toBeUndefined();
    expect(engine.getHistory('gone')).toEqual([]);
  });

  test('list yields every instance once, page by page', async () => {
    const { engine, run } = createHarness(registerWaiter);
    for (const id of ['b', 'a', 'd', 'c', 'e']) await run('waiter', null, id);
    const pages: string[][] = [];
    let continuationToken: string | undefined;
    do {
      const page = engine.listInstances({ top: 2, ...(continuationToken === undefined ? {} : { continuationToken }) });
      pages.push(page.instances.map(({ instanceId }) => instanceId));
      continuationToken = page.continuationToken;
    } while (continuationToken !== undefined);
    expect(pages).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
  });
});
