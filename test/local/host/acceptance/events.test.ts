import { describe, expect, test } from 'vitest';
import { MANAGEMENT, newId, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();
const is = (wanted: string) => (status: { readonly runtimeStatus: string }) => status.runtimeStatus === wanted;
const unknown = (id: string) => ({ rejected: `No instance with ID '${id}' found.` });

describe('6: an external event', () => {
  test('completes an instance that waits for it; later ones are accepted in silence', async () => {
    const { client, ended, manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await statusWhen(id, is('Running'));
    expect(await client('raiseEvent', { id, name: 'go', data: { by: 'test' } })).toEqual({ resolved: null });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: [{ by: 'test' }] });
    expect(await manage('POST', `instances/${id}/raiseEvent/go`, 1)).toMatchObject({ status: 410 });
    expect(await client('raiseEvent', { id, name: 'go', data: 1 })).toEqual({ resolved: null });
  });

  test('to an unknown instance is an error', async () => {
    const { client, manage } = host();
    const id = newId();
    expect(await client('raiseEvent', { id, name: 'go', data: 1 })).toEqual(unknown(id));
    expect(await manage('POST', `instances/${id}/raiseEvent/go`, 1)).toMatchObject({ status: 404 });
  });

  test('without data is refused, with null it is none', async () => {
    const { client, ended, start } = host();
    const id = await start('events', { names: ['go'] });
    expect(await client('raiseEvent', { id, name: 'go' })).toEqual({
      rejected: expect.stringMatching(
        /^The operation failed with an unexpected status code: 400\. .*Invalid JSON content/,
      ),
    });
    expect(await client('raiseEvent', { id, name: 'go', data: null })).toEqual({ resolved: null });
    expect(await ended(id)).toMatchObject({ output: [null] });
  });

  test('must be JSON, by its content type and by its text', async () => {
    const { ask, start } = host();
    const id = await start('events', { names: ['go'] });
    const raise = (type: string, body: string) =>
      ask(`${MANAGEMENT}/instances/${id}/raiseEvent/go`, { method: 'POST', body, headers: { 'content-type': type } });
    expect(await raise('text/plain', '1')).toMatchObject({ status: 400, body: { Message: expect.any(String) } });
    expect(await raise('application/json', 'one')).toMatchObject({
      status: 400,
      body: { Message: 'Invalid JSON content' },
    });
    expect(await raise('application/json; charset=utf-8', '1')).toMatchObject({ status: 202 });
  });
});

describe('7: events that come early', () => {
  test('two of them, before the first wait, are both delivered, in order', async () => {
    const { client, ended, historyWith, journalOf, open, start } = host();
    const key = newId();
    const id = await start('events', { key, names: ['item', 'item'] });
    await journalOf(key, 1);
    for (const data of [1, 2]) {
      await client('raiseEvent', { id, name: 'item', data });
      await historyWith(id, 'EventRaised', ({ Input }) => Input === String(data));
    }
    await open(key, 'before-1');
    expect(await ended(id)).toMatchObject({ output: [1, 2] });
  });

  test('different names are told apart', async () => {
    const { client, ended, journalOf, open, start } = host();
    const key = newId();
    const id = await start('events', { key, names: ['first', 'second'] });
    await journalOf(key, 1);
    await client('raiseEvent', { id, name: 'second', data: 2 });
    await client('raiseEvent', { id, name: 'first', data: 1 });
    await open(key, 'before-1');
    expect(await ended(id)).toMatchObject({ output: [1, 2] });
  });

  test('two waits for one name: the newer one is served first', async () => {
    const { client, ended, historyWith, start } = host();
    const id = await start('twoWaits');
    for (const data of [1, 2]) {
      await client('raiseEvent', { id, name: 'item', data });
      await historyWith(id, 'EventRaised', ({ Input }) => Input === String(data));
    }
    expect(await ended(id)).toMatchObject({ output: [2, 1] });
  });

  test('a name of another case is logged, and the orchestrator waits on', async () => {
    const { client, ended, historyWith, logOf, start, status } = host();
    const id = await start('events', { names: ['item'] });
    await client('raiseEvent', { id, name: 'ITEM', data: 'loud' });
    await historyWith(id, 'EventRaised');
    expect(await status(id)).toMatchObject({ runtimeStatus: 'Running' });
    expect(await logOf(id)).toEqual(
      expect.arrayContaining([expect.stringMatching(/ ERROR events: .* event-case: .*"ITEM".*"item"/)]),
    );
    await client('raiseEvent', { id, name: 'item', data: 'quiet' });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['quiet'] });
  });
});

describe('8: terminate', () => {
  test('ends a running instance with the reason as its output; again is no error', async () => {
    const { client, ended, manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await statusWhen(id, is('Running'));
    expect(await client('terminate', { id, reason: 'enough of it' })).toEqual({ resolved: null });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough of it' });
    expect(await client('terminate', { id, reason: 'again' })).toEqual({ resolved: null });
    expect(await manage('POST', `instances/${id}/terminate?reason=again`)).toMatchObject({ status: 410 });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough of it' });
  });

  test('of a completed instance changes nothing; of an unknown one it is an error', async () => {
    const { client, ended, start } = host();
    const done = await start('greetings', ['Tokyo']);
    await ended(done);
    expect(await client('terminate', { id: done, reason: 'late' })).toEqual({ resolved: null });
    expect(await ended(done)).toMatchObject({ runtimeStatus: 'Completed', output: ['Hello, Tokyo!'] });
    const id = newId();
    expect(await client('terminate', { id, reason: 'x' })).toEqual(unknown(id));
  });

  test('ends a suspended instance; the result of its activity is dropped', async () => {
    const { client, ended, history, journalOf, open, start, statusWhen } = host();
    const key = newId();
    const id = await start('steps', { key, works: [{ name: 'A', gated: true }, { name: 'B' }] });
    await journalOf(key, 1);
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, is('Suspended'));
    await client('terminate', { id, reason: 'stop' });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'stop' });
    const rows = await history(id);
    expect(rows.at(-1)).toMatchObject({ EventType: 'ExecutionCompleted', OrchestrationStatus: 'Terminated' });
    await open(key, 'A-1');
    // A piece of work that begins and ends after A did not: what A's result could do, it has done by then.
    await ended(await start('steps', { key: newId(), works: [{ name: 'other' }, { name: 'other' }] }));
    expect(await history(id)).toEqual(rows);
  });

  test('does not end the children', async () => {
    const { client, ended, journalOf, open, start, status } = host();
    const [key, childId] = [newId(), newId()];
    const input = { key, name: 'slow', gated: true };
    const id = await start('parent', { child: 'child', input, childId });
    await journalOf(key, 1);
    await client('terminate', { id, reason: 'stop' });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Terminated' });
    expect(await status(childId)).toMatchObject({ runtimeStatus: 'Running' });
    await open(key, 'slow-1');
    expect(await ended(childId)).toMatchObject({ runtimeStatus: 'Completed', output: { result: 'slow-1' } });
  });
});

describe('9: suspend and resume', () => {
  const refused = { rejected: expect.stringContaining('The operation failed with an unexpected status code: 500') };

  test('a suspended instance holds its work until it is resumed', async () => {
    const { client, ended, historyWith, journal, journalOf, open, start, status, statusWhen } = host();
    const key = newId();
    const id = await start('steps', { key, works: [{ name: 'A', gated: true }, { name: 'B' }] });
    await journalOf(key, 1);
    expect(await client('suspend', { id, reason: 'hold' })).toEqual({ resolved: null });
    await statusWhen(id, is('Suspended'));
    await open(key, 'A-1');
    await historyWith(id, 'TaskCompleted');
    expect(await status(id)).toMatchObject({ runtimeStatus: 'Suspended' });
    expect(await journal(key)).toEqual(['A']);
    expect(await client('resume', { id, reason: 'go on' })).toEqual({ resolved: null });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['A-1', 'B-1'] });
  });

  test('suspending twice and resuming what runs are refused', async () => {
    const { client, manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await statusWhen(id, is('Running'));
    expect(await client('resume', { id, reason: 'x' })).toEqual(refused);
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, is('Suspended'));
    expect(await client('suspend', { id, reason: 'again' })).toEqual(refused);
    expect(await manage('POST', `instances/${id}/suspend`)).toMatchObject({ status: 500 });
    await client('resume', { id, reason: 'go on' });
    await statusWhen(id, is('Running'));
    expect(await client('resume', { id, reason: 'again' })).toEqual(refused);
  });

  test('of a completed instance are no errors, of an unknown one they are', async () => {
    const { client, ended, start } = host();
    const done = await start('greetings', ['Tokyo']);
    await ended(done);
    const id = newId();
    for (const method of ['suspend', 'resume']) {
      expect(await client(method, { id: done, reason: 'x' })).toEqual({ resolved: null });
      expect(await client(method, { id, reason: 'x' })).toEqual(unknown(id));
    }
  });

  test('an event that comes meanwhile is kept', async () => {
    const { client, ended, manage, start, statusWhen } = host();
    const id = await start('events', { names: ['go'] });
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, is('Suspended'));
    expect(await manage('POST', `instances/${id}/raiseEvent/go`, 'meanwhile')).toMatchObject({ status: 202 });
    await client('resume', { id, reason: 'go on' });
    expect(await ended(id)).toMatchObject({ output: ['meanwhile'] });
  });

  test('a timer that fires meanwhile acts on resume', async () => {
    const { client, ended, historyWith, journal, start, status, statusWhen } = host();
    const key = newId();
    const id = await start('sleeping', { key, timerMs: 600 });
    await client('suspend', { id, reason: 'hold' });
    await statusWhen(id, is('Suspended'));
    await historyWith(id, 'TimerFired');
    expect(await status(id)).toMatchObject({ runtimeStatus: 'Suspended' });
    expect(await journal(key)).toEqual([]);
    await client('resume', { id, reason: 'go on' });
    expect(await ended(id)).toMatchObject({ output: 'after-1' });
  });
});
