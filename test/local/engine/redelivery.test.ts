import { describe, expect, test } from 'vitest';
import type { InvocationOutcome } from '../../../local/engine/protocol/worker.ts';
import type { df } from '../../helpers/durable-app.ts';
import { createHarness } from '../../helpers/engine-harness.ts';

function register(app: typeof df.app, runs: string[]): void {
  app.activity('step', {
    handler: (name: string) => {
      runs.push(name);
      return name;
    },
  });
  app.orchestration('steps', function* ({ df: durable }) {
    try {
      return yield durable.callActivity('step', 'one');
    } catch (error) {
      return (error as Error).message.split(' \n')[0];
    }
  });
  app.entity('counter', ({ df: entity }) => entity.setState((entity.getState(() => 0) as number) + 1));
}

/** A harness whose worker gives these outcomes, by function, before it begins to work. */
function createTroubled(outcomes: Readonly<Record<string, InvocationOutcome[]>>) {
  const runs: string[] = [];
  const harness = createHarness(app => register(app, runs));
  const { invoke } = harness.worker;
  Object.assign(harness.worker, {
    invoke: (...args: Parameters<typeof invoke>) => {
      const outcome = outcomes[args[0]]?.shift();
      return outcome ? Promise.resolve(outcome) : invoke(...args);
    },
  });
  return { ...harness, runs };
}

const lost: InvocationOutcome = { kind: 'lost', message: 'The worker is gone' };
const timedOut: InvocationOutcome = { kind: 'timedOut', message: 'Timeout value of 1 s exceeded' };

describe('what is lost with its worker is delivered again', () => {
  test.each(['steps', 'step'])('%s', async name => {
    const { run, pass, status, runs, trace } = createTroubled({ [name]: [lost, lost] });
    const id = await run('steps');
    await pass(1_000);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'one' });
    expect(runs).toEqual(['one']);
    expect(trace(id)).toEqual(['12', '0', '4#0', '13', '12', '5→0', '1#1', '13']);
  });

  test('counter', async () => {
    const { engine } = createTroubled({ counter: [lost] });
    engine.signalEntity('@counter@a', 'add', null);
    await engine.idle();
    expect(engine.getEntity('@counter@a')?.stateJson).toBe('1');
  });
});

describe('what ends its process again and again', () => {
  test('waits longer each time, so that others can run', async () => {
    const { run, pass, status, runs } = createTroubled({ step: [lost, lost, lost, lost] });
    const id = await run('steps');
    await pass(6_999);
    expect(runs).toEqual([]);
    await pass(1);
    expect(status(id).output).toBe('one');
  });

  test('is given up when nobody waits for it any more', async () => {
    const { engine, run, pass, store, runs } = createTroubled({ step: [lost, lost] });
    const id = await run('steps');
    engine.terminate(id, 'enough');
    await engine.idle();
    expect(store.readActivities(0, 9)).toHaveLength(1);
    await pass(1_000);
    expect(store.readActivities(0, 9)).toEqual([]);
    expect(runs).toEqual([]);
  });

  test('can be terminated when it is the orchestrator', async () => {
    const { engine, status } = createTroubled({ steps: [lost, timedOut, lost, lost] });
    const { instanceId } = engine.startInstance({ name: 'steps', inputJson: 'null' });
    await engine.idle();
    expect(status(instanceId).runtimeStatus).toBe('Pending');
    engine.terminate(instanceId, 'enough');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
  });

  test('can be purged when it is the orchestrator', async () => {
    const { engine, worker, pass } = createTroubled({ steps: [lost, timedOut, lost, lost] });
    const { instanceId } = engine.startInstance({ name: 'steps', inputJson: 'null' });
    await engine.idle();
    engine.purge(instanceId);
    await pass(600_000);
    expect(worker.invocationCount()).toBe(0);
  });
});

describe('what runs too long', () => {
  test('is a failure of an activity', async () => {
    const { run, status, errors } = createTroubled({ step: [timedOut] });
    expect(status(await run('steps')).output).toBe("Activity function 'step' failed:  Timeout value of 1 s exceeded");
    expect(errors).toHaveLength(1);
  });

  test('is asked again of an orchestrator', async () => {
    const { run, pass, status, errors } = createTroubled({ steps: [timedOut] });
    const id = await run('steps');
    await pass(1_000);
    expect(status(id).output).toBe('one');
    expect(errors).toEqual([`steps: ${id}: Timeout value of 1 s exceeded; it is delivered again`]);
  });
});

test('what a closing host breaks off has not happened: the next one does it', async () => {
  for (const name of ['steps', 'step', 'counter']) {
    const { engine, status, store } = createTroubled({ [name]: [{ kind: 'closed' }] });
    const { instanceId } = engine.startInstance({ name: 'steps', inputJson: 'null' });
    engine.signalEntity('@counter@a', 'add', null);
    await engine.idle();
    await engine.stop();
    const left = {
      steps: store.readMessages(instanceId).length,
      step: store.readActivities(0, 9).length,
      counter: store.readMessages('@counter@a').length,
    };
    expect(left).toEqual({ steps: 0, step: 0, counter: 0, [name]: 1 });
    expect(status(instanceId).runtimeStatus === 'Completed').toBe(name === 'counter');
  }
});
