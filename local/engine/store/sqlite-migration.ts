import type { DatabaseSync } from 'node:sqlite';
import { EventType, eventBase, type HistoryEvent } from '../protocol/history.ts';

/** The tables of a file of schema version 1. */
export const VERSION_1_TABLES = ['meta', 'instances', 'history', 'messages', 'activities', 'timers'] as const;

/**
 * Brings the tables of version 1 to version 2: a timer is a message now, due when it fires; entities are new. All else
 * stays as it is. Runs within the caller's transaction.
 *
 * @param newTables - the SQL that makes the tables `scheduled` and `entities`
 */
export function migrateFromVersion1(database: DatabaseSync, newTables: string): void {
  database.exec(newTables);
  const addMessage = database.prepare(
    "INSERT INTO scheduled (seq, dueAtMs, kind, instanceId, executionId, body) VALUES (?, ?, 'message', ?, ?, ?)",
  );
  const timers = database.prepare('SELECT seq, instanceId, executionId, timerId, fireAtMs FROM timers');
  for (const { seq, instanceId, executionId, timerId, fireAtMs } of timers.iterate()) {
    const dueAtMs = Number(fireAtMs);
    const event: HistoryEvent = {
      ...eventBase(dueAtMs),
      EventType: EventType.TimerFired,
      TimerId: Number(timerId),
      FireAt: new Date(dueAtMs).toISOString(),
    };
    addMessage.run(Number(seq), dueAtMs, String(instanceId), String(executionId), JSON.stringify(event));
  }
  database.exec('DROP TABLE timers');
}
