import type { Task } from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../../../../local/testing/manual-clock.ts';
import { df } from '../../../helpers/durable-app.ts';
import { createHarness, START_MS, temporaryStateFile } from '../../../helpers/engine-harness.ts';

const retry = (attempts: number) => new df.RetryOptions(1_000, attempts);

const reportsOf = (errors: readonly string[], code: string) => errors.filter(line => line.includes(` ${code}: `));

/** Puts each task that is left into a new Task.any, again and again, in two generations. */
function racesInGenerations(app: typeof df.app): void {
  app.activity('do', { handler: (name: string) => name });
  app.orchestration('races', function* ({ df: durable }) {
    const { generation } = durable.getInput() as { generation: number };
    let pending: Task[] = ['A', 'B', 'C', 'D'].map(name => durable.callActivity('do', name));
    while (pending.length > 0) {
      const winner: Task = yield durable.Task.any(pending);
      pending = pending.filter(task => task !== winner);
    }
    yield durable.waitForExternalEvent('go');
    if (generation < 2) durable.continueAsNew({ generation: generation + 1 });
  });
}

describe('a pattern is reported', () => {
  test('once in each generation, however often it shows', async () => {
    const { run, engine, status, errors } = createHarness(racesInGenerations);
    const id = await run('races', { generation: 1 });
    expect(reportsOf(errors, 'repeated-task')).toHaveLength(1);
    for (const _ of [1, 2]) {
      engine.raiseEvent(id, 'go', '1');
      await engine.idle();
      expect(reportsOf(errors, 'repeated-task')).toHaveLength(2);
    }
    expect(status(id).runtimeStatus).toBe('Completed');
  });

  test('with the orchestrator, the instance, the code, what happened and what to write instead', async () => {
    const { run, errors } = createHarness(racesInGenerations);
    await run('races', { generation: 2 }, 'i-1');
    expect(errors).toEqual([
      "races: i-1: repeated-task: activity 'do' (id 1) stands a second time in a Task.any or Task.all and is done again as id 4, " +
        'after which results go to the wrong tasks (azure-functions-durable-js issue 574); yield a task again only by itself, and put ' +
        'only new tasks into a new Task.any or Task.all',
    ]);
  });

  test('once more after a start of the host, while it lasts', async () => {
    const options = { path: temporaryStateFile(), clock: createManualClock(START_MS) };
    const first = createHarness(racesInGenerations, options);
    await first.run('races', { generation: 2 }, 'i-1');
    first.close();
    const second = createHarness(racesInGenerations, options);
    for (const _ of [1, 2]) {
      second.engine.raiseEvent('i-1', 'other', '1');
      await second.engine.idle();
    }
    expect(reportsOf(second.errors, 'repeated-task')).toHaveLength(1);
  });
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

  test('a fresh wait for an event in a loop', async () => {
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
