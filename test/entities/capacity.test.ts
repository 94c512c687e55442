import { type EntityHandler, EntityId } from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { createTestHub, type TestHub } from '../../local/testing/test-hub.ts';
import { reserve } from '../../src/core/capacity/capacity.ts';
import { CapacityStateSchema, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';
import { capacity } from '../../src/entities/capacity.ts';
import { START_MS } from '../helpers/capacity-talk.ts';
import { terms, use } from '../helpers/capacity-world.ts';

const RESERVE = { runId: 'a:1', stream: 0, nowMs: START_MS, want: 20, fresh: true, terms: terms(), used: null };

/** The entity, and an operation that stores what an older version may have stored. */
const seedable: EntityHandler<never> = context =>
  context.df.operationName === 'seed'
    ? context.df.setState(context.df.getInput<never>() as never)
    : (capacity as EntityHandler<never>)(context);

/** A hub with the entity, and an orchestration that calls it: `[operation, message]` gives what it answers. */
function entityHub(): TestHub & { call(operation: string, message: object): Promise<unknown> } {
  const hub = createTestHub({
    entities: { capacity: seedable },
    orchestrators: {
      *call(context) {
        const [operation, message] = context.df.getInput() as [string, object];
        return yield context.df.callEntity(new EntityId('capacity', 'gpt'), operation, message);
      },
    },
  });
  return {
    ...hub,
    async call(operation, message) {
      const { runtimeStatus, output } = await hub.runToEnd(hub.start('call', [operation, message]));
      if (runtimeStatus !== 'Completed') throw new Error(String(output));
      return output;
    },
  };
}

describe('the capacity entity', () => {
  test('answers a reservation with its grant, and keeps the state', async () => {
    await using hub = entityHub();
    const { state, answer } = reserve(FRESH_CAPACITY, RESERVE);
    expect(await hub.call('reserve', RESERVE)).toEqual(answer);
    expect(hub.entity('capacity', 'gpt')).toEqual(state);
    expect(await hub.call('reserve', { ...RESERVE, stream: 1 })).toMatchObject({ granted: 4, from: 4 });
    expect(CapacityStateSchema.parse(hub.entity('capacity', 'gpt'))).toEqual(hub.entity('capacity', 'gpt'));
  });

  test('takes a word to a run as a signal', async () => {
    await using hub = entityHub();
    await hub.call('reserve', RESERVE);
    hub.signalEntity('capacity', 'gpt', 'control', { runId: 'a:1', control: 'paused', nowMs: START_MS });
    await hub.settle();
    expect(await hub.call('reserve', RESERVE)).toMatchObject({ granted: 0, control: 'paused' });
  });

  test('answers a farewell with what is known of the deployment', async () => {
    await using hub = entityHub();
    await hub.call('reserve', RESERVE);
    const used = use({ calls: 4, answered: 4, callCount: 4, callSeconds: 8, callSecondsSquared: 16 });
    const farewell = { runId: 'a:1', nowMs: START_MS, terms: terms(), uses: [{ stream: 0, used }] };
    expect(await hub.call('leave', farewell)).toMatchObject({ callMs: { count: 4, mean: 2_000, cv: 0 } });
    expect(hub.entity('capacity', 'gpt')).toMatchObject({ runs: {}, grants: {} });
  });

  test('has one state for each deployment', async () => {
    await using hub = entityHub();
    await hub.call('reserve', RESERVE);
    hub.signalEntity('capacity', 'other', 'control', { runId: 'a:1', control: 'paused', nowMs: START_MS });
    await hub.settle();
    expect(hub.entity('capacity', 'other')).toMatchObject({ runs: {} });
    expect(hub.entity('capacity', 'gpt')).toMatchObject({ runs: { 'a:1': { control: 'go' } } });
  });

  test.each(['reserve', 'leave', 'control'])('begins anew where what is stored has another shape: %s', async name => {
    await using hub = entityHub();
    await hub.call('seed', { nowMs: START_MS, runs: { 'a:1': { cursor: 7 } }, meters: [] });
    await hub.call(name, { ...RESERVE, control: 'paused', uses: [] });
    const state = CapacityStateSchema.parse(hub.entity('capacity', 'gpt'));
    expect(Object.keys(state.runs)).toEqual(name === 'leave' ? [] : ['a:1']);
    await hub.call('seed', { nowMs: START_MS, runs: { 'a:1': { cursor: 7 } }, meters: [] });
    expect(await hub.call('reserve', RESERVE)).toEqual(reserve(FRESH_CAPACITY, RESERVE).answer);
  });

  test('refuses what it does not know, and keeps its state', async () => {
    await using hub = entityHub();
    await hub.call('reserve', RESERVE);
    const before = hub.entity('capacity', 'gpt');
    await expect(hub.call('reset', {})).rejects.toThrow();
    expect(hub.entity('capacity', 'gpt')).toEqual(before);
  });
});
