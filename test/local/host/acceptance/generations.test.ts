import { describe, expect, test } from 'vitest';
import { newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();
const is = (wanted: string) => (status: { readonly runtimeStatus: string }) => status.runtimeStatus === wanted;

describe('21: continueAsNew', () => {
  test('over 50 generations the history does not grow, and id and custom status are kept', async () => {
    const { client, ended, history, start, status, statusWhen } = host();
    const id = await start('generations', { generation: 1, last: 50 });
    await statusWhen(id, ({ input }) => JSON.stringify(input) === '{"generation":50,"last":50}');
    await client('raiseEvent', { id, name: 'end', data: 'over' });
    expect(await ended(id)).toMatchObject({
      instanceId: id,
      runtimeStatus: 'Completed',
      input: { generation: 50, last: 50 },
      output: { generation: 50, data: 'over' },
    });
    const rows = await history(id);
    expect(rows.filter(({ EventType }) => EventType !== 'EventRaised').map(({ EventType }) => EventType)).toEqual([
      'ExecutionStarted',
      'TaskCompleted',
      'ExecutionCompleted',
    ]);
    expect(rows[0]).toMatchObject({ FunctionName: 'generations', Input: '{"generation":50,"last":50}' });
    // An episode that sets none leaves none: the last one did not.
    expect(await status(id)).toMatchObject({ customStatus: null });
  });

  /** An instance in its first generation, whose piece of work has begun and waits at its gate. */
  async function startDeciding(): Promise<{ readonly id: string; readonly key: string }> {
    const key = newId();
    const id = await host().start('deciding', { key, generation: 1 });
    await host().journalOf(key, 1);
    return { id, key };
  }

  test('an event of the episode that decides, after the decision, is carried over; id and custom status are kept', async () => {
    const { client, ended, historyWith, open, status, statusWhen } = host();
    const { id, key } = await startDeciding();
    // While it is suspended, the result and the event wait together: one episode reads both.
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, is('Suspended'));
    await open(key, 'before-1');
    await historyWith(id, 'TaskCompleted');
    await client('raiseEvent', { id, name: 'late', data: 'carried' });
    await historyWith(id, 'EventRaised');
    await client('resume', { id, reason: 'go on' });
    // A carried event counts as played, as on the real host.
    const output = { data: 'carried', isReplaying: true };
    expect(await ended(id)).toMatchObject({ instanceId: id, runtimeStatus: 'Completed', output });
    expect(await status(id)).toMatchObject({
      input: { key, generation: 2 },
      customStatus: 'from the first generation',
    });
  });

  test('an event from before the decision is lost, as on the real host', async () => {
    const { client, ended, historyWith, open, statusWhen } = host();
    const { id, key } = await startDeciding();
    await client('raiseEvent', { id, name: 'late', data: 'too early' });
    await historyWith(id, 'EventRaised');
    await open(key, 'before-1');
    const second = await statusWhen(id, ({ customStatus }) => customStatus !== null);
    expect(second).toMatchObject({ instanceId: id, runtimeStatus: 'Running', input: { key, generation: 2 } });
    expect(second.customStatus).toBe('from the first generation');
    await client('raiseEvent', { id, name: 'late', data: 'in time' });
    expect(await ended(id)).toMatchObject({ output: { data: 'in time', isReplaying: false } });
  });
});
