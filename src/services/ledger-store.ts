import type { TableClient, TableEntityResult } from '@azure/data-tables';
import type { LedgerRow, SettledRow } from '../core/ledger.ts';
import { ledgerPartitions, ledgerPlace, ledgerTable } from '../core/names.ts';
import { nullOn, once, type Storage } from './storage.ts';
import { inPartitions, jsonText, openBulkWriter, textColumns, textFrom } from './table-entities.ts';

/** A ledger row with the tag by which it may be replaced. */
export interface LedgerEntry {
  readonly row: LedgerRow;
  readonly etag: string;
}

/** The ledger of all runs: one row for each distinct issue of a run. */
export interface LedgerStore {
  read(runId: string, index: number): Promise<LedgerEntry | null>;
  /**
   * Writes a row over the one last read; over none when `etag` is null. A row that is there already, as the client's
   * own repeat of a request finds it whose answer was lost, counts as written.
   *
   * @returns the new tag, or null when somebody else wrote in between
   */
  write(runId: string, index: number, row: LedgerRow, etag: string | null): Promise<string | null>;
  /** Reads a whole run: answers rows by ascending index, null where there is none. */
  openReader(runId: string): (index: number) => Promise<LedgerRow | null>;
  /** Settles many issues that no worker can come to meanwhile: writes over whatever is there. */
  openWriter(runId: string): LedgerWriter;
}

/** Settled rows on their way; all are written by `close`. */
export interface LedgerWriter {
  /** Takes a row; no index may come twice. */
  add(index: number, row: SettledRow): Promise<void>;
  close(): Promise<void>;
}

/** The row as JSON, its answer apart; the other columns are for people who look into the table. */
interface Columns {
  state: string;
  outcome: string;
  code: string;
  row: string;
}

/** A reader keeps so many rows in memory, whatever the number of tables. */
const ROWS_IN_MEMORY = 2_000;
/** A request for entities gives no more. */
const MAX_PAGE_ROWS = 1_000;

/** Ledgers by the number of their tables: a run keeps the number that it began with. */
export function createLedgerStores(storage: Storage): (shards: number) => LedgerStore {
  const stores = new Map<number, LedgerStore>();
  return shards => {
    const store = stores.get(shards) ?? createLedgerStore(storage, shards);
    stores.set(shards, store);
    return store;
  };
}

/**
 * The ledger in Table storage, spread over shards by the number of the issue; {@link ledgerPlace} has the keys.
 */
export function createLedgerStore(storage: Storage, shards: number): LedgerStore {
  const tables = Array.from({ length: shards }, (_, shard) => storage.table(ledgerTable(shard)));
  const rowsAtATime = Math.min(MAX_PAGE_ROWS, Math.ceil(ROWS_IN_MEMORY / shards));
  const placeOf = (runId: string, index: number) => {
    const { shard, ...keys } = ledgerPlace(runId, index, shards);
    return { keys, table: tables[shard] as TableClient };
  };
  const ready = once(() => Promise.all(tables.map(table => table.createTable())));

  return {
    async read(runId, index) {
      await ready();
      const { table, keys } = placeOf(runId, index);
      const entity = await nullOn(404, table.getEntity<Columns>(keys.partitionKey, keys.rowKey));
      return entity && { row: rowOf(entity), etag: entity.etag };
    },

    async write(runId, index, row, etag) {
      await ready();
      const { table, keys } = placeOf(runId, index);
      return written(table, { ...keys, ...columnsOf(row) }, etag);
    },

    openReader(runId) {
      const cursors = tables.map(table => rowsOf(table, runId, rowsAtATime));
      const heads: (Promise<IteratorResult<TableEntityResult<Columns>>> | undefined)[] = [];
      return async index => {
        await ready();
        const shard = index % shards;
        const cursor = cursors[shard];
        if (!cursor) return null;
        for (;;) {
          heads[shard] ??= cursor.next();
          const head = await heads[shard];
          if (head.done || Number(head.value.rowKey) > index) return null;
          heads[shard] = undefined;
          if (Number(head.value.rowKey) === index) return rowOf(head.value);
        }
      };
    },

    openWriter(runId) {
      const writer = openBulkWriter();
      return {
        async add(index, row) {
          await ready();
          const { table, keys } = placeOf(runId, index);
          await writer.add(table, { ...keys, ...columnsOf(row) });
        },
        close: () => writer.close(),
      };
    },
  };
}

/** The rows of a run in one table, by ascending index. */
async function* rowsOf(
  table: TableClient,
  runId: string,
  maxPageSize: number,
): AsyncGenerator<TableEntityResult<Columns>, undefined> {
  const queryOptions = { filter: inPartitions(ledgerPartitions(runId)) };
  const pages = table.listEntities<Columns>({ queryOptions }).byPage({ maxPageSize });
  for await (const page of pages) yield* page;
}

function columnsOf(row: LedgerRow): Columns & Record<string, string> {
  const settled = row.state === 'settled' ? row : null;
  const answer = settled?.answer == null ? '' : jsonText(settled.answer);
  return {
    state: row.state,
    outcome: settled?.outcome ?? '',
    code: ('code' in row && row.code) || '',
    row: JSON.stringify(settled ? { ...settled, answer: null } : row),
    ...textColumns('answer', answer),
  };
}

/** The tag of an entity that was written, or that is there already; null where there is another one. */
async function written(
  table: TableClient,
  entity: { readonly partitionKey: string; readonly rowKey: string },
  etag: string | null,
): Promise<string | null> {
  const done =
    etag === null
      ? await nullOn(409, table.createEntity(entity))
      : await nullOn(412, table.updateEntity(entity, 'Replace', { etag }));
  if (done) return done.etag ?? null;
  const there = await nullOn(404, table.getEntity(entity.partitionKey, entity.rowKey));
  return there && isSame(there, entity) ? there.etag : null;
}

function isSame(stored: object, written: object): boolean {
  const columns = new Map(Object.entries(stored));
  return Object.entries(written).every(([name, value]) => columns.get(name) === value);
}

/** What this module wrote itself, read back; the answer was checked by its schema before it was stored. */
function rowOf(entity: TableEntityResult<Columns>): LedgerRow {
  const row = JSON.parse(entity.row) as LedgerRow;
  const answer = textFrom(entity, 'answer');
  return row.state === 'settled' && answer !== '' ? { ...row, answer: JSON.parse(answer) } : row;
}
