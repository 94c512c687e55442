import { runActivity } from './activity.ts';
import { backoffMs } from './clock.ts';
import { runBatch, runEpisode, type WorkEnd } from './episode.ts';
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

/** Waits before work that did not come to its end is run again. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

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
    remove: (id: string) => void ready.delete(id),
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

/** Work that did not come to its end, and when it is run again. */
function createPostponed() {
  const byId = new Map<string, { readonly failures: number; readonly atMs: number; isWaiting: boolean }>();
  return {
    /** @param isFree - whether the first repetition comes at once */
    add(id: string, nowMs: number, isFree: boolean): void {
      const failures = (byId.get(id)?.failures ?? 0) + 1;
      const waits = isFree ? failures - 1 : failures;
      const waitMs = waits === 0 ? 0 : backoffMs(waits, FIRST_WAIT_MS, LONGEST_WAIT_MS);
      byId.set(id, { failures, atMs: nowMs + waitMs, isWaiting: true });
    },
    forget: (id: string) => void byId.delete(id),
    has: (id: string) => byId.has(id),
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
  const episodes = createLane(limits.maxConcurrentOrchestratorFunctions, async instanceId =>
    conclude(instanceId, await runEpisode(services, cache, instanceId, postponed.has(instanceId))),
  );
  const batches = createLane(limits.maxConcurrentEntityFunctions, async entityId => {
    conclude(entityId, await runBatch(services, entityId));
    if (postponed.isWaiting(entityId)) batches.remove(entityId);
  });
  /** Activities whose worker died, by the key under which they are postponed. */
  const brokenActivities = new Map<string, ActivityTask>();
  let activityCount = 0;
  // Activities are stored until they end. Those up to this one have been started by this dispatcher.
  let lastActivitySeq = 0;

  function conclude(id: string, end: WorkEnd): void {
    if ('brokenBy' in end) {
      postponed.add(id, clock.nowMs(), end.brokenBy === 'lost');
      return;
    }
    postponed.forget(id);
    for (const wokenId of end.woken) wake(wokenId);
  }

  // An entity's failed batch is not tried before its time; an orchestration is, because the message may be to terminate it.
  function wake(id: string): void {
    if (!isEntityId(id)) episodes.add(id);
    else if (!postponed.isWaiting(id)) batches.add(id);
  }

  async function runOneActivity(task: ActivityTask): Promise<void> {
    const key = `activity ${task.seq}`;
    lastActivitySeq = Math.max(lastActivitySeq, task.seq);
    activityCount += 1;
    try {
      brokenActivities.delete(key);
      const end = await runActivity(services, task, postponed.has(key));
      conclude(key, end);
      if ('brokenBy' in end) brokenActivities.set(key, task);
    } finally {
      activityCount -= 1;
    }
  }

  function startActivities(): Promise<void>[] {
    const freeCount = limits.maxConcurrentActivityFunctions - activityCount;
    if (freeCount <= 0) return [];
    const again = [...brokenActivities].filter(([key]) => !postponed.isWaiting(key)).map(([, task]) => task);
    const tasks = again.slice(0, freeCount);
    if (tasks.length < freeCount) tasks.push(...store.readActivities(lastActivitySeq, freeCount - tasks.length));
    return tasks.map(runOneActivity);
  }

  for (const id of store.instancesWithMessages()) wake(id);
  return {
    wake,
    dispatch() {
      const nowMs = clock.nowMs();
      for (const id of store.deliverDue(nowMs)) wake(id);
      for (const id of postponed.takeDue(nowMs)) if (!brokenActivities.has(id)) wake(id);
      return [...episodes.start(), ...batches.start(), ...startActivities()];
    },
    nextDueAtMs() {
      const atMs = Math.min(store.nextDueAtMs() ?? Number.POSITIVE_INFINITY, postponed.nextAtMs());
      return Number.isFinite(atMs) ? atMs : undefined;
    },
    isBusy: () => episodes.busyCount() + batches.busyCount() + activityCount > 0,
  };
}
