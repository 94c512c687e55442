import { describe, expect, test } from 'vitest';
import type { df } from '../../helpers/durable-app.ts';
import { createHarness, temporaryStateFile } from '../../helpers/engine-harness.ts';

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

describe('what was under way at the failure is taken up again', () => {
  /** A harness in which `strict` brings an instance down in the midst of other work, by a call that the app lacks. */
  function createBroken(isMended: { value: boolean }) {
    return createHarness(app => {
      app.activity('slow', { handler: () => 'slow' });
      app.orchestration('broken', function* ({ df: durable }) {
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
        const slow = durable.callActivity('slow');
        const child = durable.callSubOrchestrator('waiter', null, 'child');
        const go = durable.waitForExternalEvent('go');
        yield durable.Task.any([timer, slow, child, go]);
        if (!isMended.value) throw new Error('not mended');
        yield timer;
        return [yield slow, yield child];
      });
      app.orchestration('waiter', function* ({ df: durable }) {
        return yield durable.waitForExternalEvent('go');
      });
    });
  }

  test('timers, activities and children', async () => {
    const isMended = { value: false };
    const { engine, run, pass, status } = createBroken(isMended);
    const id = await run('broken');
    // It has thrown, but does not end while a timer and a child are open.
    expect(status(id).runtimeStatus).toBe('Running');
    engine.raiseEvent('child', 'go', '"child"');
    await engine.idle();
    await pass(60_000);
    expect(status(id).runtimeStatus).toBe('Failed');
    isMended.value = true;
    expect(engine.rewind(id, 'mended')).toBe('accepted');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['slow', 'child'] });
  });

  test('after a failure that left a timer open, the timer fires at its instant', async () => {
    const isRegistered = { value: false };
    const register = (app: typeof df.app) => {
      app.orchestration('lacking', function* ({ df: durable }) {
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
        const go = durable.waitForExternalEvent('go');
        const winner = yield durable.Task.any([timer, go]);
        if (winner === go) yield durable.callActivity('missing');
        yield timer;
        return 'fired';
      });
      if (isRegistered.value) app.activity('missing', { handler: () => 'here' });
    };
    const path = temporaryStateFile();
    const first = createHarness(register, { path });
    await first.run('lacking', null, 'one');
    first.engine.raiseEvent('one', 'go', 'null');
    await first.engine.idle();
    expect(first.status('one').runtimeStatus).toBe('Failed');
    first.close();
    isRegistered.value = true;
    const second = createHarness(register, { path, clock: first.clock });
    expect(second.engine.rewind('one', 'now it is registered')).toBe('accepted');
    await second.pass(60_000);
    expect(second.status('one')).toMatchObject({ runtimeStatus: 'Completed', output: 'fired' });
  });

  test('a failed child that is gone is started anew; one that was rewound by itself answers', async () => {
    for (const prepare of ['purge', 'rewind'] as const) {
      const state = { failures: 1, runs: [] as string[] };
      const { engine, run, status } = createHarness(app => registerSteps(app, state));
      const id = await run('parent');
      if (prepare === 'purge') engine.purge('child');
      else engine.rewind('child', 'alone');
      await engine.idle();
      engine.rewind(id, 'the parent');
      await engine.idle();
      expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['zero', ['one', 'two']] });
      expect(state.runs.filter(name => name === 'zero')).toHaveLength(1);
    }
  });
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
