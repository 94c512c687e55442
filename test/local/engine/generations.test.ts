import { describe, expect, test } from 'vitest';
import { df } from '../../helpers/durable-app.ts';
import { createHarness } from '../../helpers/engine-harness.ts';

describe('sub-orchestrations', () => {
  test('give their output; without an id they are named after the parent’s execution', async () => {
    const { run, status, engine } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        return yield durable.callSubOrchestrator('child', { n: 1 });
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('child', function* ({ df: durable }) {
        return { input: durable.getInput(), parent: durable.parentInstanceId, id: durable.instanceId };
      });
    });
    const id = await run('parent', null, 'mother');
    const started = engine.getHistory(id).find(event => event.EventType === 0);
    const childId = `${started && 'OrchestrationInstance' in started ? started.OrchestrationInstance.ExecutionId : ''}:0`;
    expect(status(id)).toMatchObject({
      runtimeStatus: 'Completed',
      output: { input: { n: 1 }, parent: 'mother', id: childId },
    });
    expect(engine.getInstance(childId)).toMatchObject({
      name: 'child',
      parentInstanceId: 'mother',
      inputJson: '{"n":1}',
    });
  });

  test('take an id that is given, and a string as input', async () => {
    const { run, engine, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        return yield durable.callSubOrchestrator('child', 'text', 'daughter');
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('child', function* ({ df: durable }) {
        return durable.getInput();
      });
    });
    expect(status(await run('parent')).output).toBe('text');
    expect(engine.getInstance('daughter')?.runtimeStatus).toBe('Completed');
  });

  test('that fail pass their text to the parent, who can catch it', async () => {
    const { run, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        try {
          yield durable.callSubOrchestrator('child');
        } catch (error) {
          return (error as Error).message;
        }
        return 'not reached';
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('child', function* () {
        throw new Error('child broke');
      });
    });
    expect(status(await run('parent')).output).toMatch(
      /^Orchestrator function 'child' failed: child broke \n Message: child broke/,
    );
  });

  test('with retry run again, in a new instance each time', async () => {
    let attempts = 0;
    const ids: string[] = [];
    const { run, pass, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        return yield durable.callSubOrchestratorWithRetry('child', new df.RetryOptions(1_000, 3));
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('child', function* ({ df: durable }) {
        attempts += 1;
        ids.push(durable.instanceId);
        if (attempts < 3) throw new Error('not yet');
        return attempts;
      });
    });
    const id = await run('parent');
    await pass(2_000);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 3 });
    expect(ids.map(each => each.split(':')[1])).toEqual(['0', '2', '4']);
  });

  test('with retry and an id of their own reuse it', async () => {
    let attempts = 0;
    const { run, pass, status, engine } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        return yield durable.callSubOrchestratorWithRetry('child', new df.RetryOptions(1_000, 3), null, 'fixed');
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('child', function* () {
        attempts += 1;
        if (attempts < 2) throw new Error('not yet');
        return attempts;
      });
    });
    const id = await run('parent');
    await pass(1_000);
    expect(status(id).output).toBe(2);
    expect(engine.getInstance('fixed')?.runtimeStatus).toBe('Completed');
  });

  test('that are terminated fail the parent, which cannot catch it', async () => {
    const { run, engine, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        try {
          yield durable.callSubOrchestrator('child', null, 'kid');
        } catch {
          return 'caught';
        }
        return 'not reached';
      });
      app.orchestration('child', function* ({ df: durable }) {
        yield durable.waitForExternalEvent('never');
      });
    });
    const id = await run('parent');
    engine.terminate('kid', 'enough');
    await engine.idle();
    expect(status('kid')).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
    expect(status(id).runtimeStatus).toBe('Failed');
    expect(status(id).output).toMatch(
      /^Non-Deterministic workflow detected: .* a sub-orchestration with sequence ID 0 and name 'child'/,
    );
  });

  test('under the id of a running instance fail, and leave that one alone', async () => {
    const { run, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        try {
          yield durable.callSubOrchestrator('child', null, 'busy');
        } catch (error) {
          return (error as Error).message;
        }
        return 'not reached';
      });
      app.orchestration('child', function* ({ df: durable }) {
        yield durable.waitForExternalEvent('never');
      });
    });
    await run('child', null, 'busy');
    expect(status(await run('parent')).output).toContain("the instance 'busy' exists and has not ended");
    expect(status('busy').runtimeStatus).toBe('Running');
  });

  test('of a terminated parent live on', async () => {
    const { run, engine, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        yield durable.callSubOrchestrator('child', null, 'orphan');
      });
      app.orchestration('child', function* ({ df: durable }) {
        return yield durable.waitForExternalEvent('go');
      });
    });
    const id = await run('parent');
    engine.terminate(id, 'enough');
    await engine.idle();
    engine.raiseEvent('orphan', 'go', '"alone"');
    await engine.idle();
    expect(status('orphan')).toMatchObject({ runtimeStatus: 'Completed', output: 'alone' });
    expect(status(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
  });
});

describe('continue-as-new', () => {
  test('goes through 50 generations under one id, with a history that does not grow', async () => {
    let longest = 0;
    const { run, status, engine, store } = createHarness(app => {
      app.activity('step', { handler: (n: number) => n + 1 });
      app.orchestration('eternal', function* ({ df: durable }) {
        const { n } = durable.getInput() as { n: number };
        longest = Math.max(longest, store.readHistory(durable.instanceId).length);
        durable.setCustomStatus({ generation: n });
        const next = yield durable.callActivity('step', n);
        if (next <= 50) durable.continueAsNew({ n: next });
        return next;
      });
    });
    const id = await run('eternal', { n: 1 }, 'forever');
    expect(status(id)).toEqual({ runtimeStatus: 'Completed', output: 51, customStatus: { generation: 50 } });
    expect(longest).toBeLessThanOrEqual(8);
    expect(engine.getInstance(id)?.inputJson).toBe('{"n":50}');
  });

  test('stores the new generation as 12, 0, 13 and then its actions', async () => {
    const { run, engine, trace } = createHarness(app => {
      app.orchestration('relay', function* ({ df: durable }) {
        const leg = durable.getInput() as { n: number };
        yield durable.waitForExternalEvent('go');
        if (leg.n < 2) durable.continueAsNew({ n: leg.n + 1 });
      });
    });
    const id = await run('relay', { n: 1 });
    engine.raiseEvent(id, 'go', 'null');
    await engine.idle();
    expect(trace(id)).toEqual(['12', '0', '13']);
  });

  test('carries over events that come after the decision, and loses those before it', async () => {
    const { run, engine, status, trace } = createHarness(app => {
      app.orchestration('relay', function* ({ df: durable }) {
        const { seen } = durable.getInput() as { seen: unknown[] };
        const item = yield durable.waitForExternalEvent('item');
        if (seen.length < 1) durable.continueAsNew({ seen: [...seen, item] });
        return [...seen, item];
      });
    });
    const id = await run('relay', { seen: [] });
    engine.raiseEvent(id, 'other', '"lost"');
    engine.raiseEvent(id, 'item', '1');
    engine.raiseEvent(id, 'item', '2');
    await engine.idle();
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: [1, 2] });
    expect(trace(id)).toEqual(['12', '0', '15', '13', '1#0', '13']);
    expect(engine.getHistory(id)[2]).toMatchObject({ Name: 'item', Input: '2', IsPlayed: true });
  });

  test('keeps the custom status until an episode sets none', async () => {
    const { run, engine, status } = createHarness(app => {
      app.orchestration('relay', function* ({ df: durable }) {
        const { leg } = durable.getInput() as { leg: number };
        if (leg === 1) durable.setCustomStatus('first leg');
        yield durable.waitForExternalEvent('go');
        if (leg === 1) durable.continueAsNew({ leg: 2 });
        else yield durable.waitForExternalEvent('go');
      });
    });
    const id = await run('relay', { leg: 1 });
    engine.raiseEvent(id, 'go', 'null');
    await engine.idle();
    expect(status(id).customStatus).toBe('first leg');
    engine.raiseEvent(id, 'go', 'null');
    await engine.idle();
    expect(status(id)).toEqual({ runtimeStatus: 'Running', output: null, customStatus: null });
  });

  test('quotes a bare string twice, as the real host does', async () => {
    const { run, status } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('quoting', function* ({ df: durable }) {
        const input = durable.getInput() as string;
        if (input === 'start') durable.continueAsNew('next');
        return input;
      });
    });
    expect(status(await run('quoting', 'start')).output).toBe('"next"');
  });

  test('without ever waiting ends in a failure: nobody could stop it', { timeout: 60_000 }, async () => {
    const { run, status } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('endless', function* ({ df: durable }) {
        durable.continueAsNew(null);
      });
    });
    expect(status(await run('endless'))).toMatchObject({
      runtimeStatus: 'Failed',
      output: "Orchestrator function 'endless' failed: it continued as new 10000 times without waiting for anything",
    });
  });

  test('waits for open tasks', async () => {
    const { run, pass, status } = createHarness(app => {
      app.orchestration('holding', function* ({ df: durable }) {
        const { leg } = durable.getInput() as { leg: number };
        if (leg === 2) return 'second leg';
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 5_000));
        yield durable.Task.any([timer, durable.callActivity('quick')]);
        durable.continueAsNew({ leg: 2 });
        return null;
      });
      app.activity('quick', { handler: () => null });
    });
    const id = await run('holding', { leg: 1 });
    await pass(4_999);
    expect(status(id).runtimeStatus).toBe('Running');
    await pass(1);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'second leg' });
  });

  test('of a child still answers the parent', async () => {
    const { run, status } = createHarness(app => {
      app.orchestration('parent', function* ({ df: durable }) {
        return yield durable.callSubOrchestrator('child', { n: 1 });
      });
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('child', function* ({ df: durable }) {
        const { n } = durable.getInput() as { n: number };
        if (n < 3) durable.continueAsNew({ n: n + 1 });
        return n;
      });
    });
    expect(status(await run('parent'))).toMatchObject({ runtimeStatus: 'Completed', output: 3 });
  });
});
