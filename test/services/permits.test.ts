import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createPermits, type Permits } from '../../src/services/permits.ts';

/** Tasks that end when they are told to, and the count of those that run. */
function createTasks(permits: Permits) {
  const ends: PromiseWithResolvers<void>[] = [];
  let running = 0;
  let most = 0;
  return {
    start(key: string, concurrency: number): Promise<void> {
      return permits.run(key, concurrency, async () => {
        running += 1;
        most = Math.max(most, running);
        const end = Promise.withResolvers<void>();
        ends.push(end);
        await end.promise;
        running -= 1;
      });
    },
    /** How many run, once everything that can start has started. */
    async running(): Promise<number> {
      await new Promise(resolve => setImmediate(resolve));
      return running;
    },
    async endAll(): Promise<void> {
      while ((await this.running()) > 0) for (const end of ends.splice(0)) end.resolve();
    },
    endOne: () => ends.shift()?.resolve(),
    most: () => most,
  };
}

describe('permits', () => {
  test('let the number run, the next one as soon as one ends', async () => {
    const tasks = createTasks(createPermits());
    const all = Promise.all(Array.from({ length: 7 }, () => tasks.start('run', 3)));
    expect(await tasks.running()).toBe(3);
    tasks.endOne();
    expect(await tasks.running()).toBe(3);
    await tasks.endAll();
    await all;
    expect(tasks.most()).toBe(3);
  });

  test('reach the smaller of number and tasks, and never more', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 40 }), async (concurrency, count) => {
        const tasks = createTasks(createPermits());
        const all = Promise.all(Array.from({ length: count }, () => tasks.start('run', concurrency)));
        await tasks.endAll();
        await all;
        expect(tasks.most()).toBe(Math.min(concurrency, count));
      }),
      { numRuns: 50 },
    );
  });

  test('of one key do not bound another', async () => {
    const tasks = createTasks(createPermits());
    const all = ['a', 'a', 'b', 'b'].map(key => tasks.start(key, 1));
    expect(await tasks.running()).toBe(2);
    await tasks.endAll();
    await Promise.all(all);
  });

  test('keep a key to its first number while it has work, and forget it then', async () => {
    const tasks = createTasks(createPermits());
    const first = [1, 5, 5].map(concurrency => tasks.start('run', concurrency));
    expect(await tasks.running()).toBe(1);
    await tasks.endAll();
    await Promise.all(first);
    const second = [5, 5, 5].map(concurrency => tasks.start('run', concurrency));
    expect(await tasks.running()).toBe(3);
    await tasks.endAll();
    await Promise.all(second);
  });

  test('pass on what a task answers or throws, and are free again after either', async () => {
    const permits = createPermits();
    expect(await permits.run('run', 1, async () => 42)).toBe(42);
    await expect(permits.run('run', 1, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(await permits.run('run', 1, async () => 43)).toBe(43);
  });
});
