import { eventsToJson, type LoadedHistory } from './step/loaded-history.ts';
import type { Store, StoredInstance } from './store/store.ts';

/** How much JSON of histories is kept in memory; their events take several times that. */
const MAX_CACHED_CHARACTERS = 16_000_000;

/** Histories of instances that are at work, so that an episode neither reads nor writes out what it knows. */
export interface HistoryCache {
  load(instance: StoredInstance): LoadedHistory;
  /** Notes what an episode has made of the history. */
  put(instance: StoredInstance, history: LoadedHistory): void;
  drop(instanceId: string): void;
}

/**
 * Makes a cache in front of the store. When it is full, the least recently used histories leave.
 *
 * @param store - read on a miss; the cache writes nothing
 */
export function createHistoryCache(
  store: Pick<Store, 'readHistory'>,
  maxCharacters = MAX_CACHED_CHARACTERS,
): HistoryCache {
  const entries = new Map<string, { readonly executionId: string; readonly history: LoadedHistory }>();
  let characters = 0;

  function drop(instanceId: string): void {
    characters -= entries.get(instanceId)?.history.json.length ?? 0;
    entries.delete(instanceId);
  }

  return {
    load({ instanceId, executionId }) {
      const entry = entries.get(instanceId);
      if (entry?.executionId === executionId) return entry.history;
      const events = store.readHistory(instanceId);
      return { events, json: eventsToJson(events) };
    },
    put({ instanceId, executionId }, history) {
      drop(instanceId);
      entries.set(instanceId, { executionId, history });
      characters += history.json.length;
      for (const oldest of entries.keys()) {
        if (characters <= maxCharacters) break;
        drop(oldest);
      }
    },
    drop,
  };
}
