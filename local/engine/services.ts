import type { Clock } from './clock.ts';
import type { Worker } from './protocol/worker.ts';
import type { StepRules } from './step/step.ts';
import type { Store } from './store/store.ts';

/** Takes one log line; `source` is the function that it is about, or `engine`. */
export type EngineLog = (
  level: 'debug' | 'information' | 'warning' | 'error' | 'critical',
  source: string,
  message: string,
) => void;

/** What the engine's parts work with. */
export interface EngineServices extends StepRules {
  readonly store: Store;
  readonly worker: Worker;
  readonly clock: Clock;
  readonly log: EngineLog;
  /** Makes the HTTP calls of orchestrators. */
  readonly fetch: typeof globalThis.fetch;
  /** Aborted when the engine stops. */
  readonly closing: AbortSignal;
}

/**
 * Looks up what the app registers, in any case of the name.
 *
 * @returns whether there is a function of that kind and name
 */
export function createFunctionLookup({ functions }: Worker): StepRules['isRegistered'] {
  const known = new Set(functions.map(({ kind, name }) => `${kind} ${name.toLowerCase()}`));
  return (kind, name) => known.has(`${kind} ${name.toLowerCase()}`);
}
