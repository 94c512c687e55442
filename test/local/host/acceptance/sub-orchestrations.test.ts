import { describe, expect, test } from 'vitest';
import { newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();
const EXECUTION = /^[0-9a-f]{32}$/;

describe('22: a sub-orchestration', () => {
  test('without an id gets its parent’s execution and the number of the call', async () => {
    const { ended, manage, start, status } = host();
    const id = await start('family', ['a', { b: [1] }, null]);
    const { runtimeStatus, output } = await ended(id);
    expect(runtimeStatus).toBe('Completed');
    const children = output as readonly { readonly instanceId: string }[];
    const [execution = ''] = children[0]?.instanceId.split(':') ?? [];
    expect(execution).toMatch(EXECUTION);
    expect(children).toEqual(
      ['a', { b: [1] }, null].map((input, i) => ({
        instanceId: `${execution}:${i}`,
        parentInstanceId: id,
        version: '',
        input,
      })),
    );
    expect(await status(`${execution}:0`)).toMatchObject({ name: 'whoAmI', runtimeStatus: 'Completed', input: 'a' });
    const list = await manage('GET', `instances?instanceIdPrefix=${execution}:`);
    expect(list.body).toHaveLength(3);
  });

  test('with an id has that one', async () => {
    const { ended, start, status } = host();
    const [key, childId] = [newId(), newId()];
    const id = await start('parent', { child: 'child', input: { key, name: 'work' }, childId });
    const output = { result: 'work-1', instanceId: childId, parentInstanceId: id };
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output });
    expect(await status(childId)).toMatchObject({ name: 'child', runtimeStatus: 'Completed', output });
  });

  test('that fails shows its text in its parent, caught or not', async () => {
    const { ended, start } = host();
    const input = { key: newId(), name: 'bad', failures: 9 };
    const childText =
      /Orchestrator function 'child' failed: Activity function 'work' failed: {2}bad failed at attempt \d/;
    const failed = await ended(await start('parent', { child: 'child', input }));
    expect(failed.runtimeStatus).toBe('Failed');
    expect(failed.output).toMatch(new RegExp(`^Orchestrator function 'parent' failed: ${childText.source}`));
    const caught = await ended(await start('parent', { child: 'child', input, catches: true }));
    expect(caught).toMatchObject({
      runtimeStatus: 'Completed',
      output: { caught: expect.stringMatching(new RegExp(`^${childText.source}`)) },
    });
  });

  test('is retried, each time under a new id, until it succeeds', async () => {
    const { ended, journal, start, status } = host();
    const input = { key: newId(), name: 'flaky', failures: 2 };
    const { runtimeStatus, output } = await ended(await start('parent', { child: 'child', input, attempts: 3 }));
    expect([runtimeStatus, output]).toEqual(['Completed', expect.objectContaining({ result: 'flaky-3' })]);
    expect(await journal(input.key)).toHaveLength(3);
    const [execution, number] = (output as { readonly instanceId: string }).instanceId.split(':');
    // Attempts have the ids 0, 2 and 4, the timers between them 1 and 3.
    expect(number).toBe('4');
    for (const failed of [0, 2])
      expect(await status(`${execution}:${failed}`)).toMatchObject({ runtimeStatus: 'Failed' });
  });

  test('is retried under the same id where it has one', async () => {
    const { ended, start } = host();
    const [key, childId] = [newId(), newId()];
    const input = { key, name: 'flaky', failures: 1 };
    expect(await ended(await start('parent', { child: 'child', input, attempts: 2, childId }))).toMatchObject({
      runtimeStatus: 'Completed',
      output: { result: 'flaky-2', instanceId: childId },
    });
  });

  test('that fails at each attempt fails its parent with the last text', async () => {
    const { ended, start } = host();
    const input = { key: newId(), name: 'bad', failures: 9 };
    const { runtimeStatus, output } = await ended(await start('parent', { child: 'child', input, attempts: 2 }));
    expect([runtimeStatus, output]).toEqual(['Failed', expect.stringContaining('bad failed at attempt 2')]);
  });

  test('that is terminated fails its parent, which cannot catch it', async () => {
    const { client, ended, journalOf, open, start } = host();
    const [key, childId] = [newId(), newId()];
    const input = { key, name: 'slow', gated: true };
    const id = await start('parent', { child: 'child', input, childId, catches: true });
    await journalOf(key, 1);
    await client('terminate', { id: childId, reason: 'stop' });
    expect(await ended(childId)).toMatchObject({ runtimeStatus: 'Terminated', output: 'stop' });
    const { runtimeStatus, output } = await ended(id);
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/^Non-Deterministic workflow detected: .*sub-orchestration.*with sequence ID 0.*'child'/);
    await open(key, 'slow-1');
  });
});
