import type { TableClient, TransactionAction } from '@azure/data-tables';

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

/** Entities on their way into tables, all of one partition. */
export interface BulkWriter {
  /** Takes an entity for the table of that number; no key may come twice. */
  add(table: number, entity: NewEntity): Promise<void>;
  /** Writes what is left. */
  close(): Promise<void>;
}

/** What a transaction may hold. */
const MAX_ENTITIES = 100;
/** Of the 4 MB that the service allows; the rest is for what frames the entities. */
const MAX_BYTES = 3_500_000;
const FRAME_BYTES = 1_000;
const TRANSACTIONS_AT_A_TIME = 4;

/**
 * Writes many entities of one partition, over whatever is there, by transactions of up to 100: a hundredth of the
 * requests that single writes would take.
 *
 * The order of writing is not that of adding. What waits in memory is one transaction for each table, and four more.
 */
export function openBulkWriter(tables: readonly TableClient[]): BulkWriter {
  const groups = tables.map(client => ({ client, actions: [] as TransactionAction[], bytes: 0 }));
  const full: Pick<(typeof groups)[number], 'client' | 'actions'>[] = [];

  function cut(group: (typeof groups)[number]): void {
    if (group.actions.length > 0) full.push({ ...group });
    group.actions = [];
    group.bytes = 0;
  }

  async function submit(): Promise<void> {
    while (full.length > 0) {
      const next = full.splice(0, TRANSACTIONS_AT_A_TIME);
      await Promise.all(next.map(({ client, actions }) => client.submitTransaction(actions)));
    }
  }

  return {
    async add(table, entity) {
      const group = groups[table];
      if (!group) throw new RangeError(`There is no table ${table}`);
      const bytes = FRAME_BYTES + Buffer.byteLength(JSON.stringify(entity));
      if (group.actions.length >= MAX_ENTITIES || group.bytes + bytes > MAX_BYTES) cut(group);
      group.actions.push(['upsert', entity, 'Replace']);
      group.bytes += bytes;
      if (full.length >= TRANSACTIONS_AT_A_TIME) await submit();
    },
    async close() {
      groups.forEach(cut);
      await submit();
    },
  };
}
