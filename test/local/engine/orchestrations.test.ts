import type { OrchestrationContext } from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { createHarness } from '../../helpers/engine-harness.ts';

type Durable = OrchestrationContext['df'];

describe('replays', () => {
  test('show isReplaying before the newest result, and live after it', async () => {
    const seen: boolean[][] = [];
    const { run } = createHarness(app => {
      app.activity('step', { handler: () => null });
      app.orchestration('watched', function* ({ df: durable }) {
        const flags: boolean[] = [];
        seen.push(flags);
        for (let step = 0; step < 3; step++) {
          flags.push(durable.isReplaying);
          yield durable.callActivity('step');
        }
        flags.push(durable.isReplaying);
      });
    });
    await run('watched');
    expect(seen).toEqual([[false], [true, false], [true, true, false], [true, true, true, false]]);
  });

  test('keep currentUtcDateTime and new guids', async () => {
    const seen = new Set<string>();
    const { run, pass, status } = createHarness(app => {
      app.orchestration('dated', function* (context) {
        seen.add(`${context.df.currentUtcDateTime.toISOString()} ${context.df.newGuid('x')}`);
        yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 1_000));
        return context.df.currentUtcDateTime;
      });
    });
    const id = await run('dated');
    await pass(5_000);
    expect(seen.size).toBe(1);
    expect(status(id).output).toBe('2026-01-01T00:00:01.000Z');
  });

  test('detect an orchestrator that does something else now', async () => {
    let name = 'first';
    const { run, engine, status } = createHarness(app => {
      app.activity('first', { handler: () => null });
      app.activity('second', { handler: () => null });
      app.orchestration('fickle', function* ({ df: durable }) {
        yield durable.callActivity(name);
        yield durable.waitForExternalEvent('go');
      });
    });
    const id = await run('fickle');
    name = 'second';
    engine.raiseEvent(id, 'go', 'null');
    await engine.idle();
    expect(status(id).runtimeStatus).toBe('Failed');
    expect(status(id).output).toMatch(
      /^Non-Deterministic workflow detected: A previous execution of this orchestration scheduled an activity task with sequence ID 0 and name 'first' \(version ''\)/,
    );
  });
});

describe('endings', () => {
  test('give the custom status of the last episode', async () => {
    const { run, engine, status } = createHarness(app => {
      app.orchestration('reports', function* ({ df: durable }) {
        durable.setCustomStatus({ phase: 'waiting' });
        yield durable.waitForExternalEvent('go');
        durable.setCustomStatus('done');
        return null;
      });
    });
    const id = await run('reports');
    expect(status(id).customStatus).toEqual({ phase: 'waiting' });
    engine.raiseEvent(id, 'go', 'null');
    await engine.idle();
    expect(status(id)).toEqual({ runtimeStatus: 'Completed', output: null, customStatus: 'done' });
  });

  test('fail on a custom status over 16 KB', async () => {
    const { run, status, errors } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('verbose', function* ({ df: durable }) {
        durable.setCustomStatus('x'.repeat(8_200));
        return 'not reached';
      });
    });
    expect(status(await run('verbose'))).toMatchObject({
      runtimeStatus: 'Failed',
      output: expect.stringContaining('16 KB'),
    });
    expect(errors.join()).toContain('16 KB');
  });

  test.each([
    ['an activity', 'nowhere', "it calls the activity 'nowhere', which the app does not register"],
    ['a sub-orchestrator', 'childless', "it calls the sub-orchestrator 'nobody', which the app does not register"],
  ])('fail visibly when %s is missing', async (_, name, text) => {
    const { run, status } = createHarness(app => {
      app.orchestration('nowhere', function* ({ df: durable }) {
        yield durable.Task.all([durable.callActivity('nowhere')]);
      });
      app.orchestration('childless', function* ({ df: durable }) {
        yield durable.callSubOrchestrator('nobody');
      });
    });
    expect(status(await run(name))).toMatchObject({
      runtimeStatus: 'Failed',
      output: `Orchestrator function '${name}' failed: ${text}`,
    });
  });

  test.each([
    ['a timer for no instant', (durable: Durable) => durable.createTimer(new Date(Number.NaN))],
    [
      'a retry for no instant',
      (durable: Durable) =>
        durable.callActivityWithRetry('fails', {
          firstRetryIntervalInMilliseconds: 1,
          maxNumberOfAttempts: 2,
          maxRetryIntervalInMilliseconds: -1e18,
        } as never),
    ],
  ])('fail alone, and not the engine with them, on %s', async (_, ask) => {
    const { run, status } = createHarness(app => {
      app.activity('fails', {
        handler: () => {
          throw new Error('boom');
        },
      });
      app.orchestration('odd', function* ({ df: durable }) {
        return yield ask(durable);
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('sound', function* () {
        return 'fine';
      });
    });
    expect(status(await run('odd')).runtimeStatus).toBe('Failed');
    expect(status(await run('sound')).output).toBe('fine');
  });

  test('wait for tasks that are still open', async () => {
    const slow = Promise.withResolvers<string>();
    const { engine, status } = createHarness(app => {
      app.activity('quick', { handler: () => 'quick' });
      app.activity('slow', { handler: () => slow.promise });
      app.orchestration('race', function* ({ df: durable }) {
        const winner = yield durable.Task.any([durable.callActivity('slow'), durable.callActivity('quick')]);
        return winner.result;
      });
    });
    const { instanceId } = engine.startInstance({ name: 'race', inputJson: 'null' });
    const hasQuickResult = () => engine.getHistory(instanceId).some(event => 'TaskScheduledId' in event);
    while (!hasQuickResult()) await new Promise(resolve => setImmediate(resolve));
    expect(status(instanceId).runtimeStatus).toBe('Running');
    slow.resolve('slow');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: 'quick' });
  });
});
