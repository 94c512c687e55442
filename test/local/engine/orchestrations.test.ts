import { describe, expect, test } from 'vitest';
import { df } from '../../helpers/durable-app.ts';
import { createHarness } from '../../helpers/engine-harness.ts';

const oneAttemptMore = new df.RetryOptions(1_000, 2);

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

  test('fail when they take longer than the function timeout', async () => {
    const never = Promise.withResolvers<string>();
    const { engine, clock, errors, status } = createHarness(
      app => {
        app.activity('hang', { handler: () => never.promise });
        app.orchestration('waits', function* ({ df: durable }) {
          try {
            yield durable.callActivity('hang');
          } catch (error) {
            return (error as Error).message;
          }
          return 'not reached';
        });
      },
      { limits: { functionTimeoutMs: 60_000 } },
    );
    const { instanceId } = engine.startInstance({ name: 'waits', inputJson: 'null' });
    while (clock.nextCallAtMs() === undefined) await new Promise(resolve => setImmediate(resolve));
    clock.advanceBy(59_999);
    expect(clock.nextCallAtMs()).toBe(clock.nowMs() + 1);
    clock.advanceBy(1);
    await engine.idle();
    never.resolve('too late');
    await engine.idle();
    expect(status(instanceId).output).toMatch(/^Activity function 'hang' failed: {2}Timeout value of 60 s/);
    expect(errors).toHaveLength(1);
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

describe('retries', () => {
  function flaky(failures: number, attempts: number) {
    let calls = 0;
    const harness = createHarness(app => {
      app.activity('flaky', {
        handler: () => {
          calls += 1;
          if (calls <= failures) throw new Error(`failure ${calls}`);
          return calls;
        },
      });
      app.activity('next', { handler: () => 'next' });
      app.orchestration('stubborn', function* ({ df: durable }) {
        const options = new df.RetryOptions(1_000, attempts);
        options.backoffCoefficient = 2;
        try {
          return yield durable.callActivityWithRetry('flaky', options);
        } catch (error) {
          return [(error as Error).message.split(' \n')[0], yield durable.callActivity('next')];
        }
      });
    });
    return { ...harness, callCount: () => calls };
  }

  test('wait by the backoff, then succeed', async () => {
    const { run, pass, status, callCount, trace } = flaky(2, 5);
    const id = await run('stubborn');
    await pass(999);
    expect(callCount()).toBe(1);
    await pass(1);
    expect(callCount()).toBe(2);
    await pass(1_999);
    expect(callCount()).toBe(2);
    await pass(1);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: 3 });
    expect(trace(id).filter(each => each.includes('#'))).toEqual(['4#0', '10#1', '4#2', '10#3', '4#4', '1#5']);
  });

  test('that are used up surface the last error after one timer more', async () => {
    const { run, pass, status, trace } = flaky(99, 3);
    const id = await run('stubborn');
    await pass(3_000);
    expect(status(id).output).toEqual(["Activity function 'flaky' failed:  failure 3", 'next']);
    expect(trace(id).filter(each => each.includes('#'))).toEqual([
      ...['4#0', '10#1', '4#2', '10#3', '4#4', '10#5'],
      ...['4#6', '1#7'],
    ]);
  });

  test('never wait longer than the longest interval', async () => {
    const waits: number[] = [];
    const { run, pass, engine } = createHarness(app => {
      app.activity('fails', { handler: () => Promise.reject(new Error('no')) });
      app.orchestration('capped', function* ({ df: durable }) {
        const options = new df.RetryOptions(1_000, 4);
        options.backoffCoefficient = 10;
        options.maxRetryIntervalInMilliseconds = 5_000;
        yield durable.callActivityWithRetry('fails', options);
      });
    });
    const id = await run('capped');
    await pass(60_000);
    for (const event of engine.getHistory(id)) {
      if ('FireAt' in event && 'TimerId' in event === false)
        waits.push(Date.parse(event.FireAt) - Date.parse(event.Timestamp));
    }
    expect(waits).toEqual([1_000, 5_000, 5_000, 0]);
  });

  test('of several calls that fail together keep their ids apart', async () => {
    const attempts = new Map<number, number>();
    const { run, pass, status, errors } = createHarness(app => {
      app.activity('twice', {
        handler: (index: number) => {
          const attempt = (attempts.get(index) ?? 0) + 1;
          attempts.set(index, attempt);
          if (attempt === 1) throw new Error('first attempt');
          return index * 10;
        },
      });
      app.orchestration('together', function* ({ df: durable }) {
        return yield durable.Task.all(
          [1, 2, 3].map(index => durable.callActivityWithRetry('twice', oneAttemptMore, index)),
        );
      });
    });
    const id = await run('together');
    await pass(1_000);
    expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: [10, 20, 30] });
    expect(errors).toEqual([]);
  });
});

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
    ['an entity', 'entity', 'it uses CallEntity, which this local host does not offer'],
    ['an HTTP call', 'http', 'it uses CallHttp, which this local host does not offer'],
  ])('fail visibly when %s is missing', async (_, name, text) => {
    const { run, status } = createHarness(app => {
      app.orchestration('nowhere', function* ({ df: durable }) {
        yield durable.Task.all([durable.callActivity('nowhere')]);
      });
      app.orchestration('childless', function* ({ df: durable }) {
        yield durable.callSubOrchestrator('nobody');
      });
      app.orchestration('entity', function* ({ df: durable }) {
        yield durable.callEntity(new df.EntityId('counter', 'one'), 'get');
      });
      app.orchestration('http', function* ({ df: durable }) {
        yield durable.callHttp({ method: 'GET', url: 'http://localhost/' });
      });
    });
    expect(status(await run(name))).toMatchObject({
      runtimeStatus: 'Failed',
      output: `Orchestrator function '${name}' failed: ${text}`,
    });
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
