import { runActivity } from './activity.ts';
import type { Engine } from './api.ts';
import { createControl } from './control.ts';
import { runEpisode } from './episode.ts';
import { createHistoryCache } from './history-cache.ts';
import { DEFAULT_PAYLOAD_SETTINGS, type PayloadSettings } from './payloads.ts';
import type { EngineServices } from './services.ts';

/** How much runs at once, and for how long. */
export interface EngineLimits {
  readonly maxConcurrentActivityFunctions: number;
  /** Episodes at once, each of another instance. */
  readonly maxConcurrentOrchestratorFunctions: number;
  /** After that an activity counts as failed. Milliseconds. */
  readonly functionTimeoutMs: number;
}

/** What an engine is made of. */
export interface EngineOptions extends Omit<EngineServices, 'settings'> {
  readonly limits: EngineLimits;
  /** Default: the real host's on Azure Storage. */
  readonly settings?: Partial<PayloadSettings>;
  /**
   * Called once when the store or the engine itself fails: nothing runs from then on, and what is stored is whole.
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
  /** Resolves when nothing runs and nothing is due. Timers of the future do not count. */
  idle(): Promise<void>;
}

/**
 * Makes an engine that runs an app's orchestrations on a store. What an earlier engine left unfinished on it goes on, the
 * activities that were in flight once more.
 *
 * @param options.store - used by this engine alone; the caller closes it after `stop`
 */
export function createEngine(options: EngineOptions): DurableEngine {
  const { store, clock, limits, onFatal = throwUncaught } = options;
  const services: EngineServices = { ...options, settings: { ...DEFAULT_PAYLOAD_SETTINGS, ...options.settings } };
  const cache = createHistoryCache(store);
  const ready = new Set(store.instancesWithMessages());
  const busyInstances = new Set<string>();
  const running = new Set<Promise<void>>();
  let activityCount = 0;
  let lastActivitySeq = 0;
  let isPumping = false;
  ...
}
