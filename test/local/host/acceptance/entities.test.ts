import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AN_INSTANT, MANAGEMENT, newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';
import { pollUntil } from '../../../helpers/host-fixture.ts';

const host = useAcceptanceHost();
const entitiesSchema = z.array(z.looseObject({ entityId: z.object({ name: z.string(), key: z.string() }) }));
const counter = (key: string) => ({ name: 'counter', key });
const holds = (entityState: unknown) => ({ resolved: { entityExists: true, entityState } });
const ABSENT = { resolved: { entityExists: false } };

/** Does operations of an entity in an orchestration; answers what its calls answered. */
async function operate(entity: string, key: string, operations: readonly object[]): Promise<unknown> {
  const { ended, start } = host();
  const { runtimeStatus, output } = await ended(await start('operations', { entity, key, operations }));
  expect(runtimeStatus).toBe('Completed');
  return output;
}

/** Waits until the state of an entity is as wanted. */
const stateIs = (entity: { readonly name: string; readonly key: string }, wanted: unknown) =>
  pollUntil(
    () => host().client('readEntityState', { entity }),
    answer => JSON.stringify(answer) === JSON.stringify(wanted),
  );

describe('4: an error of an entity', () => {
  test('is caught by its caller, who sees no text of it', async () => {
    const { client, ended, start } = host();
    const key = newId();
    const id = await start('catchEntity', { key, operation: 'breakAfterAdding', input: 3 });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: { caught: '[object Object]' } });
    // What the operation had set stays: nothing is rolled back.
    expect(await client('readEntityState', { entity: counter(key) })).toEqual(holds(3));
  });

  test('keeps its text where a bare text was thrown', async () => {
    const { ended, start } = host();
    const id = await start('catchEntity', { key: newId(), operation: 'breakWithText' });
    expect(await ended(id)).toMatchObject({
      output: { caught: expect.stringContaining('the counter broke with a text') },
    });
  });

  test('does not keep later operations from being done', async () => {
    const operations = [
      { name: 'add', input: 1, isSignal: true },
      { name: 'breakAfterAdding', input: 10, isSignal: true },
      { name: 'addAndGet', input: 100 },
    ];
    expect(await operate('counter', newId(), operations)).toEqual([111]);
  });

  test('a call of an entity that the app does not have fails the instance (the real host lets it hang)', async () => {
    const { ended, start } = host();
    const id = await start('operations', { entity: 'nobody', key: 'k', operations: [{ name: 'get' }] });
    expect(await ended(id)).toMatchObject({
      runtimeStatus: 'Failed',
      output: expect.stringMatching(/^Orchestrator function 'operations' failed: .*nobody/),
    });
  });
});

describe('17: entities and orchestrations', () => {
  test('an orchestration changes an entity and answers its state', async () => {
    const operations = [{ name: 'addAndGet', input: 2 }, { name: 'addAndGet', input: 40 }, { name: 'get' }];
    const key = newId();
    expect(await operate('counter', key, operations)).toEqual([2, 42, 42]);
    expect(await host().client('readEntityState', { entity: counter(key) })).toEqual(holds(42));
  });

  test('signals and calls of one sender are done in order', async () => {
    const signals = Array.from({ length: 20 }, (_, i) => ({ name: 'tell', input: i, isSignal: true }));
    const key = newId();
    const read = { name: 'read' };
    expect(
      await operate('log', key, [...signals, read, { name: 'tell', input: 'last', isSignal: true }, read]),
    ).toEqual([Array.from({ length: 20 }, (_, i) => i), [...Array.from({ length: 20 }, (_, i) => i), 'last']]);
  });

  test('inputs of every kind arrive', async () => {
    const inputs = [1, 'text', '5', '', true, null, [], { a: [1] }];
    const operations = inputs.map(input => ({ name: 'tell', input }));
    expect(await operate('log', newId(), [...operations, { name: 'read' }])).toEqual([
      ...inputs.map(() => null),
      inputs,
    ]);
  });

  test('operations of many orchestrations on one entity are done one at a time', async () => {
    const { ended, start } = host();
    const key = newId();
    const operations = Array.from({ length: 5 }, () => ({ name: 'addAndGet', input: 1 }));
    const ids = await Promise.all(
      Array.from({ length: 6 }, () => start('operations', { entity: 'counter', key, operations })),
    );
    const answers = (await Promise.all(ids.map(id => ended(id)))).flatMap(({ output }) => output);
    // Each sum was seen by exactly one caller.
    expect(answers.toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  test('many entities are called at once', async () => {
    const { ended, start } = host();
    const prefix = newId();
    const keys = Array.from({ length: 10 }, (_, i) => `${prefix}${'x'.repeat(i)}`);
    expect(await ended(await start('manyCounters', keys))).toMatchObject({ output: keys.map(key => key.length) });
  });

  test('an entity signals another one', async () => {
    const [from, to] = [newId(), newId()];
    await operate('counter', from, [{ name: 'relay', input: { to, amount: 7 } }]);
    await stateIs(counter(to), holds(7));
  });

  test('a read alone makes the entity exist; a delete ends that', async () => {
    const { client } = host();
    const key = newId();
    expect(await operate('counter', key, [{ name: 'get' }])).toEqual([0]);
    expect(await client('readEntityState', { entity: counter(key) })).toMatchObject({
      resolved: { entityExists: true },
    });
    await operate('counter', key, [{ name: 'addAndGet', input: 1 }, { name: 'delete' }]);
    expect(await client('readEntityState', { entity: counter(key) })).toEqual(ABSENT);
    expect(await operate('counter', key, [{ name: 'addAndGet', input: 5 }])).toEqual([5]);
  });

  test('names of entities ignore case, keys do not', async () => {
    const key = newId().toUpperCase();
    expect(await operate('Counter', key, [{ name: 'addAndGet', input: 1 }])).toEqual([1]);
    expect(await operate('COUNTER', key, [{ name: 'addAndGet', input: 1 }])).toEqual([2]);
    expect(await operate('counter', key.toLowerCase(), [{ name: 'addAndGet', input: 1 }])).toEqual([1]);
  });
});

describe('17: entities and clients', () => {
  test('what a client signals, it reads later; what nobody made does not exist', async () => {
    const { client } = host();
    const entity = counter(newId());
    expect(await client('readEntityState', { entity })).toEqual(ABSENT);
    expect(await client('signalEntity', { entity, operation: 'add', input: 5 })).toEqual({ resolved: null });
    await stateIs(entity, holds(5));
    await client('signalEntity', { entity, operation: 'add', input: -2 });
    await stateIs(entity, holds(3));
    await client('signalEntity', { entity, operation: 'delete' });
    await stateIs(entity, ABSENT);
  });

  test('a signal to an entity that the app does not have is refused', async () => {
    const { client, manage } = host();
    const entity = { name: 'nobody', key: 'k' };
    expect(await client('signalEntity', { entity, operation: 'add', input: 1 })).toEqual({
      rejected: expect.stringContaining('The operation failed with an unexpected status code: 400'),
    });
    expect(await manage('POST', 'entities/nobody/k?op=add', 1)).toMatchObject({ status: 400 });
  });

  test('the management API reads the state, signals, and deletes', async () => {
    const { ask, manage } = host();
    const key = newId();
    const path = `entities/Counter/${key}`;
    expect(await manage('GET', path)).toMatchObject({ status: 404 });
    expect(await manage('POST', `${path}?op=add`, 4)).toMatchObject({ status: 202 });
    await stateIs(counter(key), holds(4));
    expect(await manage('GET', path)).toMatchObject({ status: 200, body: 4 });
    const init = { method: 'POST', body: '{"half":', headers: { 'content-type': 'application/json' } };
    expect(await ask(`${MANAGEMENT}/${path}?op=add`, init)).toMatchObject({ status: 400 });
    expect(await manage('DELETE', path)).toMatchObject({ status: 202 });
    await stateIs(counter(key), ABSENT);
  });

  test('an empty key is written as $', async () => {
    const { client, manage } = host();
    expect(await manage('POST', 'entities/log/$?op=tell', 'once')).toMatchObject({ status: 202 });
    await pollUntil(
      () => manage('GET', 'entities/log/$'),
      ({ status }) => status === 200,
    );
    expect(await client('purgeInstanceHistory', { id: '@log@' })).toEqual({ resolved: { instancesDeleted: 1 } });
    expect(await manage('GET', 'entities/log/$')).toMatchObject({ status: 404 });
  });

  test('a body of another type than JSON is kept as text', async () => {
    const { ask, manage } = host();
    const key = newId();
    const init = { method: 'POST', body: '5', headers: { 'content-type': 'text/plain' } };
    expect(await ask(`${MANAGEMENT}/entities/log/${key}?op=tell`, init)).toMatchObject({ status: 202 });
    await stateIs({ name: 'log', key }, holds(['5']));
    expect(await manage('GET', `entities/log/${key}`)).toMatchObject({ status: 200, body: ['5'] });
  });

  test('the management API lists entities, all or of one name', async () => {
    const { manage } = host();
    const key = newId();
    await operate('counter', key, [{ name: 'addAndGet', input: 1 }]);
    await operate('log', key, [{ name: 'tell', input: 1 }]);
    const listed = async (path: string) =>
      entitiesSchema.parse((await manage('GET', path)).body).filter(({ entityId }) => entityId.key === key);
    expect((await listed('entities')).map(({ entityId }) => entityId.name).toSorted()).toEqual(['counter', 'log']);
    expect(await listed('entities/COUNTER?fetchState=true')).toEqual([
      { entityId: { name: 'counter', key }, lastOperationTime: AN_INSTANT, state: 1 },
    ]);
    expect(await listed('entities/log')).toEqual([{ entityId: { name: 'log', key }, lastOperationTime: AN_INSTANT }]);
    expect(await listed('entities?lastOperationTimeTo=2001-01-01T00:00:00Z')).toEqual([]);
  });
});
