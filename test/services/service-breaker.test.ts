import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createServiceBreaker, createServiceBreakers } from '../../src/services/service-breaker.ts';
import { createVirtualTime } from '../helpers/virtual-time.ts';

const OPEN_MS = 10_000;

function createBench() {
  let nowMs = 1_000;
  const breaker = createServiceBreaker(() => nowMs);
  const run = <T>(task: () => Promise<T>) => breaker.run<T | string>(task, untilMs => `refused until ${untilMs}`);
  return {
    ...breaker,
    run,
    /** Starts a task that ends when it is told to. */
    start() {
      const end = Promise.withResolvers<string>();
      let hasStarted = false;
      const came = run(() => {
        hasStarted = true;
        return end.promise;
      });
      return { came, end: () => end.resolve('ran'), hasStarted: () => hasStarted };
    },
    fail: (times: number) => {
      for (let n = 0; n < times; n++) breaker.note('failed');
    },
    pass: (durationMs: number) => {
      nowMs += durationMs;
    },
    nowMs: () => nowMs,
  };
}

const turn = () => new Promise(resolve => setImmediate(resolve));

describe('a breaker', () => {
  test('opens at the eighth failure in a row, for ten seconds', async () => {
    const { fail, note, run, pass, openUntilMs } = createBench();
    fail(7);
    note('alive');
    fail(7);
    expect(openUntilMs()).toBeNull();
    expect(await run(async () => 'ran')).toBe('ran');
    fail(1);
    expect(openUntilMs()).toBe(1_000 + OPEN_MS);
    expect(await run(async () => 'ran')).toBe('refused until 11000');
    pass(OPEN_MS - 1);
    expect(openUntilMs()).toBe(1_000 + OPEN_MS);
    pass(1);
    expect(openUntilMs()).toBeNull();
  });

  test('takes an answer to a call from before the failures for less', () => {
    const { fail, note, pass, openUntilMs, nowMs } = createBench();
    const before = nowMs();
    pass(1_000);
    fail(7);
    note('alive', before);
    fail(1);
    expect(openUntilMs()).toBeNull();
    fail(1);
    expect(openUntilMs()).not.toBeNull();
    note('alive', before);
    expect(openUntilMs()).not.toBeNull();
  });

  test('leaves the service alone for as long as it asked, whatever comes in meanwhile, but ten minutes at most', () => {
    const { hold, note, pass, openUntilMs, nowMs } = createBench();
    hold(120_000);
    note('alive');
    expect(openUntilMs()).toBe(nowMs() + 120_000);
    pass(120_000);
    expect(openUntilMs()).toBeNull();
    hold(86_400_000);
    expect(openUntilMs()).toBe(nowMs() + 600_000);
  });

  test('is opened again by one failure, and closed by one sign of life', () => {
    const { fail, note, pass, openUntilMs, nowMs } = createBench();
    fail(8);
    pass(OPEN_MS);
    fail(1);
    expect(openUntilMs()).toBe(nowMs() + OPEN_MS);
    pass(OPEN_MS);
    note('alive');
    fail(7);
    expect(openUntilMs()).toBeNull();
  });

  test('closes at once by a sign of life of a call that was begun before it opened', async () => {
    const { fail, note, run } = createBench();
    fail(8);
    note('alive');
    expect(await run(async () => 'ran')).toBe('ran');
  });

  test('lets one task go first when its time is over; the others wait for what it shows', async () => {
    const { fail, pass, start, note } = createBench();
    fail(8);
    pass(OPEN_MS);
    const [probe, ...others] = [start(), start(), start()];
    await turn();
    expect([probe, ...others].map(task => task?.hasStarted())).toEqual([true, false, false]);
    note('failed');
    expect(await Promise.all(others.map(({ came }) => came))).toEqual(Array(2).fill('refused until 21000'));
    probe?.end();
    expect(await probe?.came).toBe('ran');

    pass(OPEN_MS);
    const again = [start(), start(), start()];
    await turn();
    note('alive');
    await turn();
    expect(again.map(task => task.hasStarted())).toEqual([true, true, true]);
  });

  test('goes on with the next one when the one that went first shows nothing', async () => {
    const { fail, pass, start } = createBench();
    fail(8);
    pass(OPEN_MS);
    const [first, second] = [start(), start()];
    await turn();
    first.end();
    await first.came;
    await turn();
    expect(second.hasStarted()).toBe(true);
  });

  test.each([
    [0, 12],
    [2, 12],
    [3, 5],
    [5, 3],
    [7, 1],
  ])('after %d failures in a row lets %d of twelve run at one time', async (failures, running) => {
    const { fail, start } = createBench();
    fail(failures);
    const tasks = Array.from({ length: 12 }, start);
    await turn();
    expect(tasks.filter(task => task.hasStarted())).toHaveLength(running);
  });

  test.each([
    [0, true],
    [2, true],
    [3, false],
    [8, false],
  ])('after %d failures in a row allows to repeat at once: %s', (failures, may) => {
    const { fail, mayRepeat } = createBench();
    fail(failures);
    expect(mayRepeat()).toBe(may);
  });

  test('is free again after a task that throws', async () => {
    const { fail, run, start } = createBench();
    fail(7);
    await expect(run(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(start().hasStarted()).toBe(true);
  });
});

test('every deployment has its own', () => {
  const breakers = createServiceBreakers(() => 1_000);
  for (let n = 0; n < 8; n++) breakers('a').note('failed');
  expect(breakers('a').openUntilMs()).toBe(11_000);
  expect(breakers('b').openUntilMs()).toBeNull();
});

test('however calls come, it never opens while every other one succeeds', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 20_000 }), { maxLength: 100 }), gapsMs => {
      const { note, pass, openUntilMs } = createBench();
      for (const [n, gapMs] of gapsMs.entries()) {
        note(n % 2 === 0 ? 'failed' : 'alive');
        expect(openUntilMs()).toBeNull();
        pass(gapMs);
      }
    }),
  );
});

test('a service that is down is called by n processes of C calls n * max(C + 2, 8) times, then once in ten seconds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 0, max: 60_000 }),
      async (processes, concurrency, latenciesMs, durationMs) => {
        const time = createVirtualTime(0, () => 0);
        let calls = 0;
        const call = () => time.sleep(latenciesMs[calls++ % latenciesMs.length] ?? 0);
        for (let n = 0; n < processes; n++) {
          const breaker = createServiceBreaker(time.nowMs);
          const worker = async () => {
            while (time.nowMs() < durationMs) {
              const untilMs = await breaker.run(
                async () => {
                  await call();
                  breaker.note('failed');
                  return time.nowMs();
                },
                refusedUntilMs => refusedUntilMs,
              );
              await time.sleep(untilMs - time.nowMs());
            }
          };
          for (let permit = 0; permit < concurrency; permit++) void worker();
        }
        await time.passUntil(durationMs);
        expect(calls).toBeLessThanOrEqual(processes * (Math.max(concurrency + 2, 8) + Math.ceil(durationMs / OPEN_MS)));
      },
    ),
    { numRuns: 100 },
  );
});
