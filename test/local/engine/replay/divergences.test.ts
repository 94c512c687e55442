import type { Task } from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { df } from '../../../helpers/durable-app.ts';
import { createHarness } from '../../../helpers/engine-harness.ts';

const retry = (attempts: number) => new df.RetryOptions(1_000, attempts);

/** Activities that end when the test says so. */
function createGates() {
  const gates = new Map<string, PromiseWithResolvers<string>[]>();
  const begun: string[] = [];
  return {
    begun,
    handler: (name: string) => {
      begun.push(name);
      const gate = Promise.withResolvers<string>();
      gates.set(name, [...(gates.get(name) ?? []), gate]);
      return gate.promise;
    },
    /** Ends the oldest call of the name that is under way, once it is. */
    async end(name: string, result: string | Error) {
      while (!gates.get(name)?.length) await new Promise(resolve => setImmediate(resolve));
      const gate = gates.get(name)?.shift();
      if (result instanceof Error) gate?.reject(result);
      else gate?.resolve(result);
    },
  };
}

describe('what the real host does wrong is done wrong here, and said', () => {
  test('a pending task in a second Task.any runs twice and its result goes astray (issue 574)', async () => {
    const gates = createGates();
    const { engine, status, errors } = createHarness(app => {
      app.activity('do', { handler: gates.handler });
      app.orchestration('loop', function* ({ df: durable }) {
        const results: unknown[] = [];
        let pending: Task[] = [durable.callActivity('do', 'A'), durable.callActivity('do', 'B')];
        while (pending.length > 0) {
          const winner: Task = yield durable.Task.any(pending);
          pending = pending.filter(task => task !== winner);
          results.push(winner.result);
        }
        results.push(yield durable.callActivity('do', 'C'));
        return results;
      });
    });
    const { instanceId } = engine.startInstance({ name: 'loop', inputJson: 'null' });
    await gates.end('A', 'rA');
    await gates.end('B', 'rB');
    await gates.end('B', 'rB-dup');
    await gates.end('C', 'rC');
    await engine.idle();
    expect(gates.begun).toEqual(['A', 'B', 'B', 'C']);
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: ['rA', 'rB', 'rB-dup'] });
    expect(errors.join('\n')).toMatch(/loop: .*CallActivity 2 repeats call 1.*issue 574/);
  });

  test('going on after a failed Task.all while a sibling retries mixes up ids', async () => {
    const gates = createGates();
    let cleanUps = 0;
    const { engine, clock, errors, trace, status } = createHarness(app => {
      app.activity('do', { handler: gates.handler });
      app.activity('cleanUp', { handler: () => ++cleanUps });
      app.orchestration('hasty', function* ({ df: durable }) {
        try {
          yield durable.Task.all([durable.callActivity('do', 'A'), durable.callActivityWithRetry('do', retry(2), 'B')]);
        } catch {
          return yield durable.callActivity('cleanUp');
        }
        return 'not reached';
      });
    });
    const { instanceId } = engine.startInstance({ name: 'hasty', inputJson: 'null' });
    await gates.end('A', new Error('A fails'));
    while (!trace(instanceId).includes('6→0')) await new Promise(resolve => setImmediate(resolve));
    expect(errors).toEqual([]);
    await gates.end('B', new Error('B fails once'));
    await engine.idle();
    expect(trace(instanceId)).toContain('10#2');
    expect(errors.join('\n')).toMatch(/hasty: .*went on to its action 1 while the host still waits for action 0/);
    clock.advanceBy(1_000);
    await gates.end('B', 'B at last');
    await engine.idle();
    expect(status(instanceId)).toMatchObject({ runtimeStatus: 'Completed', output: null });
    expect(cleanUps).toBe(1);
  });

  test.each([
    [
      'retryTimeoutInMilliseconds',
      () => Object.assign(retry(5), { retryTimeoutInMilliseconds: 500 }),
      /retryTimeoutInMilliseconds ended the retries of 'fails'/,
    ],
    ['no attempt at all', () => retry(0), /with 0 attempts and an interval of 1000 ms is never made/],
    [
      'an interval over 6 days',
      () => new df.RetryOptions(7 * 86_400_000, 2),
      /with 2 attempts and an interval of 604800000 ms is never made/,
    ],
  ])('%s leaves the instance running for ever', async (_, options, text) => {
    const { run, pass, status, errors } = createHarness(app => {
      app.activity('fails', { handler: () => Promise.reject(new Error('no')) });
      app.orchestration('stuck', function* ({ df: durable }) {
        yield durable.callActivityWithRetry('fails', options());
      });
    });
    const id = await run('stuck');
    await pass(2_000);
    expect(status(id).runtimeStatus).toBe('Running');
    expect(errors[0]).toMatch(text);
    // With a timeout the second failure is the one that ends the retries.
    expect(errors.at(-1)).toMatch(/stays Running until it is terminated/);
  });

  test('a retry option over 32 bits fails the instance', async () => {
    const { run, status } = createHarness(app => {
      app.activity('fails', { handler: () => Promise.reject(new Error('no')) });
      app.orchestration('huge', function* ({ df: durable }) {
        const options = Object.assign(retry(2), { retryTimeoutInMilliseconds: 2 ** 31 });
        yield durable.callActivityWithRetry('fails', options);
      });
    });
    const { runtimeStatus, output } = status(await run('huge'));
    expect(runtimeStatus).toBe('Failed');
    expect(output).toContain('Value was either too large or too small for an Int32.');
  });

  test('a throw without a message is taken for work that goes on', async () => {
    const { run, status, errors } = createHarness(app => {
      // biome-ignore lint/correctness/useYield: orchestrators are generators, also those that wait for nothing.
      app.orchestration('mute', function* () {
        throw new Error('');
      });
    });
    expect(status(await run('mute')).runtimeStatus).toBe('Running');
    expect(errors[0]).toMatch(/threw something without a message/);
  });

  test('a sub-orchestration with its parent’s own id is refused and waited for', async () => {
    const { run, status, errors } = createHarness(app => {
      app.orchestration('narcissus', function* ({ df: durable }) {
        yield durable.callSubOrchestrator('narcissus', null, 'SAME');
      });
    });
    const id = await run('narcissus', null, 'same');
    expect(status(id).runtimeStatus).toBe('Running');
    expect(errors[0]).toMatch(/sub-orchestration id "SAME" is the instance's own/);
  });

  test('an event of another case moves the host on, and not the orchestrator', async () => {
    const { run, engine, status, errors } = createHarness(app => {
      app.orchestration('pedant', function* ({ df: durable }) {
        return yield durable.waitForExternalEvent('Approve');
      });
    });
    const id = await run('pedant');
    engine.raiseEvent(id, 'approve', '1');
    await engine.idle();
    expect(status(id).runtimeStatus).toBe('Running');
    expect(errors[0]).toMatch(/"approve" was raised while the orchestrator waits for "Approve"/);
  });

  test('cancelling a timer that raced a retried call fails the instance', async () => {
    let calls = 0;
    const { run, pass, status } = createHarness(app => {
      app.activity('twice', {
        handler: () => {
          calls += 1;
          if (calls === 1) throw new Error('first attempt');
          return calls;
        },
      });
      app.activity('next', { handler: () => 'next' });
      app.orchestration('racer', function* ({ df: durable }) {
        const timer = durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
        yield durable.Task.any([durable.callActivityWithRetry('twice', retry(3)), timer]);
        timer.cancel();
        return yield durable.callActivity('next');
      });
    });
    const id = await run('racer');
    await pass(2_000);
    expect(status(id)).toMatchObject({
      runtimeStatus: 'Failed',
      output: expect.stringContaining('Non-Deterministic workflow detected'),
    });
  });
});

describe('what works on the real host is not complained of', () => {
  test('yielding each task after a failed Task.all runs none again (issue 485)', async () => {
    const counts = new Map<number, number>();
    const { run, pass, status, errors } = createHarness(app => {
      app.activity('odd', {
        handler: (index: number) => {
          counts.set(index, (counts.get(index) ?? 0) + 1);
          if (index % 2 === 0) throw new Error(`even ${index}`);
          return index;
        },
      });
      app.orchestration('settles', function* ({ df: durable }) {
        const tasks = [0, 1, 2, 3].map(index => durable.callActivityWithRetry('odd', retry(2), index));
        try {
          yield durable.Task.all(tasks);
        } catch {
          // Each task is asked below.
        }
        const results: unknown[] = [];
        for (const task of tasks) {
          try {
            results.push(yield task);
          } catch (error) {
            results.push(/even \d/.exec((error as Error).message)?.[0]);
          }
        }
        return results;
      });
    });
    const id = await run('settles');
    await pass(1_000);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: ['even 0', 1, 'even 2', 3] });
    expect([...counts.values()]).toEqual([2, 1, 2, 1]);
    expect(errors).toEqual([]);
  });

  test('a fresh wait for an event beside one shared timer, in a loop', async () => {
    const { run, engine, pass, status, errors } = createHarness(app => {
      app.orchestration('collects', function* ({ df: durable }) {
        const seen: unknown[] = [];
        while (seen.length < 3) seen.push(yield durable.waitForExternalEvent('item'));
        return seen;
      });
    });
    const id = await run('collects');
    for (const item of [1, 2, 3]) {
      engine.raiseEvent(id, 'item', JSON.stringify(item));
      await pass(10);
    }
    expect(status(id).output).toEqual([1, 2, 3]);
    expect(errors).toEqual([]);
  });
});
