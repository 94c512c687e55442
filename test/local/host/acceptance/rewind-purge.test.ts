import { describe, expect, test } from 'vitest';
import { newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();
const is = (wanted: string) => (status: { readonly runtimeStatus: string }) => status.runtimeStatus === wanted;

describe('10: rewind', () => {
  const worksOf = (failures: number) => [{ name: 'good' }, { name: 'bad', failures }, { name: 'after' }];

  test('once: the failed step runs again, the good ones do not', async () => {
    const { client, ended, journal, start, statusWhen } = host();
    const key = newId();
    const id = await start('steps', { key, works: worksOf(1) });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Failed' });
    expect(await client('rewind', { id, reason: 'mended' })).toEqual({ resolved: null });
    expect(await statusWhen(id, is('Completed'))).toMatchObject({ output: ['good-1', 'bad-2', 'after-1'] });
    expect(await journal(key)).toEqual(['good', 'bad', 'bad', 'after']);
  });

  test('twice: the failed step runs once more for each', async () => {
    const { client, journal, journalOf, start, statusWhen } = host();
    const key = newId();
    const id = await start('steps', { key, works: worksOf(2) });
    await statusWhen(id, is('Failed'));
    await client('rewind', { id, reason: 'first' });
    await journalOf(key, 3);
    await statusWhen(id, is('Failed'));
    await client('rewind', { id, reason: 'second' });
    expect(await statusWhen(id, is('Completed'))).toMatchObject({ output: ['good-1', 'bad-3', 'after-1'] });
    expect(await journal(key)).toEqual(['good', 'bad', 'bad', 'bad', 'after']);
  });

  test('goes into a child that failed', async () => {
    const { client, ended, journal, start, status, statusWhen } = host();
    const [key, childId] = [newId(), newId()];
    const input = { key, works: worksOf(1) };
    const id = await start('parent', { child: 'steps', input, childId });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Failed' });
    expect(await status(childId)).toMatchObject({ runtimeStatus: 'Failed' });
    await client('rewind', { id, reason: 'mended' });
    expect(await statusWhen(id, is('Completed'))).toMatchObject({ output: ['good-1', 'bad-2', 'after-1'] });
    expect(await status(childId)).toMatchObject({ runtimeStatus: 'Completed' });
    expect(await journal(key)).toEqual(['good', 'bad', 'bad', 'after']);
  });

  test('keeps the other results of a failed fan-out', async () => {
    const { client, ended, journal, start, statusWhen } = host();
    const key = newId();
    const id = await start('fanOut', { key, works: [{ name: 'A' }, { name: 'B', failures: 1 }, { name: 'C' }] });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Failed' });
    await client('rewind', { id, reason: 'mended' });
    expect(await statusWhen(id, is('Completed'))).toMatchObject({ output: ['A-1', 'B-2', 'C-1'] });
    expect((await journal(key)).toSorted()).toEqual(['A', 'B', 'B', 'C']);
  });

  test('of an instance that completed or was terminated is refused', async () => {
    const { client, ended, start } = host();
    const done = await start('greetings', ['Tokyo']);
    const stopped = await start('events', { names: ['go'] });
    await client('terminate', { id: stopped, reason: 'stop' });
    for (const id of [done, stopped]) {
      const before = await ended(id);
      expect(await client('rewind', { id, reason: 'x' })).toEqual({
        rejected: expect.stringContaining('The operation failed with an unexpected status code: 410'),
      });
      expect(await ended(id)).toEqual(before);
    }
  });

  test('of an instance that runs or is suspended is refused', async () => {
    const { client, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await statusWhen(id, is('Running'));
    const refused = { rejected: expect.stringContaining('The operation failed with an unexpected status code: 500') };
    expect(await client('rewind', { id, reason: 'x' })).toEqual(refused);
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, is('Suspended'));
    expect(await client('rewind', { id, reason: 'x' })).toEqual(refused);
  });

  test('of an unknown instance is refused', async () => {
    const id = newId();
    expect(await host().client('rewind', { id, reason: 'x' })).toEqual({
      rejected: `No instance with ID '${id}' found.`,
    });
  });
});

describe('11: purge', () => {
  const purged = (instancesDeleted: number) => ({ resolved: { instancesDeleted } });

  test('by id deletes one, then none; the id is free again', async () => {
    const { client, ended, manage, start } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    expect(await client('purgeInstanceHistory', { id })).toEqual(purged(1));
    expect(await client('getStatus', { id })).toEqual({ rejected: expect.stringContaining('HTTP 404 response') });
    expect(await client('purgeInstanceHistory', { id })).toEqual(purged(0));
    expect(await manage('DELETE', `instances/${id}`)).toMatchObject({ status: 404 });
    await start('greetings', ['Oslo'], id);
    expect(await ended(id)).toMatchObject({ output: ['Hello, Oslo!'] });
    expect(await manage('DELETE', `instances/${id}`)).toMatchObject({ status: 200, body: { instancesDeleted: 1 } });
  });

  test('by id deletes also what runs; its late result is dropped', async () => {
    const { client, ended, journalOf, open, start } = host();
    const key = newId();
    const id = await start('steps', { key, works: [{ name: 'slow', gated: true }] });
    await journalOf(key, 1);
    expect(await client('purgeInstanceHistory', { id })).toEqual(purged(1));
    await start('whoAmI', 'another', id);
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', name: 'whoAmI' });
    await open(key, 'slow-1');
    await ended(await start('steps', { key: newId(), works: [{ name: 'other' }, { name: 'other' }] }));
    expect(await ended(id)).toMatchObject({ name: 'whoAmI', input: 'another', output: { instanceId: id } });
  });

  /** Instances of a time of their own: one completed, one failed, one terminated, one that runs. */
  async function startFour(): Promise<{ readonly from: Date; readonly to: Date; readonly ids: readonly string[] }> {
    const { client, ended, start, statusWhen } = host();
    const from = new Date();
    const done = await start('greetings', ['Tokyo']);
    const failed = await start('call', { activity: 'work', input: { key: newId(), name: 'bad', failures: 1 } });
    const stopped = await start('events', { names: ['go'] });
    const running = await start('events', { names: ['go'] });
    await client('terminate', { id: stopped, reason: 'stop' });
    for (const id of [done, failed, stopped]) await ended(id);
    await statusWhen(running, is('Running'));
    return { from, to: new Date(), ids: [done, failed, stopped, running] };
  }

  test('by time of creation deletes what has ended and spares what runs', async () => {
    const { client, manage } = host();
    const { from, to, ids } = await startFour();
    const [done, failed, stopped, running] = ids;
    expect(await client('purgeInstanceHistoryBy', { from, to })).toEqual(purged(3));
    for (const id of [done, failed, stopped]) {
      expect(await manage('GET', `instances/${id}`)).toMatchObject({ status: 404 });
    }
    expect(await manage('GET', `instances/${running}`)).toMatchObject({ status: 202 });
    expect(await client('purgeInstanceHistoryBy', { from, to })).toEqual(purged(0));
  });

  test('by status deletes no others', async () => {
    const { client, manage } = host();
    const { from, to, ids } = await startFour();
    const [done, failed, stopped] = ids;
    expect(await client('purgeInstanceHistoryBy', { from, to, runtimeStatus: ['Failed', 'Running'] })).toEqual(
      purged(1),
    );
    expect(await manage('GET', `instances/${failed}`)).toMatchObject({ status: 404 });
    for (const id of [done, stopped]) expect(await manage('GET', `instances/${id}`)).toMatchObject({ status: 200 });
  });

  test('by a filter that nothing matches: 404, for the client 0', async () => {
    const { client, manage } = host();
    const past = { from: '2001-01-01T00:00:00.000Z', to: '2001-01-02T00:00:00.000Z' };
    expect(await client('purgeInstanceHistoryBy', past)).toEqual(purged(0));
    const query = `createdTimeFrom=${past.from}&createdTimeTo=${past.to}`;
    expect(await manage('DELETE', `instances?${query}`)).toMatchObject({ status: 404 });
  });

  test('by a filter without a time to begin with: 400', async () => {
    const { ended, manage, start, status } = host();
    const id = await start('greetings', ['Tokyo']);
    await ended(id);
    expect(await manage('DELETE', 'instances?runtimeStatus=Completed')).toMatchObject({ status: 400 });
    expect(await status(id)).toMatchObject({ runtimeStatus: 'Completed' });
  });

  test('of an entity, by its id', async () => {
    const { client, ended, start } = host();
    const key = newId();
    const entity = { name: 'counter', key };
    await ended(await start('operations', { entity: 'counter', key, operations: [{ name: 'addAndGet', input: 5 }] }));
    expect(await client('readEntityState', { entity })).toEqual({ resolved: { entityExists: true, entityState: 5 } });
    expect(await client('purgeInstanceHistory', { id: `@counter@${key}` })).toEqual(purged(1));
    expect(await client('readEntityState', { entity })).toEqual({ resolved: { entityExists: false } });
    expect(await client('purgeInstanceHistory', { id: `@counter@${key}` })).toEqual(purged(0));
  });
});
