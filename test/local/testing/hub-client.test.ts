import type * as df from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { EventType } from '../../../local/engine/protocol/history.ts';
import { createTestHub } from '../../../local/testing/test-hub.ts';

const START_MS = Date.UTC(2026, 0, 1);

/** Waits for `approved`, with the question as its custom status. */
const approval: df.OrchestrationHandler = function* ({ df: durable }) {
  durable.setCustomStatus({ asks: durable.getInput() });
  return yield durable.waitForExternalEvent('approved');
};

const openHub = () => createTestHub({ orchestrators: { approval }, startAtMs: START_MS });

describe('an instance', () => {
  test('is seen as a client sees it: pending, running, completed', async () => {
    await using hub = openHub();
    const id = hub.start('approval', { item: 'desk' }, { instanceId: 'one' });
    expect(id).toBe('one');
    expect(hub.status('one')).toEqual({
      instanceId: 'one',
      name: 'approval',
      runtimeStatus: 'Pending',
      input: { item: 'desk' },
      output: null,
      customStatus: null,
      createdAtMs: START_MS,
      lastUpdatedAtMs: START_MS,
    });
    await hub.settle();
    expect(hub.status('one')).toMatchObject({ runtimeStatus: 'Running', customStatus: { asks: { item: 'desk' } } });
    await hub.advance(2_000);
    hub.raiseEvent('one', 'approved', ['by', 'Ada']);
    expect(hub.status('one')).toMatchObject({ runtimeStatus: 'Running' });
    await hub.settle();
    expect(hub.status('one')).toMatchObject({
      runtimeStatus: 'Completed',
      output: ['by', 'Ada'],
      createdAtMs: START_MS,
      lastUpdatedAtMs: START_MS + 2_000,
    });
  });

  test('that there is not has no status and no history', async () => {
    await using hub = openHub();
    expect(hub.status('nobody')).toBeUndefined();
    expect(hub.history('nobody')).toEqual([]);
    await expect(hub.runToEnd('nobody')).rejects.toThrow('There is no instance "nobody"');
  });

  test('starts by a name in any case, under an id of its own where none is given', async () => {
    await using hub = openHub();
    const ids = [hub.start('APPROVAL'), hub.start('approval')];
    expect(new Set(ids).size).toBe(2);
    await hub.settle();
    expect(ids.map(id => hub.status(id)?.input)).toEqual([null, null]);
  });

  test('is refused under an unknown name, and under the id of one that runs', async () => {
    await using hub = openHub();
    expect(() => hub.start('approvl')).toThrow(/'approvl' doesn't exist.*Known orchestrators: approval/);
    hub.start('approval', null, { instanceId: 'one' });
    expect(() => hub.start('approval', null, { instanceId: 'one' })).toThrow(/'one' already exists/);
  });

  test('is listed with all others, however many', async () => {
    await using hub = openHub();
    const ids = Array.from({ length: 250 }, (_, n) => `i${n}`);
    for (const instanceId of ids) hub.start('approval', null, { instanceId });
    expect(hub.list().map(({ instanceId }) => instanceId)).toEqual(ids.toSorted());
  });

  test('has a history', async () => {
    await using hub = openHub();
    const id = hub.start('approval');
    hub.raiseEvent(id, 'approved', 1);
    await hub.settle();
    expect(hub.history(id).map(({ EventType: type }) => type)).toEqual([
      EventType.OrchestratorStarted,
      EventType.ExecutionStarted,
      EventType.EventRaised,
      EventType.ExecutionCompleted,
      EventType.OrchestratorCompleted,
    ]);
  });

  test('is gone after a purge, and its id is free', async () => {
    await using hub = openHub();
    hub.start('approval', null, { instanceId: 'one' });
    expect(hub.purge('one')).toBe(true);
    expect(hub.purge('one')).toBe(false);
    expect(hub.status('one')).toBeUndefined();
    hub.start('approval', 'again', { instanceId: 'one' });
    await hub.settle();
    expect(hub.status('one')).toMatchObject({ runtimeStatus: 'Running', input: 'again' });
  });
});

describe('control', () => {
  test('terminate ends an instance with the reason as its output', async () => {
    await using hub = openHub();
    const id = hub.start('approval');
    hub.terminate(id, 'no budget');
    expect(await hub.runToEnd(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'no budget' });
  });

  test('suspend holds events back until resume', async () => {
    await using hub = openHub();
    const id = hub.start('approval');
    await hub.settle();
    hub.suspend(id, 'audit');
    await hub.settle();
    hub.raiseEvent(id, 'approved', true);
    await hub.advance(86_400_000);
    expect(hub.status(id)).toMatchObject({ runtimeStatus: 'Suspended', output: null });
    await expect(hub.runToEnd(id)).rejects.toThrow(`"${id}" (approval) is Suspended`);
    hub.resume(id);
    expect(await hub.runToEnd(id)).toMatchObject({ runtimeStatus: 'Completed', output: true });
  });

  test('rewind runs again what failed, and only that', async () => {
    let isBroken = true;
    await using hub = createTestHub({
      orchestrators: {
        *ship({ df: durable }) {
          const packed: string = yield durable.callActivity('pack', 'desk');
          return yield durable.callActivity('send', packed);
        },
      },
      activities: {
        pack: (item: string) => `packed ${item}`,
        send(parcel: string) {
          if (isBroken) throw new Error('no van');
          return `sent ${parcel}`;
        },
      },
    });
    const id = hub.start('ship');
    const failed = await hub.runToEnd(id);
    expect(failed).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringContaining('no van') });
    isBroken = false;
    hub.rewind(id, 'the van is back');
    expect(await hub.runToEnd(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'sent packed desk' });
    expect(hub.calls.map(({ name }) => name)).toEqual(['pack', 'send', 'send']);
  });

  test('is refused in words', async () => {
    await using hub = openHub();
    const id = hub.start('approval');
    await hub.settle();
    expect(() => hub.raiseEvent('nobody', 'approved')).toThrow(
      'Cannot raise an event at instance "nobody": there is none',
    );
    expect(() => hub.resume(id)).toThrow(`Cannot resume instance "${id}": it is Running`);
    expect(() => hub.rewind(id)).toThrow(`Cannot rewind instance "${id}": it is Running`);
    hub.terminate(id);
    await hub.settle();
    expect(() => hub.terminate(id)).toThrow(`Cannot terminate instance "${id}": it is Terminated`);
    expect(() => hub.suspend(id)).toThrow(`Cannot suspend instance "${id}": it is Terminated`);
  });
});
