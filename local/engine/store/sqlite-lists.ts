import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { EntityRecord } from '../api.ts';
import { entityIdOf } from '../protocol/entities.ts';
import { readRow } from './sqlite-tables.ts';
import { DEFAULT_PAGE_SIZE, type Store, type StoredInstance } from './store.ts';

/** A part of a WHERE clause with its values; absent members of a filter give none. */
type Condition = readonly [sql: string, ...values: readonly SQLInputValue[]];

function when<Value>(value: Value | undefined, condition: (value: Value) => Condition): readonly Condition[] {
  return value === undefined ? [] : [condition(value)];
}

/** Ids that begin so, by their range: an index serves it, and no character has a special meaning. */
function beginsWith(column: string, prefix: string | undefined): readonly Condition[] {
  if (!prefix) return [];
  // The last of all code points, which stands in no text.
  return [
    [`${column} >= ?`, prefix],
    [`${column} < ?`, `${prefix}\u{10ffff}`],
  ];
}

function readPage<Row extends object>(
  database: DatabaseSync,
  from: { readonly table: string; readonly idColumn: keyof Row & string },
  conditions: readonly Condition[],
  { top = DEFAULT_PAGE_SIZE, continuationToken }: { readonly top?: number; readonly continuationToken?: string },
): { readonly rows: readonly Row[]; readonly token: { readonly continuationToken?: string } } {
  const all = [...conditions, ...when(continuationToken, token => [`${from.idColumn} > ?`, token])];
  const where = all.length > 0 ? `WHERE ${all.map(([sql]) => sql).join(' AND ')}` : '';
  const query = database.prepare(`SELECT * FROM ${from.table} ${where} ORDER BY ${from.idColumn} LIMIT ?`);
  const found = query.all(...all.flatMap(([, ...values]) => values), top + 1);
  const rows = found.slice(0, top).map(row => readRow<Row>(row));
  const last = rows.at(-1);
  return { rows, token: found.length > top && last ? { continuationToken: String(last[from.idColumn]) } : {} };
}

/** The lists of a store in SQLite. */
export function createLists(database: DatabaseSync): Pick<Store, 'listInstances' | 'listEntities'> {
  return {
    listInstances(filter) {
      const conditions = [
        ...beginsWith('instanceId', filter.instanceIdPrefix),
        ...when(filter.createdFromMs, atMs => ['createdAtMs >= ?', atMs]),
        ...when(filter.createdToMs, atMs => ['createdAtMs <= ?', atMs]),
        ...when(filter.runtimeStatus, all => [`runtimeStatus IN (${all.map(() => '?').join(', ')})`, ...all]),
      ];
      const from = { table: 'instances', idColumn: 'instanceId' } as const;
      const { rows, token } = readPage<StoredInstance>(database, from, conditions, filter);
      return { instances: rows, ...token };
    },
    listEntities(filter) {
      const conditions = [
        ...beginsWith('entityId', filter.name === undefined ? undefined : entityIdOf({ name: filter.name, key: '' })),
        ...when(filter.lastOperationFromMs, atMs => ['lastOperationAtMs >= ?', atMs]),
        ...when(filter.lastOperationToMs, atMs => ['lastOperationAtMs <= ?', atMs]),
      ];
      const from = { table: 'entities', idColumn: 'entityId' } as const;
      const { rows, token } = readPage<EntityRecord>(database, from, conditions, filter);
      return { entities: rows, ...token };
    },
  };
}
