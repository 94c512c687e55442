import { describe, expect, test } from 'vitest';
import { createShutdown } from '../../src/services/shutdown.ts';

describe('the end of the process', () => {
  test('is told by the signal, and waits for what is held', async () => {
    const shutdown = createShutdown();
    const task = Promise.withResolvers<number>();
    const held = shutdown.hold(() => task.promise);
    expect(shutdown.signal.aborted).toBe(false);
    const order: string[] = [];
    const gone = shutdown.begin().then(() => order.push('gone'));
    expect(shutdown.signal.aborted).toBe(true);
    await new Promise(resolve => setImmediate(resolve));
    order.push('ended');
    task.resolve(42);
    expect(await held).toBe(42);
    await gone;
    expect(order).toEqual(['ended', 'gone']);
  });

  test('waits for what is held after it began, and for nothing that has ended', async () => {
    const shutdown = createShutdown();
    await shutdown.hold(async () => {});
    await expect(shutdown.hold(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const held = [shutdown.hold(() => first.promise)];
    let isGone = false;
    const gone = shutdown.begin().then(() => {
      isGone = true;
    });
    held.push(shutdown.hold(() => second.promise));
    first.resolve();
    await held[0];
    await new Promise(resolve => setImmediate(resolve));
    expect(isGone).toBe(false);
    second.resolve();
    await gone;
  });

  test('comes at once where nothing is held', async () => {
    await createShutdown().begin();
  });
});
