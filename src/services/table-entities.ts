import { odata, type TableClient, type TransactionAction } from '@azure/data-tables';
import { nullOn } from './storage.ts';

/** A table property holds 32,768 UTF-16 units at most; no chunk ends within a surrogate pair. */
const CHUNK = /[\s\S]{1,32000}(?![\uDC00-\uDFFF])/g;

/** The storage emulator takes them for ends of lines within a transaction. */
const LINE_SEPARATORS = /[\u2028\u2029]/g;

/** A value of any size as JSON text for {@link textColumns}. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(LINE_SEPARATORS, separator => `\\u${separator.charCodeAt(0).toString(16)}`);
}

/** A text of any length as properties `name0`, `name1`, …; none for an empty text. */
export function textColumns(name: string, text: string): Record<string, string> {
  const chunks = text.match(CHUNK) ?? [];
  return Object.fromEntries(chunks.map((chunk, i) => [`${name}${i}`, chunk]));
}

/** The text of {@link textColumns}, read back. */
export function textFrom(entity: object, name: string): string {
  const columns = entity as Readonly<Record<string, unknown>>;
  let text = '';
  for (let i = 0; `${name}${i}` in columns; i++) text += String(columns[`${name}${i}`]);
  return text;
}

/** An entity to be written whole. */
export type NewEntity = { readonly partitionKey: string; readonly rowKey: string } & Readonly<
  Record<string, string | number>
>;

/** Entities on their way into tables. */
export interface BulkWriter {
  /** Takes an entity; no key may come twice. */
  add(table: TableClient, entity: NewEntity): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** What a transaction may hold, of one partition. */
const MAX_ENTITIES = 100;
/** Of the 4 MB that the service allows; the rest is for what frames the entities. */
const MAX_BYTES = 3_500_000;
const FRAME_BYTES = 1_000;
const TRANSACTIONS_AT_A_TIME = 4;
/** As many as a ledger may have tables; the cache has 16 partitions. */
const MAX_OPEN = 64;

/** A transaction that is being filled. */
interface Group {
  readonly table: TableClient;
  readonly actions: TransactionAction[];
  bytes: number;
}

/**
 * Writes many entities, over whatever is there, by transactions of up to 100: a hundredth of the requests that single
 * writes would take, where no more than 64 partitions take turns.
 *
 * The order of writing is not that of adding. What waits in memory is one transaction for each of these partitions, and
 * four more.
 */
export function openBulkWriter(): BulkWriter {
  const open = new Map<string, Group>();
  const full: Group[] = [];

  function cut(key: string): void {
    const group = open.get(key);
    if (group) full.push(group);
    open.delete(key);
  }

  async function submit(): Promise<void> {
    while (full.length > 0) {
      const next = full.splice(0, TRANSACTIONS_AT_A_TIME);
      await Promise.all(next.map(({ table, actions }) => table.submitTransaction(actions)));
    }
  }

  return {
    async add(table, entity) {
      const key = `${table.tableName}/${entity.partitionKey}`;
      const bytes = FRAME_BYTES + Buffer.byteLength(JSON.stringify(entity));
      const before = open.get(key);
      if (before && (before.actions.length >= MAX_ENTITIES || before.bytes + bytes > MAX_BYTES)) cut(key);
      const [oldest] = open.keys();
      if (oldest !== undefined && open.size >= MAX_OPEN && !open.has(key)) cut(oldest);
      const group = open.get(key) ?? { table, actions: [], bytes: 0 };
      open.set(key, group);
      group.actions.push(['upsert', entity, 'Replace']);
      group.bytes += bytes;
      if (full.length >= TRANSACTIONS_AT_A_TIME) await submit();
    },
    async close() {
      full.push(...open.values());
      open.clear();
      await submit();
    },
  };
}

/** A filter for the entities of some partitions: from one key on, and before the other. */
export function inPartitions({ from, before }: { readonly from: string; readonly before: string }): string {
  return odata`PartitionKey ge ${from} and PartitionKey lt ${before}`;
}

/**
 * Removes entities by transactions; where somebody else removed one meanwhile, one by one.
 *
 * @returns how many this call has removed
 */
export async function removeEntities(
  table: TableClient,
  entities: readonly { readonly partitionKey?: string; readonly rowKey?: string }[],
): Promise<number> {
  let removed = 0;
  for (const own of Map.groupBy(entities, ({ partitionKey = '' }) => partitionKey).values()) {
    for (let at = 0; at < own.length; at += MAX_ENTITIES) {
      const keys = own
        .slice(at, at + MAX_ENTITIES)
        .map(({ partitionKey = '', rowKey = '' }) => ({ partitionKey, rowKey }));
      const all = await nullOn(404, table.submitTransaction(keys.map((key): TransactionAction => ['delete', key])));
      const one = ({ partitionKey, rowKey }: (typeof keys)[number]) =>
        nullOn(404, table.deleteEntity(partitionKey, rowKey));
      removed += all ? keys.length : (await Promise.all(keys.map(one))).filter(gone => gone !== null).length;
    }
  }
  return removed;
}
