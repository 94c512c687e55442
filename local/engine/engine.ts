import type { Engine } from './api.ts';
import { createControl } from './control.ts';
import { createDispatcher, type EngineLimits } from './dispatcher.ts';
import { type Latency, withLatency } from './latency.ts';
import { createPump } from './pump.ts';
import { createFunctionLookup, type EngineServices } from './services.ts';
import { DEFAULT_STEP_SETTINGS, type StepSettings } from './step/step.ts';

/** What an engine is made of. */
export interface EngineOptions extends Pick<EngineServices, 'store' | 'worker' | 'clock' | 'log'> {
  readonly limits: EngineLimits;
  /** Default: the real host's on Azure Storage. */
  readonly settings?: Partial<StepSettings>;
  /** Whether a start may take the id of an instance that has not ended. Default: only of one that has. */
  readonly overridableExistingInstanceStates?: 'NonRunningStates' | 'AnyState';
  /** Delays all that is delivered. Default: no delays. */
  readonly latency?: Latency;
  /** Makes the HTTP calls of orchestrators. Default: the global one. */
  readonly fetch?: typeof globalThis.fetch;
  /** Aborting it ends HTTP calls in flight; they are made again by a later engine. */
  readonly closing?: AbortSignal;
  /**
   * Called once when the store or the engine itself fails. Nothing more is started then; what is stored is whole.
   * Default: the error is thrown where nothing catches it, which ends the process.
   */
  readonly onFatal?: (error: unknown) => void;
}

/** The engine, with what a test needs to go step by step. */
export interface DurableEngine extends Engine {
  /**
   * One round without the pump: delivers what is due, starts what the limits allow, and waits for that to end.
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
  /** The instant of the next timer or other delivery that is not due yet; milliseconds since 1970. */
  nextDueAtMs(): number | undefined;
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
  const { worker, clock, log, limits, latency, onFatal = throwUncaught } = options;
  const store = latency ? withLatency(options.store, clock, latency) : options.store;
  const services: EngineServices = {
    store,
    worker,
    clock,
    log,
    fetch: options.fetch ?? globalThis.fetch,
    closing: options.closing ?? new AbortController().signal,
    settings: { ...DEFAULT_STEP_SETTINGS, ...options.settings },
    isRegistered: createFunctionLookup(worker),
  };
  const dispatcher = createDispatcher(services, limits);
  const pump = createPump(services, dispatcher, onFatal);
  const control = createControl(services, {
    overridesRunning: options.overridableExistingInstanceStates === 'AnyState',
    wake(id) {
      dispatcher.wake(id);
      pump.wake();
    },
  });
  return {
    ...control,
    start: pump.start,
    stop: pump.stop,
    idle: pump.idle,
    nextDueAtMs: dispatcher.nextDueAtMs,
    async tick() {
      const started = dispatcher.dispatch();
      await Promise.all(started);
      return started.length > 0;
    },
  };
}
