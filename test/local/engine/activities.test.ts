import { describe, expect, test } from 'vitest';
import { createHarness } from '../../helpers/engine-harness.ts';

describe('activities', () => {
  test('run in order and give their results', async () => {
    const { run, status, trace } = createHarness(app => {
      app.activity('greet', { handler: (name: string) => `Hello ${name}` });
      app.orchestration('greetings', function* ({ df: durable }) {
        const greetings: string[] = [];
        for (const city of ['Tokyo', 'Seattle', 'London']) greetings.push(yield durable.callActivity('greet', city));
        return greetings;
      });
    });
    const id = await run('greetings');
    expect(status(id)).toEqual({
      runtimeStatus: 'Completed',
      output: ['Hello Tokyo', 'Hello Seattle', 'Hello London'],
      customStatus: null,
    });
    expect(trace(id)).toEqual([
      ...['12', '0', '4#0', '13'],
      ...['12', '5→0', '4#1', '13'],
      ...['12', '5→1', '4#2', '13'],
      ...['12', '5→2', '1#3', '13'],
    ]);
  });

  test.each([
    ['a number', 42, 42],
    ['zero', 0, 0],
    ['a fraction', 1.5, 1.5],
    ['an empty array', [], []],
    ['a filled array', [1, 'two', null], [1, 'two', null]],
    ['an object', { a: { b: 1 } }, { a: { b: 1 } }],
    ['an array of objects', [{ a: 1 }, { a: 2 }], [{ a: 1 }, { a: 2 }]],
    ['a string', 'text', 'text'],
    ['a string of digits', '42', '42'],
    ['an empty string', '', ''],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'undefined'],
    ['true, as the .NET text', true, 'True'],
    ['false, as the .NET text', false, 'False'],
  ])('get %s as input', async (_, input, received) => {
    const { run, status } = createHarness(app => {
      app.activity('echo', { handler: (value: unknown) => [value === undefined ? 'undefined' : value] });
      app.orchestration('echoes', function* ({ df: durable }) {
        return yield durable.callActivity('echo', input);
      });
    });
    expect(status(await run('echoes')).output).toEqual([received]);
  });

  test.each([
    ['a string', 'text', 'text'],
    ['a string of digits', '42', '42'],
    ['an integer', 7, 7],
    ['a fraction', 0.5, 0.5],
    ['a boolean', false, false],
    ['an object', { a: [1] }, { a: [1] }],
    ['bytes, as base64', Buffer.from('hi'), 'aGk='],
    ['nothing', undefined, null],
    ['null', null, null],
  ])('give back %s', async (_, result, seen) => {
    const { run, status } = createHarness(app => {
      app.activity('give', { handler: () => result });
      app.orchestration('take', function* ({ df: durable }) {
        return [yield durable.callActivity('give')];
      });
    });
    expect(status(await run('take')).output).toEqual([seen]);
  });

  test('carry outputs of more than 4 MB', async () => {
    const large = 'x'.repeat(4_500_000);
    const { run, status } = createHarness(app => {
      app.activity('large', { handler: () => large });
      app.orchestration('takeLarge', function* ({ df: durable }) {
        return yield durable.callActivity('large');
      });
    });
    expect(status(await run('takeLarge')).output).toBe(large);
  });

  test('that fail uncaught fail the instance, with both names and the message', async () => {
    const { run, status } = createHarness(app => {
      app.activity('break', { handler: () => Promise.reject(new Error('boom')) });
      app.orchestration('careless', function* ({ df: durable }) {
        yield durable.callActivity('break');
      });
    });
    const { runtimeStatus, output } = status(await run('careless'));
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/^Orchestrator function 'careless' failed: Activity function 'break' failed: {2}boom \n \{/);
  });

  test('that fail can be caught', async () => {
    const { run, status } = createHarness(app => {
      app.activity('break', { handler: () => Promise.reject(new Error('boom')) });
      app.orchestration('careful', function* ({ df: durable }) {
        try {
          yield durable.callActivity('break');
        } catch (error) {
          return (error as Error).message.split('\n')[0];
        }
        return 'not reached';
      });
    });
    expect(status(await run('careful'))).toMatchObject({
      runtimeStatus: 'Completed',
      output: "Activity function 'break' failed:  boom ",
    });
  });

  test('run at most as many at once as the limit says, first called first', async () => {
    const started: number[] = [];
    let runningCount = 0;
    let peak = 0;
    const { run, status } = createHarness(
      app => {
        app.activity('count', {
          handler: async (index: number) => {
            started.push(index);
            runningCount += 1;
            peak = Math.max(peak, runningCount);
            await new Promise(resolve => setImmediate(resolve));
            runningCount -= 1;
            return index;
          },
        });
        app.orchestration('fanOut', function* ({ df: durable }) {
          const indexes = [...Array(20).keys()];
          return yield durable.Task.all(indexes.map(index => durable.callActivity('count', index)));
        });
      },
      { limits: { maxConcurrentActivityFunctions: 3 } },
    );
    const indexes = [...Array(20).keys()];
    expect(status(await run('fanOut')).output).toEqual(indexes);
    expect(started).toEqual(indexes);
    expect(peak).toBe(3);
  });
});
