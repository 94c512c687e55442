import { runActivity } from './activity.ts';
import { runBatch, runEpisode } from './episode.ts';
import { createHistoryCache } from './history-cache.ts';
import { isEntityId } from './protocol/entities.ts';
import type { EngineServices } from './services.ts';
import type { ActivityTask } from './store/store.ts';

/** How much runs at once. */
export interface EngineLimits {
  readonly maxConcurrentActivityFunctions: number;
  /** Episodes at once, each of another instance. */
  readonly maxConcurrentOrchestratorFunctions: number;
  /** Batches at once, each of another entity. */
  readonly maxConcurrentEntityFunctions: number;
}

/** Knows what is due and what runs. */
export interface Dispatcher {
  /** Notes that an instance or entity has a message. */
  wake(id: string): void;
  /**
   * Delivers what is due and starts what is ready, within the limits: one step at a time per instance or entity, activities
   * in the order of their calls.
   *
   * @returns one promise for each thing started; it rejects only when the store or the engine itself fails
   */
  dispatch(): readonly Promise<void>[];
  /** The instant at which something will be due that is not yet; milliseconds since 1970. */
  nextDueAtMs(): number | undefined;
  isBusy(): boolean;
}

/** Waits before a batch that failed as a whole is run again: twice as long each time, milliseconds. */
const FIRST_BATCH_RETRY_MS = 1_000;
const LONGEST_BATCH_RETRY_MS = 60_000;

/** Those that are ready to run, at most so many at a time and each once. */
function createLane(maxBusy: number, run: (id: string) => Promise<void>) {
  const ready = new Set<string>();
  const busy = new Set<string>();
  async function runOne(id: string): Promise<void> {
    ready.delete(id);
    busy.add(id);
    try {
      await run(id);
    } finally {
      busy.delete(id);
    }
  }
  return {
    add: (id: string) => void ready.add(id),
    busyCount: () => busy.size,
    start(): Promise<void>[] {
      const started: Promise<void>[] = [];
      for (const id of ready) {
        if (busy.size >= maxBusy) break;
        if (!busy.has(id)) started.push(runOne(id));
      }
      return started;
    },
  };
}

/** Entities whose batch failed, and when it is run again. */
function createPostponed() {
  const byId = new Map<string, { readonly failures: number; readonly atMs: number; isWaiting: boolean }>();
  return {
    add(id: string, nowMs: number): void {
      const failures = (byId.get(id)?.failures ?? 0) + 1;
      const delayMs = Math.min(FIRST_BATCH_RETRY_MS * 2 ** (failures - 1), LONGEST_BATCH_RETRY_MS);
      byId.set(id, { failures, atMs: nowMs + delayMs, isWaiting: true });
    },
    forget: (id: string) => void byId.delete(id),
    isWaiting: (id: string) => byId.get(id)?.isWaiting === true,
    takeDue(nowMs: number): string[] {
      const due = [...byId].filter(([, { isWaiting, atMs }]) => isWaiting && atMs <= nowMs);
      for (const [, each] of due) each.isWaiting = false;
      return due.map(([id]) => id);
    },
    nextAtMs: () => Math.min(...[...byId.values()].filter(each => each.isWaiting).map(({ atMs }) => atMs)),
  };
}

/** Makes a dispatcher; what the store holds unfinished is due at once. */
export function createDispatcher(services: EngineServices, limits: EngineLimits): Dispatcher {
  const { store, clock } = services;
  const cache = createHistoryCache(store);
  const postponed = createPostponed();
  const episodes = createLane(limits.maxConcurrentOrchestratorFunctions, async instanceId => {
    for (const id of await runEpisode(services, cache, instanceId)) wake(id);
  });
  const batches = createLane(limits.maxConcurrentEntityFunctions, async entityId => {
    const end = await runBatch(services, entityId);
    if (end === 'failed') {
      postponed.add(entityId, clock.nowMs());
      return;
    }
    postponed.forget(entityId);
    for (const id of end.woken) wake(id);
  });
  let activityCount = 0;
  // Activities are stored until they end. Those up to this one have been started by this dispatcher.
  let lastActivitySeq = 0;

  function wake(id: string): void {
    if (!isEntityId(id)) episodes.add(id);
    else if (!postponed.isWaiting(id)) batches.add(id);
  }

  async function runOneActivity(task: ActivityTask): Promise<void> {
    lastActivitySeq = task.seq;
    activityCount += 1;
    try {
      if (await runActivity(services, task)) wake(task.instanceId);
    } finally {
      activityCount -= 1;
    }
  }

  for (const id of store.instancesWithMessages()) wake(id);
  return {
    wake,
    dispatch() {
      const nowMs = clock.nowMs();
      for (const id of store.deliverDue(nowMs)) wake(id);
      for (const id of postponed.takeDue(nowMs)) wake(id);
      const started = [...episodes.start(), ...batches.start()];
      const freeCount = limits.maxConcurrentActivityFunctions - activityCount;
      if (freeCount > 0) started.push(...store.readActivities(lastActivitySeq, freeCount).map(runOneActivity));
      return started;
    },
    nextDueAtMs() {
      const atMs = Math.min(store.nextDueAtMs() ?? Number.POSITIVE_INFINITY, postponed.nextAtMs());
      return Number.isFinite(atMs) ? atMs : undefined;
    },
    isBusy: () => episodes.busyCount() + batches.busyCount() + activityCount > 0,
  };
}
