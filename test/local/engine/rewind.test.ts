import { expect, test } from 'vitest';
import type { df } from '../../helpers/durable-app.ts';
import { createHarness } from '../../helpers/engine-harness.ts';

/** Activities: `steady` counts its runs, `shaky` fails as often as it is told. */
function registerSteps(app: typeof df.app, state: { failures: number; readonly runs: string[] }): void {
  app.activity('steady', {
    handler: (name: string) => {
      state.runs.push(name);
      return name;
    },
  });
  app.activity('shaky', {
    handler: (name: string) => {
      state.runs.push(name);
      if (state.failures-- > 0) throw new Error('boom');
      return name;
    },
  });
  app.orchestration('steps', function* ({ df: durable }) {
    return [yield durable.callActivity('steady', 'one'), yield durable.callActivity('shaky', 'two')];
  });
  app.orchestration('parent', function* ({ df: durable }) {
    const first = yield durable.callActivity('steady', 'zero');
    return [first, yield durable.callSubOrchestrator('steps', null, 'child')];
  });
}

test('a failed instance goes on: what had succeeded stays, what had failed is done again', async () => {
  const state = { failures: 2, runs: [] as string[] };
  const { engine, run, status, trace } = createHarness(app => registerSteps(app, state));
  const id = await run('steps');
  expect(status(id).runtimeStatus).toBe('Failed');
  expect(engine.rewind(id, 'try again')).toBe('accepted');
  expect(status(id)).toMatchObject({ runtimeStatus: 'Running', output: null });
  await engine.idle();
  expect(status(id).runtimeStatus).toBe('Failed');
  engine.rewind(id, 'once more');
  await engine.idle();
  expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['one', 'two'] });
  expect(state.runs).toEqual(['one', 'two', 'two', 'two']);
  const generic = engine.getHistory(id).flatMap(event => ('Reason' in event ? [event.Reason] : []));
  expect(generic).toContain('Rewound: try again');
  expect(trace(id).filter(each => /^[456]/.test(each))).toEqual(['4#0', '5→0', '4#1', '5→1']);
});

test('failed children are rewound with their parent', async () => {
  const state = { failures: 1, runs: [] as string[] };
  const { engine, run, status } = createHarness(app => registerSteps(app, state));
  const id = await run('parent');
  expect([status(id).runtimeStatus, status('child').runtimeStatus]).toEqual(['Failed', 'Failed']);
  expect(engine.rewind(id, 'try again')).toBe('accepted');
  await engine.idle();
  expect(status('child')).toMatchObject({ runtimeStatus: 'Completed', output: ['one', 'two'] });
  expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['zero', ['one', 'two']] });
  expect(state.runs).toEqual(['zero', 'one', 'two', 'two']);
});

test('only what has failed can be rewound', async () => {
  const { engine, run } = createHarness(app => {
    registerSteps(app, { failures: 0, runs: [] });
    app.orchestration('waiter', function* ({ df: durable }) {
      yield durable.waitForExternalEvent('go');
    });
  });
  const done = await run('steps');
  const running = await run('waiter');
  expect([engine.rewind(done, ''), engine.rewind(running, ''), engine.rewind('unknown', '')]).toEqual([
    'finished',
    'wrong_state',
    'not_found',
  ]);
});

test('a restart runs name and input anew, under a new id or the same', async () => {
  const { engine, run, status } = createHarness(app => {
    app.orchestration('echo', function* ({ df: durable }) {
      yield durable.callActivity('same', durable.getInput());
      return durable.getInput();
    });
    app.activity('same', { handler: (value: unknown) => value });
  });
  const id = await run('echo', { n: 5 });
  const again = engine.restart(id, false)?.instanceId ?? '';
  await engine.idle();
  expect(again).toMatch(/^[0-9a-f]{32}$/);
  expect([again === id, status(again).output]).toEqual([false, { n: 5 }]);
  expect(engine.restart(id, true)).toEqual({ instanceId: id });
  expect(engine.getInstance(id)?.runtimeStatus).toBe('Pending');
  await engine.idle();
  expect(status(id).output).toEqual({ n: 5 });
  expect(engine.restart('unknown', true)).toBeUndefined();
});

test('purging by filter takes finished instances alone', async () => {
  const { engine, clock, run } = createHarness(app => {
    app.orchestration('echo', function* ({ df: durable }) {
      if (durable.getInput() === 'fail') throw new Error('no');
      if (durable.getInput() === 'wait') yield durable.waitForExternalEvent('go');
    });
  });
  const startMs = clock.nowMs();
  for (const [input, id] of [
    ['ok', 'a'],
    ['fail', 'b'],
    ['wait', 'c'],
  ] as const)
    await run('echo', input, id);
  clock.advanceBy(1_000);
  await run('echo', 'ok', 'd');
  expect(engine.purgeFinished({ createdFromMs: startMs, runtimeStatus: ['Running'] })).toBe(0);
  expect(engine.purgeFinished({ createdFromMs: startMs, createdToMs: startMs + 500, runtimeStatus: ['Failed'] })).toBe(
    1,
  );
  expect(engine.purgeFinished({ createdFromMs: startMs })).toBe(2);
  expect(engine.listInstances({}).instances.map(({ instanceId }) => instanceId)).toEqual(['c']);
});
