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

/** Activities in the order in which they were called, at most so many at a time; those whose worker died come again. */
function createActivityLane(
  store: EngineServices['store'],
  maxBusy: number,
  run: (task: ActivityTask, key: string) => Promise<boolean>,
) {
  /** By the key under which they are postponed. */
  const broken = new Map<string, ActivityTask>();
  let busyCount = 0;
  // Activities are stored until they end. Those up to this one have been started by this dispatcher.
  let lastSeq = 0;
  async function runOne(task: ActivityTask): Promise<void> {
    const key = `activity ${task.seq}`;
    lastSeq = Math.max(lastSeq, task.seq);
    broken.delete(key);
    busyCount += 1;
    try {
      if (!(await run(task, key))) broken.set(key, task);
    } finally {
      busyCount -= 1;
    }
  }
  return {
    isBroken: (key: string) => broken.has(key),
    busyCount: () => busyCount,
    start(isWaiting: (key: string) => boolean): Promise<void>[] {
      const freeCount = maxBusy - busyCount;
      if (freeCount <= 0) return [];
      const again = [...broken].filter(([key]) => !isWaiting(key)).map(([, task]) => task);
      const tasks = again.slice(0, freeCount);
      if (tasks.length < freeCount) tasks.push(...store.readActivities(lastSeq, freeCount - tasks.length));
      return tasks.map(runOne);
    },
  };
}

/** Makes a dispatcher; what the store holds unfinished is due at once. */
export function createDispatcher(services: EngineServices, limits: EngineLimits): Dispatcher {
  const { store, clock } = services;
  const cache = createHistoryCache(store);
  const postponed = createPostponed();
  const episodes = createLane(limits.maxConcurrentOrchestratorFunctions, async instanceId => {
    conclude(instanceId, await runEpisode(services, cache, instanceId, postponed.has(instanceId)));
  });
  const batches = createLane(limits.maxConcurrentEntityFunctions, async entityId => {
    if (!conclude(entityId, await runBatch(services, entityId))) batches.remove(entityId);
  });
  const activities = createActivityLane(store, limits.maxConcurrentActivityFunctions, async (task, key) =>
    conclude(key, await runActivity(services, task, postponed.has(key))),
  );

  /** Returns whether the work has come to its end. */
  function conclude(id: string, end: WorkEnd): boolean {
    if ('brokenBy' in end) {
      postponed.add(id, clock.nowMs(), end.brokenBy === 'lost');
      return false;
    }
    postponed.forget(id);
    for (const wokenId of end.woken) wake(wokenId);
    return true;
  }

  // An entity's failed batch is not tried before its time; an orchestration is, because the message may be to terminate it.
  function wake(id: string): void {
    if (!isEntityId(id)) episodes.add(id);
    else if (!postponed.isWaiting(id)) batches.add(id);
  }

  for (const id of store.instancesWithMessages()) wake(id);
  return {
    wake,
    dispatch() {
      const nowMs = clock.nowMs();
      for (const id of store.deliverDue(nowMs)) wake(id);
      for (const id of postponed.takeDue(nowMs)) if (!activities.isBroken(id)) wake(id);
      return [...episodes.start(), ...batches.start(), ...activities.start(postponed.isWaiting)];
    },
    nextDueAtMs() {
      const atMs = Math.min(store.nextDueAtMs() ?? Number.POSITIVE_INFINITY, postponed.nextAtMs());
      return Number.isFinite(atMs) ? atMs : undefined;
    },
    isBusy: () => episodes.busyCount() + batches.busyCount() + activities.busyCount() > 0,
  };
}
