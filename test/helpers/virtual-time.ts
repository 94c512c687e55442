import type { Waiting } from '../../src/activities/ask-model.ts';

/** Time that passes only while everybody sleeps. */
export interface VirtualTime extends Waiting {
  /** Lets time pass until the instant, sleeper by sleeper. */
  passUntil(untilMs: number): Promise<void>;
}

/** A clock for simulations with many sleepers; chance comes from outside. */
export function createVirtualTime(startMs: number, random: () => number): VirtualTime {
  const sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  let nowMs = startMs;
  return {
    random,
    nowMs: () => nowMs,
    sleep: delayMs =>
      new Promise(wake => {
        const atMs = nowMs + delayMs;
        const place = sleepers.findLastIndex(sleeper => sleeper.atMs <= atMs) + 1;
        sleepers.splice(place, 0, { atMs, wake });
      }),
    async passUntil(untilMs) {
      for (;;) {
        // Whatever waits for nothing goes on first.
        await new Promise(resolve => setImmediate(resolve));
        const next = sleepers[0];
        if (!next || next.atMs > untilMs) break;
        nowMs = next.atMs;
        while (sleepers[0] && sleepers[0].atMs <= nowMs) sleepers.shift()?.wake();
      }
      nowMs = untilMs;
    },
  };
}
