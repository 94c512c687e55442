import pLimit, { type LimitFunction } from 'p-limit';

/** Bounds what runs at one time, by key, within this process. */
export interface Permits {
  /** Runs a task as soon as fewer than `concurrency` tasks of that key are running. */
  run<T>(key: string, concurrency: number, task: () => Promise<T>): Promise<T>;
}

/** One queue for each key that has work; the number holds from a key's first task until it has none left. */
export function createPermits(): Permits {
  const queues = new Map<string, { limit: LimitFunction; users: number }>();
  return {
    async run(key, concurrency, task) {
      const queue = queues.get(key) ?? { limit: pLimit(concurrency), users: 0 };
      queues.set(key, queue);
      queue.users += 1;
      try {
        return await queue.limit(task);
      } finally {
        queue.users -= 1;
        if (queue.users === 0) queues.delete(key);
      }
    },
  };
}
