import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunRow, RunStore } from '../../src/services/run-store.ts';
import { createRunAction } from '../../src/triggers/run-action.ts';
import { NOON_MS, summary } from '../helpers/factories.ts';
import { type HubOptions, startFakeHub } from '../helpers/fake-hub.ts';
import { createMemoryRunStore } from '../helpers/memory-run-store.ts';
import { runRow } from '../helpers/run-rows.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOON_MS }));
afterEach(() => void vi.useRealTimers());

interface Setting {
  readonly row?: RunRow;
  readonly hub?: HubOptions;
  /** What happens in between, by a store that does it. */
  readonly between?: (runs: RunStore) => Partial<RunStore>;
}

/** The route over one run and a hub in which it is running. */
async function openRoute({ row = runRow(), hub: options = {}, between = () => ({}) }: Setting = {}) {
  const runs = createMemoryRunStore(row);
  const hub = await startFakeHub(options);
  hub.set(row, 'Running');
  const slept: number[] = [];
  const handler = createRunAction({
    runs: { ...runs, ...between(runs) },
    sleep: async delayMs => void slept.push(delayMs),
  });
  return {
    hub,
    runs,
    slept,
    say: (action: string, query: Record<string, string> = {}, runId = 'run-1') =>
      hub.send(handler, 'POST', { runId, action }, { query }),
    controls: () => hub.told.map(({ control }) => control),
    [Symbol.asyncDispose]: () => hub[Symbol.asyncDispose](),
  };
}

describe('cancelling', () => {
  test('is written, told, and answered with where the run stands', async () => {
    await using route = await openRoute();
    const { status, headers, json } = await route.say('cancel');
    expect([status, headers.get('location'), headers.get('retry-after')]).toEqual([
      202,
      'https://app.example/api/runs/run-1',
      '5',
    ]);
    expect(json).toMatchObject({ runId: 'run-1', status: 'cancelling', control: 'cancelled', phase: 'analyzing' });
    expect(json.links.status).toBe('https://app.example/api/runs/run-1');
    expect(await route.runs.control('run-1', 1)).toBe('cancelled');
    expect(route.hub.told).toEqual([{ runId: 'run-1:1', control: 'cancelled', nowMs: NOON_MS }]);
    expect(route.hub.calls).toEqual(['signal gpt-4o-mini']);
  });

  test('again changes nothing, and is told again', async () => {
    await using route = await openRoute();
    const replies = [await route.say('cancel'), await route.say('cancel'), await route.say('pause')];
    expect(replies.map(({ status, json }) => [status, json.status])).toEqual([
      [202, 'cancelling'],
      [202, 'cancelling'],
      [202, 'cancelling'],
    ]);
    expect(await route.runs.control('run-1', 1)).toBe('cancelled');
    expect(new Set(route.controls())).toEqual(new Set(['cancelled']));
  });

  test.each([
    ['before its orchestration is there', null],
    ['while its issues are loaded', { phase: 'loading', streams: 0 } as const],
    ['while its report is written', { phase: 'reporting' } as const],
  ])('a run %s leaves it to its course', async (_, live) => {
    await using route = await openRoute();
    route.hub.instances.clear();
    if (live) route.hub.set(runRow(), 'Running', live);
    const { status, json } = await route.say('cancel');
    expect([status, json.status]).toEqual([202, 'cancelling']);
    expect(route.hub.calls).toEqual(['signal gpt-4o-mini']);
    await route.runs.finish('run-1', summary());
    const after = await route.say('cancel');
    expect([after.status, after.json.status, after.json.control]).toEqual([200, 'completed', null]);
  });

  test('is heard by the workers also where the entity cannot be told', async () => {
    await using route = await openRoute({ hub: { fails: call => call.startsWith('signal') } });
    expect((await route.say('cancel')).status).toBe(202);
    expect(await route.runs.control('run-1', 1)).toBe('cancelled');
  });
});

describe('pausing and resuming', () => {
  test('are written and told, as often as they are said', async () => {
    await using route = await openRoute();
    const said: unknown[] = [];
    for (const action of ['pause', 'pause', 'resume', 'resume', 'pause']) {
      const { status, json } = await route.say(action);
      said.push([status, json.status, await route.runs.control('run-1', 1)]);
    }
    const paused = [202, 'paused', 'paused'];
    const running = [202, 'running', null];
    expect(said).toEqual([paused, paused, running, running, paused]);
    expect(route.controls()).toEqual(['paused', 'paused', 'go', 'go', 'paused']);
  });

  test('a cancelled run cannot be resumed, and says what can be done', async () => {
    await using route = await openRoute({ row: runRow({ control: 'cancelled' }) });
    const { status, json } = await route.say('resume');
    expect([status, json.detail]).toEqual([
      409,
      'Run run-1 is cancelled, which is final: wait for its end, then retry it.',
    ]);
    expect(route.hub.calls).toEqual([]);
  });

  test('a run that could not be told to go on would wait for ever: that is said', async () => {
    let isDown = true;
    await using route = await openRoute({
      row: runRow({ control: 'paused' }),
      hub: { fails: () => isDown },
    });
    const { status, headers } = await route.say('resume');
    expect([status, headers.get('retry-after')]).toEqual([503, '5']);
    isDown = false;
    expect((await route.say('resume')).json.status).toBe('running');
    expect(route.controls()).toEqual(['go']);
  });
});

describe('a run that has ended', () => {
  const withSummary = runRow({ summary: summary() });
  test.each<[string, RunRow, string, string]>([
    ['completed', withSummary, 'Completed', 'completed'],
    ['completed, but for its last step', withSummary, 'Running', 'completed'],
    ['terminated', runRow(), 'Terminated', 'terminated'],
    ['failed', runRow(), 'Failed', 'failed'],
    ['cancelled', runRow({ control: 'cancelled', summary: summary() }), 'Completed', 'completed'],
  ])('and is %s stays as it is', async (_, row, runtimeStatus, expected) => {
    await using route = await openRoute({ row });
    route.hub.set(row, runtimeStatus);
    for (const action of ['cancel', 'pause', 'resume']) {
      const { status, json } = await route.say(action);
      expect([status, json.status, json.control]).toEqual([200, expected, null]);
    }
    expect(await route.runs.read('run-1')).toEqual(row);
    expect(route.hub.calls).toEqual([]);
  });

  test('between the look and the word is not told', async () => {
    await using route = await openRoute({
      between: runs => ({
        async setControl(entry, control) {
          await runs.finish('run-1', summary());
          return runs.setControl(entry, control);
        },
      }),
    });
    const { status, json } = await route.say('cancel');
    expect([status, json.status, json.control]).toEqual([200, 'completed', null]);
    expect([await route.runs.control('run-1', 1), route.hub.calls]).toEqual([null, []]);
  });

  test('right after the word shows its end', async () => {
    await using route = await openRoute({
      between: runs => ({
        async setControl(entry, control) {
          const isOurs = await runs.setControl(entry, control);
          await runs.finish('run-1', summary());
          return isOurs;
        },
      }),
    });
    const { status, json } = await route.say('pause');
    expect([status, json.status, json.control]).toEqual([200, 'completed', null]);
  });
});

describe('several at one time', () => {
  test('a pause that finds the run cancelled meanwhile leaves it so', async () => {
    let isFirst = true;
    await using route = await openRoute({
      between: runs => ({
        async setControl(entry, control) {
          if (isFirst) await runs.setControl(entry, 'cancelled');
          isFirst = false;
          return runs.setControl(entry, control);
        },
      }),
    });
    expect((await route.say('pause')).json.status).toBe('cancelling');
    expect([await route.runs.control('run-1', 1), route.controls()]).toEqual(['cancelled', ['cancelled']]);
  });

  test('whoever tells the entity too late tells it what holds by now', async () => {
    let isFirst = true;
    await using route = await openRoute({
      hub: {
        async on(call) {
          if (!isFirst || !call.startsWith('signal')) return;
          isFirst = false;
          const entry = await route.runs.entry('run-1');
          if (entry) await route.runs.setControl(entry, null);
        },
      },
    });
    expect((await route.say('pause')).json.status).toBe('running');
    expect(route.controls()).toEqual(['paused', 'go']);
  });

  test('end with the entity told what the row says; one cancel among them is enough', async () => {
    const actions = fc.array(fc.constantFrom('cancel', 'pause', 'resume'), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(actions, fc.infiniteStream(fc.nat(3)), async (said, turns) => {
        const pause = async () => {
          for (let left = turns.next().value ?? 0; left > 0; left -= 1) await Promise.resolve();
        };
        await using route = await openRoute({
          hub: { on: pause },
          between: runs => ({
            entry: async runId => pause().then(() => runs.entry(runId)),
            setControl: async (entry, control) => pause().then(() => runs.setControl(entry, control)),
          }),
        });
        const replies = await Promise.all(said.map(action => route.say(action)));
        const control = await route.runs.control('run-1', 1);
        expect(route.controls().at(-1)).toBe(control ?? 'go');
        expect(control === 'cancelled').toBe(said.includes('cancel'));
        for (const { status } of replies) expect([202, 409]).toContain(status);
      }),
      { numRuns: 40 },
    );
  });
});

describe('?force=true', () => {
  test('ends the root first and then its streams', async () => {
    await using route = await openRoute({ hub: { endsAfterLooks: 2 } });
    const { status, json } = await route.say('cancel', { force: 'true' });
    expect([status, json.status]).toEqual([200, 'terminated']);
    expect(route.hub.calls).toEqual([
      'signal gpt-4o-mini',
      'terminate run-1',
      'terminate run-1:1:0',
      'terminate run-1:1:1',
    ]);
    expect([...route.hub.instances.values()].map(({ runtimeStatus }) => runtimeStatus)).toEqual(
      Array.from({ length: 3 }, () => 'Terminated'),
    );
    expect(route.slept.every(delayMs => delayMs === 250)).toBe(true);
    const again = await route.say('cancel', { force: 'true' });
    expect([again.status, again.json.status]).toEqual([200, 'terminated']);
  });

  test('ends streams that a terminated root has left behind', async () => {
    await using route = await openRoute();
    route.hub.set(runRow(), 'Terminated', {}, 'Running');
    const { status, json } = await route.say('cancel', { force: 'true' });
    expect([status, json.status]).toEqual([200, 'terminated']);
    expect([route.hub.statusOf('run-1:1:0'), route.hub.statusOf('run-1:1:1')]).toEqual(['Terminated', 'Terminated']);
    expect(route.controls()).toEqual(['cancelled']);
  });

  test('while the issues are loaded ends all streams that there may be', async () => {
    await using route = await openRoute();
    route.hub.instances.clear();
    route.hub.set(runRow(), 'Running', { phase: 'loading', streams: 0 });
    expect((await route.say('cancel', { force: 'true' })).json.status).toBe('terminated');
    expect(route.hub.calls.slice(2)).toEqual([0, 1, 2].map(stream => `terminate run-1:1:${stream}`));
  });

  test('is answered with 202 while the engine takes its time', async () => {
    await using route = await openRoute({ hub: { endsAfterLooks: 1_000 } });
    const { status, json } = await route.say('cancel', { force: 'true' });
    expect([status, json.status]).toEqual([202, 'cancelling']);
    expect(route.slept.reduce((sum, delayMs) => sum + delayMs, 0)).toBeLessThanOrEqual(5_000);
  });

  test('of a run with its report, or one not begun, ends nothing', async () => {
    await using ended = await openRoute({ row: runRow({ summary: summary() }) });
    expect((await ended.say('cancel', { force: 'true' })).json.status).toBe('completed');
    expect(ended.hub.calls).toEqual([]);
    await using starting = await openRoute();
    starting.hub.instances.clear();
    expect((await starting.say('cancel', { force: 'true' })).json.status).toBe('cancelling');
  });

  test.each(['1', 'yes', ''])('is refused as %j', async force => {
    await using route = await openRoute();
    const { status, json } = await route.say('cancel', { force });
    expect(status).toBe(400);
    expect(json.violations).toEqual([{ field: 'force', value: JSON.stringify(force), allowed: 'one of: true, false' }]);
    expect(route.hub.calls).toEqual([]);
  });

  test('that fails at the engine is an error', async () => {
    await using route = await openRoute({ hub: { fails: call => call === 'terminate run-1:1:1' } });
    expect((await route.say('cancel', { force: 'true' })).status).toBe(500);
  });
});

describe('what cannot be told', () => {
  test.each(['cancel', 'pause', 'resume', 'retry'])('%s of a run that there is not is a 404', async action => {
    await using route = await openRoute();
    for (const runId of ['run-2', '@capacity', 'a:b']) {
      const { status, json } = await route.say(action, {}, runId);
      expect([status, json.violations[0]?.value]).toEqual([404, JSON.stringify(runId)]);
    }
  });

  test.each(['stop', 'Cancel', 'constructor', ''])('there is no action "%s"', async action => {
    await using route = await openRoute();
    const { status, json } = await route.say(action);
    expect([status, json.detail]).toEqual([
      404,
      `A run can be told "cancel", "pause", "resume", "retry", but not "${action}".`,
    ]);
  });
});

test.each([
  ['cancel', 'forced', 'no such parameter; there are: force'],
  ['pause', 'force', 'no such parameter; there is none'],
  ['resume', 'force', 'no such parameter; there is none'],
])('%s does not know the parameter %s, and says nothing to the run', async (action, name, allowed) => {
  await using route = await openRoute();
  const { status, json } = await route.say(action, { [name]: 'true' });
  expect([status, json.violations]).toEqual([400, [{ field: name, value: '"true"', allowed }]]);
  expect([route.hub.calls, await route.runs.control('run-1', 1)]).toEqual([[], null]);
});
