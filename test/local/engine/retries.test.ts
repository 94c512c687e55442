import { describe, expect, test } from 'vitest';
import { df } from '../../helpers/durable-app.ts';
import { createHarness } from '../../helpers/engine-harness.ts';

const oneAttemptMore = new df.RetryOptions(1_000, 2);

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
