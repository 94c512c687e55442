import { setTimeout as delay } from 'node:timers/promises';
import { type TimeScale, virtualNowMs } from './environment.ts';

const MINUTE_MS = 60_000;
/** Real time between two looks, once it may be over at any moment. */
const POLL_MS = 25;
/** Before that. */
const SELDOM_MS = 1_000;

/** When to look, in real milliseconds from now. */
export interface Looks {
  /** It cannot be there before. */
  readonly notBeforeMs: number;
  readonly giveUpMs: number;
}

/**
 * Looks again and again until there is something to see: seldom before it can be there, every 25 real ms from then on.
 *
 * @param look - null while there is nothing yet
 * @throws when there is nothing to see after `giveUpMs`
 */
export async function pollFor<T>(look: () => Promise<T | null>, { notBeforeMs, giveUpMs }: Looks): Promise<T> {
  const begunMs = performance.now();
  for (;;) {
    const seen = await look();
    if (seen !== null) return seen;
    const passedMs = performance.now() - begunMs;
    if (passedMs > giveUpMs) throw new Error(`Not at its end after ${Math.round(passedMs / 1_000)} s`);
    await delay(Math.max(POLL_MS, Math.min(SELDOM_MS, notBeforeMs - passedMs)));
  }
}

/** Waits for the middle of a virtual minute: limits count by minutes, and whoever begins does so in the middle of one in the mean. */
export function middleOfMinute(time: TimeScale): Promise<void> {
  const pastMs = virtualNowMs(time) % MINUTE_MS;
  return delay(((MINUTE_MS * 1.5 - pastMs) % MINUTE_MS) / time.scale);
}
