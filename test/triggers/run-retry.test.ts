import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunRow, RunStore } from '../../src/services/run-store.ts';
import { createRunAction } from '../../src/triggers/run-action.ts';
import { NOON_MS, plan, summary } from '../helpers/factories.ts';
import { type HubOptions, startFakeHub } from '../helpers/fake-hub.ts';
import { createMemoryRunStore } from '../helpers/memory-run-store.ts';
import { runRow } from '../helpers/run-rows.ts';

const LATER_MS = NOON_MS + 3_600_000;
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: LATER_MS }));
afterEach(() => void vi.useRealTimers());

const STOPPED = runRow({ summary: summary({ failed: 1, notStarted: 1 }), control: 'cancelled' });
/** What the attempt before took. */
const SPENT = { tokens: summary().tokens.totalTokens, usd: summary().costUsd ?? 0 };
const WHOLE = runRow({ summary: summary({ failed: 0, notStarted: 0, skipped: 2 }) });
/** A retry that was written, but not started. */
const INTERRUPTED = runRow({
  attempt: 2,
  attempts: [
    { attempt: 1, startedAtMs: NOON_MS, summary: summary() },
    { attempt: 2, startedAtMs: LATER_MS, summary: null },
  ],
});

interface Setting {
  readonly row?: RunRow;
  readonly hub?: HubOptions;
  readonly between?: (runs: RunStore) => Partial<RunStore>;
}

/** The route over one run that has ended. */
async function openRoute({ row = STOPPED, hub: options = {}, between = () => ({}) }: Setting = {}) {
  const runs = createMemoryRunStore(row);
  const hub = await startFakeHub(options);
  hub.set({ ...row, attempt: 1 }, 'Completed');
  const slept: number[] = [];
  const handler = createRunAction({
    runs: { ...runs, ...between(runs) },
    sleep: async delayMs => void slept.push(delayMs),
  });
  return {
    hub,
    runs,
    slept,
    retry: (body: string | object = '', query = {}) =>
      hub.send(handler, 'POST', { runId: 'run-1', action: 'retry' }, { body, query }),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  };
}

describe('a retry', () => {
  test('starts the next attempt under the same id, and is answered like a start', async () => {
    await using route = await openRoute();
    const { status, headers, json } = await route.retry();
    expect([status, headers.get('retry-after')]).toEqual([202, '5']);
    expect(headers.get('location')).toMatch(/^https:\/\/app\.example\/api\/links\/run-1~\d{13}~[\w-]+$/);
    expect(json).toMatchObject({ runId: 'run-1', attempt: 2, replayed: false });
    expect(json.links.status).toBe('https://app.example/api/runs/run-1');
    const { source, plan: before } = STOPPED;
    expect(route.hub.starts).toEqual([{ runId: 'run-1', attempt: 2, source, plan: { ...before, spent: SPENT } }]);
    expect(await route.runs.read('run-1')).toMatchObject({
      attempt: 2,
      control: null,
      summary: null,
      attempts: [
        { attempt: 1, summary: STOPPED.summary },
        { attempt: 2, startedAtMs: LATER_MS, summary: null },
      ],
    });
  });

  test('may raise the caps and the deadline', async () => {
    await using route = await openRoute({ row: { ...STOPPED, plan: plan({ maxCostUsd: 0.001, maxTokens: 220 }) } });
    expect((await route.retry({ maxCostUsd: 0.5, deadlineSeconds: 60 })).status).toBe(202);
    const raised = plan({ maxCostUsd: 0.5, maxTokens: 220, deadlineMs: 60_000, spent: SPENT });
    expect(route.hub.starts).toMatchObject([{ plan: raised }]);
    expect((await route.runs.read('run-1'))?.plan).toEqual(raised);
  });

  test.each([
    [{ maxCostUsd: 0.001 }, 'maxCostUsd'],
    [{ maxTokens: 110 }, 'maxTokens'],
    [{ batchSize: 5 }, 'batchSize'],
    [{ attempt: 1 }, 'attempt'],
    [{ attempt: 3 }, 'attempt'],
    ['{', 'body'],
    ['[]', 'body'],
  ])('is refused with %j, and starts nothing', async (body, field) => {
    await using route = await openRoute();
    const { status, json } = await route.retry(body);
    expect([status, json.violations[0]?.field]).toEqual([400, field]);
    expect([route.hub.starts, (await route.runs.read('run-1'))?.attempt]).toEqual([[], 1]);
  });

  test('of a run that its budget has stopped needs a higher cap', async () => {
    const stopped = { reason: 'budget', code: null } as const;
    const row = runRow({ plan: plan({ maxTokens: 5_000 }), summary: summary({ stopped }) });
    await using route = await openRoute({ row });
    const { status, json } = await route.retry();
    expect([status, json.detail]).toEqual([
      400,
      'maxTokens is 5000; allowed: more than 5000: the run has taken 110 so far, 55 a call, and this cap stopped it',
    ]);
    expect(route.hub.calls).toEqual([]);
    expect((await route.retry({ maxTokens: 5_001 })).status).toBe(202);
  });

  test('does not take parameters', async () => {
    await using route = await openRoute();
    const { status, json } = await route.retry('', { force: 'true' });
    expect([status, json.violations]).toEqual([
      400,
      [{ field: 'force', value: '"true"', allowed: 'no such parameter; there is none' }],
    ]);
    expect(route.hub.calls).toEqual([]);
  });

  test('of a run that left nothing undone starts nothing', async () => {
    await using route = await openRoute({ row: WHOLE });
    const { status, json } = await route.retry();
    expect([status, json.status, json.attempt]).toEqual([200, 'completed', 1]);
    expect(route.hub.calls).toEqual([]);
  });

  test.each(['Terminated', 'Failed'])('of a %s run ends the streams that it left behind', async runtimeStatus => {
    await using route = await openRoute({ row: runRow() });
    route.hub.set(runRow(), runtimeStatus, {}, 'Running');
    expect((await route.retry()).json.attempt).toBe(2);
    expect(route.hub.calls).toEqual([
      'signal gpt-4o-mini',
      'terminate run-1:1:0',
      'terminate run-1:1:1',
      'start run-1',
    ]);
    expect(route.hub.told).toEqual([{ runId: 'run-1:1', control: 'cancelled', nowMs: LATER_MS }]);
  });

  test('of a run without an orchestration starts it, but not in its first five minutes', async () => {
    await using route = await openRoute({ row: runRow() });
    route.hub.instances.clear();
    vi.setSystemTime(NOON_MS + 300_000);
    expect((await route.retry()).status).toBe(409);
    vi.setSystemTime(NOON_MS + 300_001);
    expect((await route.retry()).json.attempt).toBe(2);
  });

  test('waits for the root’s last step, since a running id cannot be started', async () => {
    await using route = await openRoute();
    route.hub.set(STOPPED, 'Running');
    const { status, json } = await route.retry();
    expect([status, json.detail]).toEqual([
      409,
      'Run run-1 is completed, but its orchestrations have not ended yet: try again.',
    ]);
    expect(route.slept.reduce((sum, delayMs) => sum + delayMs, 0)).toBe(5_000);
    expect([route.hub.calls, (await route.runs.read('run-1'))?.attempt]).toEqual([[], 1]);
  });

  test.each(['Pending', 'Running', 'Suspended'])('of a run that is %s is refused, and says what to do', async word => {
    await using route = await openRoute({ row: runRow() });
    route.hub.set(runRow(), word);
    const { status, json } = await route.retry();
    expect(status).toBe(409);
    expect(json.detail).toMatch(/^Run run-1 is \w+: wait for its end, or cancel it, then retry\.$/);
    expect(route.hub.calls).toEqual([]);
  });

  test.each([1, 2])('of a run whose attempt %i is being cancelled has to wait', async attempt => {
    const row = { ...(attempt === 1 ? runRow() : INTERRUPTED), control: 'cancelled' as const };
    await using route = await openRoute({ row });
    route.hub.set(row, 'Running');
    const { status, json } = await route.retry();
    expect([status, json.detail]).toEqual([409, 'Run run-1 is cancelling: wait for its end, then retry.']);
  });
});

describe('retries that meet', () => {
  test('at one moment make one new attempt, and both are answered with it', async () => {
    await using route = await openRoute();
    const replies = await Promise.all(Array.from({ length: 4 }, () => route.retry()));
    for (const { status, json } of replies) expect([status, json.attempt]).toEqual([202, 2]);
    expect(replies.filter(({ json }) => json.replayed)).toHaveLength(3);
    expect(route.hub.starts).toHaveLength(1);
    expect((await route.runs.read('run-1'))?.attempts).toHaveLength(2);
  });

  test('one after the other make one, too: the second is told so, unless it asks for something else', async () => {
    await using route = await openRoute();
    const raised = { maxTokens: 5_000 };
    expect((await route.retry(raised)).json).toMatchObject({ attempt: 2, replayed: false });
    for (const body of [raised, '']) {
      const { status, headers, json } = await route.retry(body);
      expect([status, headers.get('retry-after'), json.attempt, json.replayed]).toEqual([202, '5', 2, true]);
    }
    expect((await route.retry({ maxTokens: 6_000 })).status).toBe(409);
    expect(route.hub.starts).toHaveLength(1);
  });

  test('by the number of the attempt make one, also after its end', async () => {
    await using route = await openRoute();
    const second = { attempt: 2, maxTokens: 5_000 };
    expect((await route.retry(second)).json).toMatchObject({ attempt: 2, replayed: false });
    const row = await route.runs.read('run-1');
    if (!row) throw new Error('The run is gone');
    route.hub.set(row, 'Completed');
    await route.runs.finish('run-1', summary({ attempt: 2 }));
    const { status, json } = await route.retry(second);
    expect([status, json.attempt, json.replayed]).toEqual([202, 2, true]);
    expect((await route.retry({ attempt: 2, maxTokens: 6_000 })).json).toMatchObject({
      status: 422,
      violations: [{ field: 'attempt', value: '2', allowed: expect.stringMatching(/^3, or 2 with the caps/) }],
    });
    expect((await route.retry({ attempt: 4 })).json.violations).toMatchObject([
      { field: 'attempt', allowed: '3, the next one, or 2, the present one' },
    ]);
    expect(route.hub.starts).toHaveLength(1);
    expect((await route.retry({ attempt: 3 })).json).toMatchObject({ attempt: 3, replayed: false });
  });

  test('the next attempt cannot be had while one is under way', async () => {
    await using route = await openRoute();
    await route.retry({ attempt: 2 });
    expect((await route.retry({ attempt: 3 })).status).toBe(409);
    expect(route.hub.starts).toHaveLength(1);
  });

  test('the streams of the new attempt are left alone by one that comes late', async () => {
    await using route = await openRoute({
      row: runRow(),
      between: runs => ({
        async restart(entry, next) {
          const row = await runs.restart(entry, next);
          if (row) route.hub.set(row, 'Running');
          return null;
        },
      }),
    });
    route.hub.set(runRow(), 'Terminated');
    const { status, json } = await route.retry();
    expect([status, json.attempt]).toEqual([202, 2]);
    expect([route.hub.statusOf('run-1'), route.hub.statusOf('run-1:2:0')]).toEqual(['Running', 'Running']);
    expect(route.hub.calls).toEqual([]);
  });
});

describe('a retry that was interrupted', () => {
  test('before its start shows a run that is starting, and is started by the next one', async () => {
    let isDown = true;
    await using route = await openRoute({ hub: { fails: call => isDown && call === 'start run-1' } });
    expect((await route.retry()).status).toBe(500);
    expect((await route.runs.read('run-1'))?.attempt).toBe(2);
    isDown = false;
    const { status, json } = await route.retry();
    expect([status, json.attempt, json.replayed]).toEqual([202, 2, true]);
    expect(route.hub.starts).toMatchObject([{ attempt: 2 }]);
  });

  test('cannot be started with other caps meanwhile, but after five minutes', async () => {
    await using route = await openRoute({ row: INTERRUPTED });
    expect((await route.retry({ maxTokens: 5_000 })).status).toBe(409);
    vi.setSystemTime(LATER_MS + 300_001);
    expect((await route.retry({ maxTokens: 5_000 })).json.attempt).toBe(3);
    expect(route.hub.starts).toMatchObject([{ attempt: 3, plan: { maxTokens: 5_000 } }]);
  });
});
