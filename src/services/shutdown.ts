/** The end of this process, as the app's services see it. */
export interface Shutdown {
  /** Aborted when the end begins. */
  readonly signal: AbortSignal;
  /** Runs a task whose end is waited for before the process may end. */
  hold<T>(task: () => Promise<T>): Promise<T>;
  /** Begins the end; resolves once nothing is held any more. */
  begin(): Promise<void>;
}

/** A process that has not begun to end. */
export function createShutdown(): Shutdown {
  const ending = new AbortController();
  const held = new Set<Promise<unknown>>();
  return {
    signal: ending.signal,

    async hold(task) {
      const running = task();
      held.add(running);
      try {
        return await running;
      } finally {
        held.delete(running);
      }
    },

    async begin() {
      ending.abort();
      while (held.size > 0) await Promise.allSettled(held);
    },
  };
}
