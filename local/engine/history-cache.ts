import type { HistoryEvent } from './history.ts';
import type { Store, StoredInstance } from './store.ts';

/** How many instances' histories are kept in memory. */
const MAX_CACHED_INSTANCES = 500;

/** A stored history, with its JSON ready to be sent. */
export interface LoadedHistory {
  readonly events: readonly HistoryEvent[];
  /** The events as JSON, separated by commas. */
  readonly json: string;
}

/** Histories of instances that are at work, so that an episode neither reads nor writes out what it knows. */
export interface HistoryCache {
  load(instance: StoredInstance): LoadedHistory;
  /** Notes what an episode has made of the history. */
  put(instance: StoredInstance, history: LoadedHistory): void;
  drop(instanceId: string): void;
}

/** The events as JSON, separated by commas. */
export function eventsToJson(events: readonly HistoryEvent[]): string {
  return events.map(event => JSON.stringify(event)).join(',');
}

/** A history with events added. */
export function appendToHistory({ events, json }: LoadedHistory, added: readonly HistoryEvent[]): LoadedHistory {
  const addedJson = eventsToJson(added);
  return { events: [...events, ...added], json: json ? `${json},${addedJson}` : addedJson };
}

/**
 * Makes a cache in front of the store. The least recently used instance leaves first.
 *
 * @param store - read on a miss; the cache writes nothing
 */
export function createHistoryCache(store: Store): HistoryCache {
  const entries = new Map<string, { readonly executionId: string; readonly history: LoadedHistory }>();
  return {
    load({ instanceId, executionId }) {
      const entry = entries.get(instanceId);
      if (entry?.executionId === executionId) return entry.history;
      const events = store.readHistory(instanceId);
      return { events, json: eventsToJson(events) };
    },
    put({ instanceId, executionId }, history) {
      entries.delete(instanceId);
      entries.set(instanceId, { executionId, history });
      const [oldest] = entries.keys();
      if (entries.size > MAX_CACHED_INSTANCES && oldest !== undefined) entries.delete(oldest);
    },
    drop: instanceId => entries.delete(instanceId),
  };
}
