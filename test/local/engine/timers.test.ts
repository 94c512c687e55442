import { describe, expect, test } from 'vitest';
import type { df } from '../../helpers/durable-app.ts';
import { createHarness, START_MS } from '../../helpers/engine-harness.ts';

const DAY_MS = 86_400_000;

function registerTimeout(
  app: typeof df.app,
  options: { readonly cancels: boolean; readonly activity: () => unknown },
): void {
  app.activity('work', { handler: options.activity });
  app.orchestration('timeout', function* ({ df: durable }) {
    const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
    const work = durable.callActivity('work');
    const winner = yield durable.Task.any([work, timer]);
    if (winner === timer) return 'too slow';
    if (options.cancels) timer.cancel();
    return winner.result;
  });
}

describe('timers', () => {
  test('fire at their instant, not before', async () => {
    const { run, pass, status } = createHarness(app => {
      app.orchestration('sleeper', function* ({ df: durable }) {
        yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + DAY_MS));
        return durable.currentUtcDateTime;
      });
    });
    const id = await run('sleeper');
    await pass(DAY_MS - 1);
    expect(status(id).runtimeStatus).toBe('Running');
    await pass(1);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: new Date(START_MS + DAY_MS).toISOString() });
  });

  test('of the past fire at once', async () => {
    const { run, status } = createHarness(app => {
      app.orchestration('late', function* ({ df: durable }) {
        yield durable.createTimer(new Date(0));
        return 'done';
      });
    });
    expect(status(await run('late')).output).toBe('done');
  });

  test('cancelled, let the instance end at once', async () => {
    const { run, pass, status, errors } = createHarness(app =>
      registerTimeout(app, { cancels: true, activity: () => 'quick' }),
    );
    const id = await run('timeout');
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'quick' });
    await pass(120_000);
    expect(errors).toEqual([]);
  });

  test('not cancelled, keep it running until they fire', async () => {
    const { run, pass, status } = createHarness(app =>
      registerTimeout(app, { cancels: false, activity: () => 'quick' }),
    );
    const id = await run('timeout');
    expect(status(id).runtimeStatus).toBe('Running');
    await pass(60_000);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'quick' });
  });

  test('win over an activity that takes too long', async () => {
    const slow = Promise.withResolvers<string>();
    const { engine, clock, status, trace } = createHarness(app => {
      registerTimeout(app, { cancels: true, activity: () => slow.promise });
    });
    const { instanceId } = engine.startInstance({ name: 'timeout', inputJson: 'null' });
    while (!trace(instanceId).includes('10#1')) await new Promise(resolve => setImmediate(resolve));
    clock.advanceBy(60_000);
    while (!trace(instanceId).includes('11→1')) await new Promise(resolve => setImmediate(resolve));
    expect(status(instanceId).runtimeStatus).toBe('Running');
    slow.resolve('at last');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: 'too slow' });
  });

  test('longer than 6 days come in segments of 3 days, the last one shorter', async () => {
    const { run, pass, status, engine, errors } = createHarness(app => {
      app.orchestration('marathon', function* ({ df: durable }) {
        yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 10 * DAY_MS));
        return 'done';
      });
    });
    const id = await run('marathon');
    await pass(10 * DAY_MS - 1);
    expect(status(id).runtimeStatus).toBe('Running');
    await pass(1);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'done' });
    const days = engine
      .getHistory(id)
      .flatMap(event =>
        'FireAt' in event && !('TimerId' in event) ? [(Date.parse(event.FireAt) - START_MS) / DAY_MS] : [],
      );
    expect(days).toEqual([3, 6, 9, 10]);
    expect(errors).toEqual([]);
  });

  test('long ones cancelled in their first segment let the instance go on', async () => {
    const { run, pass, engine, status } = createHarness(app => {
      app.activity('after', { handler: () => 'after' });
      app.orchestration('impatient', function* ({ df: durable }) {
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 10 * DAY_MS));
        yield durable.Task.any([durable.waitForExternalEvent('stop'), timer]);
        timer.cancel();
        return yield durable.callActivity('after');
      });
    });
    const id = await run('impatient');
    await pass(DAY_MS);
    engine.raiseEvent(id, 'stop', 'null');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'after' });
  });

  test('long ones cancelled in a later segment fail it, as on the real host', async () => {
    const { run, pass, engine, status } = createHarness(app => {
      app.orchestration('tooLate', function* ({ df: durable }) {
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 10 * DAY_MS));
        yield durable.Task.any([durable.waitForExternalEvent('stop'), timer]);
        timer.cancel();
      });
    });
    const id = await run('tooLate');
    await pass(4 * DAY_MS);
    engine.raiseEvent(id, 'stop', 'null');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringContaining('scheduled a timer') });
  });

  test('take their lengths from the settings', async () => {
    const settings = { maximumShortTimerMs: 60_000, longTimerIntervalMs: 30_000 };
    const { run, pass, trace, worker } = createHarness(
      app => {
        app.orchestration('short', function* ({ df: durable }) {
          yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 70_500));
        });
      },
      { settings },
    );
    const id = await run('short');
    await pass(70_500);
    expect(trace(id).filter(each => each.startsWith('10'))).toEqual(['10#0', '10#1', '10#2']);
    expect(JSON.parse(worker.orchestratorTriggers[0] ?? '')).toMatchObject({
      maximumShortTimerDuration: '0.00:01:00',
      longRunningTimerIntervalDuration: '0.00:00:30',
    });
  });

  test('keep an episode’s time from going back with the machine’s clock', async () => {
    const { run, pass, store, engine, status, errors } = createHarness(app => {
      app.orchestration('sleeper', function* ({ df: durable }) {
        yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 1_000));
        return durable.currentUtcDateTime.getTime();
      });
    });
    const id = await run('sleeper');
    // The timer's message comes while the clock still stands at the start, as after a correction of the clock.
    store.deliverDue(START_MS + 1_000);
    engine.raiseEvent(id, 'wake', 'null');
    await pass(0);
    expect(status(id).output).toBe(START_MS + 1_000);
    expect(errors).toEqual([]);
  });
});
