import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { control, reserve } from '../../src/core/capacity/capacity.ts';
import type { RunRow, RunStore } from '../../src/services/run-store.ts';
import { createRunDelete } from '../../src/triggers/run-delete.ts';
import { known, terms } from '../helpers/capacity-world.ts';
import { NOON_MS, summary } from '../helpers/factories.ts';
import { type HubOptions, startFakeHub } from '../helpers/fake-hub.ts';
import { createMemoryRunStore } from '../helpers/memory-run-store.ts';
import { runRow } from '../helpers/run-rows.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOON_MS }));
afterEach(() => void vi.useRealTimers());

const ENDED = runRow({ summary: summary() });

interface Setting {
  readonly row?: RunRow;
  readonly runtimeStatus?: string;
  readonly hub?: HubOptions;
  readonly onSleep?: (runs: RunStore, delayMs: number) => Promise<void>;
  /** Happens before a word to the run is written. */
  readonly beforeControl?: (runs: RunStore) => Promise<void>;
  readonly remove?: () => Promise<void>;
}

/** The route over one run; `done` says in order what was removed, ended and waited for. */
async function openRoute(setting: Setting = {}) {
  const { row = ENDED, runtimeStatus = 'Completed', hub: options = {}, onSleep, beforeControl, remove } = setting;
  const runs = createMemoryRunStore(row);
  const done: string[] = [];
  const hub = await startFakeHub({
    ...options,
    on: async call => {
      done.push(call);
      await options.on?.(call);
    },
  });
  hub.set(row, runtimeStatus);
  const handler = createRunDelete({
    runs: {
      ...runs,
      async setControl(entry, wish) {
        await beforeControl?.(runs);
        return runs.setControl(entry, wish);
      },
      async remove(runId) {
        done.push(`row ${runId}`);
        await runs.remove(runId);
      },
    },
    cleanup: {
      async remove(runId, shards) {
        done.push(`content ${runId} of ${shards}`);
        await remove?.();
      },
    },
    async sleep(delayMs) {
      done.push(`sleep ${delayMs}`);
      await onSleep?.(runs, delayMs);
    },
  });
  return {
    hub,
    runs,
    done,
    remove: (query: Record<string, string> = {}, runId = 'run-1') => hub.send(handler, 'DELETE', { runId }, { query }),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  };
}

describe('DELETE /api/runs/{runId}', () => {
  test('removes content, histories and, last, the row; again, it is as good as done', async () => {
    await using route = await openRoute();
    const { status, text } = await route.remove();
    expect([status, text]).toEqual([204, '']);
    expect(route.done[0]).toBe('content run-1 of 1');
    expect(route.done.slice(1, -2).sort()).toEqual([0, 1, 2].map(stream => `purge run-1:1:${stream}`));
    expect(route.done.slice(-2)).toEqual(['purge run-1', 'row run-1']);
    expect([await route.runs.read('run-1'), route.hub.instances.size]).toEqual([null, 0]);
    const before = [...route.done];
    expect((await route.remove()).status).toBe(204);
    expect(route.done).toEqual(before);
  });

  test('of a run that there is not is as good as done', async () => {
    await using route = await openRoute();
    expect((await route.remove({}, 'run-2')).status).toBe(204);
    expect(route.done).toEqual([]);
  });

  test.each(['@capacity', 'a:b', ''])('of "%s", which cannot be an id, is refused', async runId => {
    await using route = await openRoute();
    const { status, json } = await route.remove({}, runId);
    expect([status, json.violations]).toMatchObject([400, [{ field: 'runId', value: JSON.stringify(runId) }]]);
    expect(route.done).toEqual([]);
  });

  test('with a parameter that it does not know is refused', async () => {
    await using route = await openRoute();
    const { status, json } = await route.remove({ forse: 'true' });
    expect([status, json.violations]).toEqual([
      400,
      [{ field: 'forse', value: '"true"', allowed: 'no such parameter; there are: force' }],
    ]);
    expect(route.done).toEqual([]);
    expect((await route.remove({ code: 'a-function-key' })).status).toBe(204);
  });

  test('takes the streams of all attempts', async () => {
    const attempts = [1, 2].map(attempt => ({ attempt, startedAtMs: NOON_MS, summary: summary({ attempt }) }));
    const row = runRow({ attempt: 2, attempts, summary: summary({ attempt: 2 }) });
    await using route = await openRoute({ row });
    await route.remove();
    const streams = [1, 2].flatMap(attempt => [0, 1, 2].map(stream => `purge run-1:${attempt}:${stream}`));
    expect(route.done.filter(call => call.startsWith('purge')).sort()).toEqual(['purge run-1', ...streams].sort());
  });

  test('that was interrupted is finished by the next one', async () => {
    let isDown = true;
    await using route = await openRoute({
      remove: () => (isDown ? Promise.reject(new Error('storage')) : Promise.resolve()),
    });
    expect((await route.remove()).status).toBe(500);
    expect(await route.runs.read('run-1')).not.toBeNull();
    isDown = false;
    expect((await route.remove()).status).toBe(204);
    expect(await route.runs.read('run-1')).toBeNull();
  });

  test('of a run whose root has its last step to go waits for it', async () => {
    await using route = await openRoute({
      runtimeStatus: 'Running',
      onSleep: async () => route.hub.set(ENDED, 'Completed'),
    });
    expect((await route.remove()).status).toBe(204);
    expect(route.done[0]).toBe('sleep 250');
  });

  test('of a terminated run first ends what it left behind, and waits until no worker begins a call', async () => {
    await using route = await openRoute({ row: runRow() });
    route.hub.set(runRow(), 'Terminated', {}, 'Running');
    expect((await route.remove()).status).toBe(204);
    expect(route.done.filter(call => !call.startsWith('signal')).slice(0, 5)).toEqual([
      'sleep 3000',
      'terminate run-1',
      'terminate run-1:1:0',
      'terminate run-1:1:1',
      'content run-1 of 1',
    ]);
  });

  test('of a terminated run removes once more what an activity wrote until the row was gone', async () => {
    await using route = await openRoute({ row: runRow({ control: 'cancelled' }), runtimeStatus: 'Terminated' });
    expect((await route.remove()).status).toBe(204);
    expect(route.done.slice(-3)).toEqual(['purge run-1', 'row run-1', 'content run-1 of 1']);
  });

  test('of one that was told to stop long ago does not wait', async () => {
    await using route = await openRoute({ row: runRow({ control: 'cancelled' }), runtimeStatus: 'Terminated' });
    expect((await route.remove()).status).toBe(204);
    expect(route.done).not.toContain('sleep 3000');
  });
});

describe('a run under way', () => {
  test.each(['Pending', 'Running', 'Suspended'])('and %s is refused, and says what to do', async runtimeStatus => {
    await using route = await openRoute({ row: runRow(), runtimeStatus });
    const { status, headers, json } = await route.remove();
    expect([status, headers.get('retry-after')]).toEqual([409, '5']);
    expect(json.detail).toMatch(/^Run run-1 is \w+: wait for its end, or delete it with \?force=true\.$/);
    expect([route.done, await route.runs.control('run-1', 1)]).toEqual([[], null]);
  });

  test('is ended and removed with ?force=true', async () => {
    await using route = await openRoute({ row: runRow(), runtimeStatus: 'Running' });
    expect((await route.remove({ force: 'true' })).status).toBe(204);
    expect(route.done.filter(call => !call.startsWith('signal')).slice(0, 2)).toEqual([
      'sleep 3000',
      'terminate run-1',
    ]);
    expect([await route.runs.read('run-1'), route.hub.statusOf('run-1')]).toEqual([null, null]);
  });

  test('gives what it was granted to others: they try in its place whether the service answers', async () => {
    await using route = await openRoute({ row: runRow(), runtimeStatus: 'Running' });
    const closed = { ...known({}), gate: { failures: 0, closings: 1, closedUntilMs: NOON_MS - 1, probe: null } };
    const asking = { stream: 0, nowMs: NOON_MS, want: 20, fresh: true, terms: terms(), used: null };
    const probing = reserve(closed, { ...asking, runId: 'run-1:1' });
    expect(probing.answer.granted).toBe(1);
    expect(reserve(probing.state, { ...asking, runId: 'other' }).answer).toMatchObject({
      granted: 0,
      bound: 'service',
    });
    await route.remove({ force: 'true' });
    const told = route.hub.told.reduce(control, probing.state);
    expect(reserve(told, { ...asking, runId: 'other' }).answer.granted).toBe(1);
  });

  test('is told to stop before it is waited for, and again before it is terminated', async () => {
    await using route = await openRoute({ row: runRow(), runtimeStatus: 'Running' });
    await route.remove({ force: 'true' });
    const signal = 'signal gpt-4o-mini';
    expect(route.done.slice(0, 4)).toEqual([signal, 'sleep 3000', signal, 'terminate run-1']);
    const message = { runId: 'run-1:1', control: 'cancelled', nowMs: NOON_MS };
    expect(route.hub.told).toEqual([message, message]);
  });

  test('is removed also where the entity cannot be told', async () => {
    await using route = await openRoute({
      row: runRow(),
      runtimeStatus: 'Running',
      hub: { fails: call => call.startsWith('signal') },
    });
    expect((await route.remove({ force: 'true' })).status).toBe(204);
    expect([route.hub.told, await route.runs.read('run-1')]).toEqual([[], null]);
  });

  test('that somebody else changes at that moment is looked at anew', async () => {
    await using route = await openRoute({
      row: runRow(),
      runtimeStatus: 'Running',
      async beforeControl(runs) {
        await runs.finish('run-1', summary());
        route.hub.set(runRow(), 'Completed');
      },
    });
    expect((await route.remove({ force: 'true' })).status).toBe(204);
    expect([route.hub.told, route.done[0]]).toEqual([[], 'content run-1 of 1']);
  });

  test('that ends by itself meanwhile is removed without being terminated', async () => {
    await using route = await openRoute({
      row: runRow(),
      runtimeStatus: 'Running',
      async onSleep(runs) {
        await runs.finish('run-1', summary());
        route.hub.set(runRow(), 'Completed');
      },
    });
    expect((await route.remove({ force: 'true' })).status).toBe(204);
    expect(route.done.filter(call => call.startsWith('terminate'))).toEqual([]);
  });

  test('that the engine does not end in time is kept, cancelled, and can be deleted later', async () => {
    await using route = await openRoute({ row: runRow(), runtimeStatus: 'Running', hub: { endsAfterLooks: 60 } });
    const { status, json } = await route.remove({ force: 'true' });
    expect([status, json.title]).toEqual([409, 'Under way']);
    expect(await route.runs.control('run-1', 1)).toBe('cancelled');
    expect(route.done.some(call => call.startsWith('content'))).toBe(false);
    const later: number[] = [];
    while (later.length < 20 && later.at(-1) !== 204) later.push((await route.remove({ force: 'true' })).status);
    expect(later.at(-1)).toBe(204);
    expect(await route.runs.read('run-1')).toBeNull();
  });

  test.each(['1', ''])('is not removed with ?force=%j', async force => {
    await using route = await openRoute({ row: runRow(), runtimeStatus: 'Running' });
    expect((await route.remove({ force })).status).toBe(400);
    expect(route.done).toEqual([]);
  });
});
