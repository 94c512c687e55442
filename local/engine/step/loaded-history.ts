import type { HistoryEvent } from '../protocol/history.ts';
import type { DivergenceCode } from '../replay/shim-divergence.ts';

/** A stored history, with its JSON ready to be sent. */
export interface LoadedHistory {
  readonly events: readonly HistoryEvent[];
  /** The events as JSON, separated by commas. */
  readonly json: string;
  /** What was reported of this generation since it was loaded, so that it is not reported again. Default: nothing. */
  readonly reported?: readonly DivergenceCode[];
}

/** A history in which nothing has happened. */
export const EMPTY_HISTORY: LoadedHistory = { events: [], json: '' };

/** The events as JSON, separated by commas. */
export function eventsToJson(events: readonly HistoryEvent[]): string {
  return events.map(event => JSON.stringify(event)).join(',');
}

/** A history with events added. */
export function appendToHistory({ events, json }: LoadedHistory, added: readonly HistoryEvent[]): LoadedHistory {
  const addedJson = eventsToJson(added);
  return { events: [...events, ...added], json: json ? `${json},${addedJson}` : addedJson };
}
