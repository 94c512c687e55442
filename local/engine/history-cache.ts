import type { HistoryEvent } from './protocol/history.ts';
import type { Store, StoredInstance } from './store/store.ts';

/** How much JSON of histories is kept in memory; their events take several times that. */
const MAX_CACHED_CHARACTERS = 16_000_000;

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
