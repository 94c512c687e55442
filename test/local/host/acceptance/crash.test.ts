import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type AcceptanceHost, newId, startAcceptanceHost, useAcceptanceFolder } from '../../../helpers/acceptance.ts';
import { pollUntil } from '../../../helpers/host-fixture.ts';

const folder = useAcceptanceFolder();

/** Kills a host as a crash would. */
async function crash({ process }: AcceptanceHost): Promise<void> {
  process.child.kill('SIGKILL');
  expect(await process.ended()).toBe('SIGKILL');
}

/** The names of the rows of an instance that has ended. */
const typesOf = async ({ history }: AcceptanceHost, id: string) =>
  (await history(id)).map(({ EventType }) => EventType);

describe('23: after a crash', () => {
  test('in the middle of an activity it runs again, and completes once', async () => {
    const key = newId();
    await using first = await startAcceptanceHost(folder());
    const id = await first.start('steps', { key, works: [{ name: 'slow', gated: true }, { name: 'next' }] });
    await first.journalOf(key, 1);
    await crash(first);
    await using second = await startAcceptanceHost(folder());
    await second.journalOf(key, 2);
    await second.open(key, 'slow-2');
    expect(await second.ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['slow-2', 'next-1'] });
    expect(await second.journal(key)).toEqual(['slow', 'slow', 'next']);
    const completed = ['TaskCompleted', 'TaskCompleted'];
    expect(await typesOf(second, id)).toEqual(['ExecutionStarted', ...completed, 'ExecutionCompleted']);
  });

  test('between the result of an activity and the next episode the activity does not run again', async () => {
    const key = newId();
    await using first = await startAcceptanceHost(folder());
    const id = await first.start('standing', key);
    // The episode that reads of the result has begun, and does not end: the result is stored, what follows from it is not.
    await first.journalOf(key, 2);
    await crash(first);
    await first.open(key, 'episode');
    await using second = await startAcceptanceHost(folder());
    expect(await second.ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['first-1', 'second-1'] });
    expect(await second.journal(key)).toEqual(['first', 'episode', 'episode', 'second']);
    const completed = ['TaskCompleted', 'TaskCompleted'];
    expect(await typesOf(second, id)).toEqual(['ExecutionStarted', ...completed, 'ExecutionCompleted']);
  });

  test('timers that came due meanwhile fire at once, others when they are due', async () => {
    const [overdue, pending] = [newId(), newId()];
    await using first = await startAcceptanceHost(folder());
    await first.start('sleeping', { key: overdue, timerMs: 1_500 }, overdue);
    await first.start('sleeping', { key: pending, timerMs: 3_000 }, pending);
    const fireAtOf = async (id: string) => {
      const rows = await first.historyWith(id, 'TimerCreated');
      return Date.parse(String(rows.find(({ EventType }) => EventType === 'TimerCreated')?.['FireAt']));
    };
    const [overdueAtMs, pendingAtMs] = [await fireAtOf(overdue), await fireAtOf(pending)];
    await crash(first);
    expect(await first.journal(overdue)).toEqual([]);
    await sleep(overdueAtMs - Date.now() + 1);
    await using second = await startAcceptanceHost(folder());
    const readyAtMs = Date.now();
    for (const id of [overdue, pending]) {
      expect(await second.ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'after-1' });
      expect(await second.journal(id)).toEqual(['after']);
      const types = ['TimerCreated', 'TimerFired', 'TaskCompleted'];
      expect(await typesOf(second, id)).toEqual(['ExecutionStarted', ...types, 'ExecutionCompleted']);
    }
    const firedAtMs = async (id: string) =>
      Date.parse(String((await second.history(id)).find(({ EventType }) => EventType === 'TimerFired')?.['Timestamp']));
    expect(await firedAtMs(overdue)).toBeLessThan(readyAtMs + 2_000);
    expect(await firedAtMs(pending)).toBeGreaterThanOrEqual(pendingAtMs);
  });

  test('and another one, and another one, nothing is lost and nothing done twice that was stored', async () => {
    const ids = Array.from({ length: 12 }, newId);
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await using hosts = new AsyncDisposableStack();
    let host = hosts.use(await startAcceptanceHost(folder()));
    for (const id of ids) await host.start('steps', { key: id, works: names.map(name => ({ name })) }, id);
    for (const doneInAll of [5, 25, 50]) {
      // Kills it once so many pieces of work have begun, wherever it is then.
      const { journal } = host;
      await pollUntil(
        async () => (await Promise.all(ids.map(journal))).flat(),
        lines => lines.length >= doneInAll,
      );
      await crash(host);
      host = hosts.use(await startAcceptanceHost(folder()));
    }
    for (const id of ids) {
      const { runtimeStatus, output } = await host.ended(id);
      expect([runtimeStatus, output]).toEqual(['Completed', names.map(name => expect.stringMatching(`^${name}-\\d$`))]);
      const completed = names.map(() => 'TaskCompleted');
      expect(await typesOf(host, id)).toEqual(['ExecutionStarted', ...completed, 'ExecutionCompleted']);
      const journal = await host.journal(id);
      // A piece of work begins again only after a crash, and never once the next one has begun.
      expect([...new Set(journal)]).toEqual(names);
      expect(journal).toEqual(journal.toSorted());
      expect(journal.length).toBeLessThanOrEqual(names.length + 3);
    }
  });
});

describe('17: the state of an entity', () => {
  test('survives a restart of the host, after a crash as after an orderly end', async () => {
    const entity = { name: 'counter', key: newId() };
    await using first = await startAcceptanceHost(folder());
    const add = (host: AcceptanceHost, input: number) =>
      host.start('operations', { entity: 'counter', key: entity.key, operations: [{ name: 'addAndGet', input }] });
    expect(await first.ended(await add(first, 5))).toMatchObject({ output: [5] });
    await crash(first);
    await using second = await startAcceptanceHost(folder());
    expect(await second.client('readEntityState', { entity })).toEqual({
      resolved: { entityExists: true, entityState: 5 },
    });
    expect(await second.ended(await add(second, 2))).toMatchObject({ output: [7] });
    second.process.child.kill('SIGTERM');
    expect(await second.process.ended()).toBe(0);
    await using third = await startAcceptanceHost(folder());
    expect(await third.ended(await add(third, 1))).toMatchObject({ output: [8] });
  });
});
