import type { Engine } from './api.ts';
import { createControl } from './control.ts';
import { createDispatcher, type EngineLimits } from './dispatcher.ts';
import { DEFAULT_PAYLOAD_SETTINGS, type PayloadSettings } from './protocol/payloads.ts';
import { createPump } from './pump.ts';
import { createFunctionLookup, type EngineServices } from './services.ts';

/** What an engine is made of. */
export interface EngineOptions extends Omit<EngineServices, 'settings' | 'isRegistered'> {
  readonly limits: EngineLimits;
  /** Default: the real host's on Azure Storage. */
  readonly settings?: Partial<PayloadSettings>;
  /**
   * Called once when the store or the engine itself fails. Nothing more is started then; what is stored is whole.
   * Default: the error is thrown where nothing catches it, which ends the process.
   */
  readonly onFatal?: (error: unknown) => void;
}

/** The engine, with what a test needs to go step by step. */
export interface DurableEngine extends Engine {
  /**
   * One round without the pump: fires due timers, starts what the limits allow, and waits for that to end.
   *
   * @returns whether there was anything to do
   */
  tick(): Promise<boolean>;
  /**
   * Resolves when nothing runs and nothing is due; timers of the future do not count. Needs the pump.
   *
   * @throws what the engine failed with
   */
  idle(): Promise<void>;
}

function throwUncaught(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

/**
 * Makes an engine that runs an app's orchestrations on a store. What an earlier engine left unfinished there goes on, and
 * activities that were in flight run again.
 *
 * @param options.store - used by this engine alone; the caller closes it after `stop`
 */
export function createEngine(options: EngineOptions): DurableEngine {
  const { limits, onFatal = throwUncaught, ...given } = options;
  const services: EngineServices = {
    ...given,
    settings: { ...DEFAULT_PAYLOAD_SETTINGS, ...options.settings },
    isRegistered: createFunctionLookup(options.worker),
  };
  const dispatcher = createDispatcher(services, limits);
  const pump = createPump(services, dispatcher, onFatal);
  const control = createControl(services, instanceId => {
    dispatcher.wake(instanceId);
    pump.wake();
  });
  return {
    ...control,
    start: pump.start,
    stop: pump.stop,
    idle: pump.idle,
    async tick() {
      const started = dispatcher.dispatch();
      await Promise.all(started);
      return started.length > 0;
    },
  };
}
