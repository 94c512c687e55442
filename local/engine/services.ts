import type { Clock } from './clock.ts';
import type { PayloadSettings } from './protocol/payloads.ts';
import type { FunctionKind, InvocationOutcome, RpcTypedData, Worker } from './protocol/worker.ts';
import type { Store } from './store/store.ts';

/** Takes one log line; `source` is the function that it is about, or `engine`. */
export type EngineLog = (
  level: 'debug' | 'information' | 'warning' | 'error' | 'critical',
  source: string,
  message: string,
) => void;

/** What the engine's parts work with. */
export interface EngineServices {
  readonly store: Store;
  readonly worker: Worker;
  readonly clock: Clock;
  readonly settings: PayloadSettings;
  readonly log: EngineLog;
  /** Whether the app registers a function of that kind and name, in any case. */
  isRegistered(kind: FunctionKind, name: string): boolean;
}

/**
 * Looks up what the app registers, in any case of the name.
 *
 * @returns whether there is a function of that kind and name
 */
export function createFunctionLookup({ functions }: Worker): EngineServices['isRegistered'] {
  const known = new Set(functions.map(({ kind, name }) => `${kind} ${name.toLowerCase()}`));
  return (kind, name) => known.has(`${kind} ${name.toLowerCase()}`);
}

/** Runs a function; where the worker itself fails, that is the function's failure. */
export async function invokeSafely(
  worker: Worker,
  name: string,
  trigger: RpcTypedData,
  metadata: Readonly<Record<string, RpcTypedData>> = {},
): Promise<InvocationOutcome> {
  try {
    return await worker.invoke(name, trigger, metadata);
  } catch (error) {
    if (!(error instanceof Error)) return { kind: 'threw', message: String(error), stack: '' };
    return { kind: 'threw', message: error.message, stack: error.stack ?? '' };
  }
}
