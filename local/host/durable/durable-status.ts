import type { InstanceRecord } from '../../engine/api.ts';
import { EventType } from '../../engine/protocol/history.ts';

/** A history row as the engine stores it; members by the names of the Durable Task protocol. */
export type HistoryRow = Readonly<Record<string, unknown>>;

/** What a status request asks to see. */
export interface StatusView {
  readonly showInput: boolean;
  readonly showHistory: boolean;
  readonly showHistoryOutput: boolean;
}

const EVENT_NAMES = new Map<unknown, string>(Object.entries(EventType).map(([name, number]) => [number, name]));

/** Members that the management API leaves out, by event; of every event those under `all`. */
const DROPPED: Readonly<Record<string, readonly string[]>> = {
  all: ['EventId', 'IsPlayed'],
  ExecutionStarted: ['Name', 'OrchestrationInstance', 'ParentInstance', 'Version', 'Tags'],
  TaskScheduled: ['Version'],
  SubOrchestrationInstanceCreated: ['Version'],
  TaskCompleted: ['TaskScheduledId'],
  TaskFailed: ['TaskScheduledId'],
  SubOrchestrationInstanceCompleted: ['TaskScheduledId'],
  SubOrchestrationInstanceFailed: ['TaskScheduledId'],
  TimerFired: ['TimerId'],
};

const SCHEDULED_BY: Readonly<Record<string, string>> = {
  TaskCompleted: 'TaskScheduled',
  TaskFailed: 'TaskScheduled',
  SubOrchestrationInstanceCompleted: 'SubOrchestrationInstanceCreated',
  SubOrchestrationInstanceFailed: 'SubOrchestrationInstanceCreated',
};

const WITH_RESULT = new Set(['TaskCompleted', 'SubOrchestrationInstanceCompleted', 'ExecutionCompleted']);

/** Stored text as a JSON value: null when absent, the text itself when it is not JSON (a terminate reason, for example). */
export function jsonValue(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text.trim();
  }
}

const eventName = (row: HistoryRow) => EVENT_NAMES.get(row['EventType']) ?? String(row['EventType']);

function withoutMembers(row: HistoryRow, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
}

/** One row as the API shows it; `scheduled` is the row that ordered the work which this one ends. */
function shownRow(row: HistoryRow, scheduled: HistoryRow | undefined, view: StatusView): Record<string, unknown> {
  const name = eventName(row);
  const dropped = [...(DROPPED['all'] ?? []), ...(DROPPED[name] ?? []), ...(view.showInput ? [] : ['Input'])];
  const shown = { ...withoutMembers(row, dropped), EventType: name };
  if (name === 'ExecutionStarted') Object.assign(shown, { FunctionName: row['Name'] });
  if (scheduled) {
    Object.assign(shown, { ScheduledTime: scheduled['Timestamp'], FunctionName: scheduled['Name'] });
    if (view.showInput) Object.assign(shown, { Input: scheduled['Input'] ?? null });
  }
  if (!WITH_RESULT.has(name)) return shown;
  if (!view.showHistoryOutput) return withoutMembers(shown, ['Result']);
  return { ...shown, Result: jsonValue(typeof row['Result'] === 'string' ? row['Result'] : null) };
}

/**
 * A history as the management API shows it: names for numbers, each scheduled row folded into the row that ends it,
 * no rows and members that only the engine needs.
 *
 * @param history - rows of one generation, oldest first
 */
export function foldHistory(history: readonly HistoryRow[], view: StatusView): Record<string, unknown>[] {
  const scheduled = new Map<string, HistoryRow>();
  for (const row of history) scheduled.set(`${eventName(row)}:${row['EventId']}`, row);
  const schedulerOf = (row: HistoryRow) => {
    const by = SCHEDULED_BY[eventName(row)];
    return by ? scheduled.get(`${by}:${row['TaskScheduledId']}`) : undefined;
  };
  const folded = new Set<HistoryRow | undefined>(history.map(schedulerOf));
  return history
    .filter(row => !folded.has(row) && !/^Orchestrator(Started|Completed)$/.test(eventName(row)))
    .map(row => shownRow(row, schedulerOf(row), view));
}

/** An instant to the second, as the API writes it: `2026-01-01T00:00:00Z`. */
const toSecond = (instantMs: number) => `${new Date(instantMs).toISOString().slice(0, 19)}Z`;

/**
 * The body of a status reply.
 *
 * @param history - undefined = without `historyEvents`
 */
export function statusBody(record: InstanceRecord, view: StatusView, history?: readonly HistoryRow[]): object {
  return {
    name: record.name,
    instanceId: record.instanceId,
    runtimeStatus: record.runtimeStatus,
    input: view.showInput ? jsonValue(record.inputJson) : null,
    customStatus: jsonValue(record.customStatusJson),
    output: jsonValue(record.outputJson),
    createdTime: toSecond(record.createdAtMs),
    lastUpdatedTime: toSecond(record.lastUpdatedAtMs),
    ...(history && { historyEvents: foldHistory(history, view) }),
  };
}
