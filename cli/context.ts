import { setTimeout as delay } from 'node:timers/promises';
import { createTerminal, type Terminal } from './terminal.ts';

/** What commands take from the world around them. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
  /** Resolves after the time; rejects when the signal aborts. */
  wait(delayMs: number, signal: AbortSignal): Promise<void>;
}

/** The world as it is. */
export function systemContext(signal: AbortSignal): Context {
  return {
    env: process.env,
    terminal: createTerminal(signal),
    signal,
    nowMs: () => Date.now(),
    wait: (delayMs, waitSignal) => delay(delayMs, undefined, { signal: waitSignal }),
  };
}
