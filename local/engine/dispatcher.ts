import { runActivity } from './activity.ts';
import { runEpisode } from './episode.ts';
import { createHistoryCache } from './history-cache.ts';
import type { EngineServices } from './services.ts';
import type { ActivityTask } from './store/store.ts';

/** How much runs at once, and for how long. */
export interface EngineLimits {
  readonly maxConcurrentActivityFunctions: number;
  /** Episodes at once, each of another instance. */
  readonly maxConcurrentOrchestratorFunctions: number;
  /** After that an activity counts as failed. Milliseconds. */
  readonly functionTimeoutMs: number;
}

/** Knows what is due and what runs. */
export interface Dispatcher {
  /** Notes that an instance has a message. */
  wake(instanceId: string): void;
  /**
   * Fires due timers and starts what is due, within the limits: one episode at a time per instance, activities in the order
   * of their calls.
   *
   * @returns one promise for each thing started; it rejects only when the store or the engine itself fails
   */
  dispatch(): readonly Promise<void>[];
  isBusy(): boolean;
}

/** Makes a dispatcher; what the store holds unfinished is due at once. */
export function createDispatcher(services: EngineServices, limits: EngineLimits): Dispatcher {
  const { store, clock } = services;
  const cache = createHistoryCache(store);
  const ready = new Set(store.instancesWithMessages());
  const busyInstances = new Set<string>();
  let activityCount = 0;
  // Activities are stored until they end. Those up to this one have been started by this dispatcher.
  let lastActivitySeq = 0;

  async function runOneEpisode(instanceId: string): Promise<void> {
    ready.delete(instanceId);
    busyInstances.add(instanceId);
    try {
      for (const wokenId of await runEpisode(services, cache, instanceId)) ready.add(wokenId);
    } finally {
      busyInstances.delete(instanceId);
    }
  }

  async function runOneActivity(task: ActivityTask): Promise<void> {
    lastActivitySeq = task.seq;
    activityCount += 1;
    try {
      if (await runActivity(services, limits.functionTimeoutMs, task)) ready.add(task.instanceId);
    } finally {
      activityCount -= 1;
    }
  }

  return {
    wake: instanceId => void ready.add(instanceId),
    dispatch() {
      const started: Promise<void>[] = [];
      for (const instanceId of store.fireTimers(clock.nowMs())) ready.add(instanceId);
      for (const instanceId of ready) {
        if (busyInstances.size >= limits.maxConcurrentOrchestratorFunctions) break;
        if (!busyInstances.has(instanceId)) started.push(runOneEpisode(instanceId));
      }
      const freeCount = limits.maxConcurrentActivityFunctions - activityCount;
      if (freeCount > 0) started.push(...store.readActivities(lastActivitySeq, freeCount).map(runOneActivity));
      return started;
    },
    isBusy: () => busyInstances.size + activityCount > 0,
  };
}
