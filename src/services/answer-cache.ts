import { createHash } from 'node:crypto';
import { odata, type TableClient, type TableEntityResult } from '@azure/data-tables';
import { z } from 'zod';
import { type AnswerFamily, type CachedAnswer, familyText } from '../core/answer-cache.ts';
import { UsageSchema } from '../core/usage.ts';
import { nullOn, once, type Storage } from './storage.ts';
import { jsonText, openBulkWriter, removeEntities, textColumns, textFrom } from './table-entities.ts';

/** Answers of all runs, shared by all processes. */
export interface AnswerCache {
  /**
   * Finds answers by fingerprint, in no order.
   *
   * Up to 200 are read one by one, 16 at a time. For more, the family is read through, 1,000 entries a request, which
   * takes a hundredth of the requests where most of it is wanted; where the first page shows that little of it is, the
   * rest is read one by one too.
   *
   * @param storedFromMs - older answers count as missing; milliseconds since 1970
   */
  find(family: AnswerFamily, wanted: Fingerprints, storedFromMs: number): AsyncGenerator<CachedAnswer>;
  /** How many {@link find} would find, without reading answers. */
  count(family: AnswerFamily, wanted: Fingerprints, storedFromMs: number): Promise<number>;
  /** Takes answers of a family in; one that is there already is replaced. */
  openWriter(family: AnswerFamily): AnswerWriter;
  stats(): Promise<CacheStats>;
  /** Removes entries, and answers how many. */
  clear(filter: CacheFilter): Promise<number>;
}

/** A set of fingerprints, or a map by them. */
export type Fingerprints = Pick<ReadonlySet<string>, 'has' | 'keys' | 'size'>;

/** Answers on their way into the cache; all are there after `close`. */
export interface AnswerWriter {
  /** Takes an answer, unless it is larger than a table entity; no fingerprint may come twice. */
  add(answer: CachedAnswer): Promise<void>;
  close(): Promise<void>;
}

/** How much there is. */
interface Amount {
  readonly entries: number;
  /** Of the answers as JSON. */
  readonly bytes: number;
  /** When the oldest answer was bought, as ISO date; null without one. */
  readonly oldestAt: string | null;
}

/** What the cache holds. */
export interface CacheStats extends Amount {
  /** By analysis, version and deployment. */
  readonly families: readonly (Amount & Omit<AnswerFamily, 'maxCompletionTokens'>)[];
}

/** Which entries to remove; null = whichever. */
export interface CacheFilter {
  readonly analysis: string | null;
  readonly deployment: string | null;
  /** Only answers bought before, in milliseconds since 1970. */
  readonly storedBeforeMs: number | null;
}

/** What an entity tells of its answer. Instants are ISO texts: as numbers, tables would take them for 32-bit integers. */
const HeadSchema = z.object({
  analysis: z.string(),
  version: z.int(),
  deployment: z.string(),
  storedAt: z.iso.datetime(),
  bytes: z.int(),
});
const HEAD_COLUMNS = Object.keys(HeadSchema.shape);

const POINT_READS = 200;
const POINT_READS_AT_A_TIME = 16;
/** Entries that a page brings in the time of one point read: 5 to 70, by the service. */
const ENTRIES_A_POINT_READ = 20;
/** An entity may have 1 MB, two bytes a character. */
const MAX_CHARACTERS = 450_000;

/**
 * The cache in Table storage.
 *
 * Partition = hash of the family and last digit of the fingerprint, row key = fingerprint. No text of an issue and no id is
 * in it. What is damaged, or not of this app, is passed over.
 */
export function createAnswerCache(storage: Storage): AnswerCache {
  const table = storage.table('FanfoldCache');
  const ready = once(() => table.createTable());

  return {
    async *find(family, wanted, storedFromMs) {
      await ready();
      for await (const entity of entitiesOf(table, family, wanted)) {
        const answer = answerOf(entity);
        if (answer && answer.storedAtMs >= storedFromMs) yield answer;
      }
    },

    async count(family, wanted, storedFromMs) {
      await ready();
      let count = 0;
      for await (const { storedAt } of entitiesOf(table, family, wanted, ['RowKey', 'storedAt'])) {
        if (Date.parse(String(storedAt)) >= storedFromMs) count += 1;
      }
      return count;
    },

    openWriter(family) {
      const writer = openBulkWriter();
      const partitionOf = partitionsOf(family);
      return {
        async add(cached) {
          const { fingerprint } = cached;
          const columns = columnsOf(family, cached);
          if (columns === null) return;
          await ready();
          await writer.add(table, { partitionKey: partitionOf(fingerprint), rowKey: fingerprint, ...columns });
        },
        close: () => writer.close(),
      };
    },

    async stats() {
      await ready();
      return statsOf(table);
    },

    async clear(filter) {
      await ready();
      return clearAll(table, filter);
    },
  };
}

type Entity = TableEntityResult<Record<string, unknown>>;
type ReadOne = (fingerprint: string) => Promise<Entity | null>;

/** @param columns - which to read; all if left out */
async function* entitiesOf(
  table: TableClient,
  family: AnswerFamily,
  wanted: Fingerprints,
  columns?: string[],
): AsyncGenerator<Entity> {
  const partitionOf = partitionsOf(family);
  const select = columns && { select: columns };
  const readOne: ReadOne = fingerprint =>
    nullOn(404, table.getEntity(partitionOf(fingerprint), fingerprint, { queryOptions: { ...select } }));
  const all = [...wanted.keys()];
  if (all.length <= POINT_READS) return yield* readEach(all, readOne);
  for (const [partitionKey, own] of Map.groupBy(all, partitionOf)) {
    const filter = odata`PartitionKey eq ${partitionKey}`;
    const pages = table.listEntities({ queryOptions: { ...select, filter } }).byPage();
    for await (const entity of readThrough(pages, own, readOne)) if (wanted.has(entity.rowKey ?? '')) yield entity;
  }
}

async function* readEach(fingerprints: readonly string[], readOne: ReadOne): AsyncGenerator<Entity> {
  for (let at = 0; at < fingerprints.length; at += POINT_READS_AT_A_TIME) {
    const found = await Promise.all(fingerprints.slice(at, at + POINT_READS_AT_A_TIME).map(readOne));
    yield* found.filter(entity => entity !== null);
  }
}

/** Reads pages as long as that is the quicker way: fingerprints lie evenly, so a page shows how many entries there are. */
async function* readThrough(
  pages: AsyncIterable<Entity[]>,
  fingerprints: readonly string[],
  readOne: ReadOne,
): AsyncGenerator<Entity> {
  let entries = 0;
  for await (const page of pages) {
    yield* page;
    entries += page.length;
    const last = page.at(-1)?.rowKey ?? '';
    const share = Number.parseInt(last.slice(0, 8), 16) / 2 ** 32;
    if (entries / share > fingerprints.length * ENTRIES_A_POINT_READ) {
      return yield* readEach(
        fingerprints.filter(fingerprint => fingerprint > last),
        readOne,
      );
    }
  }
}

/**
 * Partition by fingerprint: by its last digit, so that the first ones, which are the order in a partition, lie evenly in each.
 *
 * The hash is short, since each comparison of keys takes it; two families in one partition would do no harm: fingerprints
 * differ.
 */
function partitionsOf(family: AnswerFamily): (fingerprint: string) => string {
  const hash = createHash('sha256').update(familyText(family)).digest('hex').slice(0, 12);
  return fingerprint => hash + fingerprint.slice(-1);
}

/** Null for an answer that no entity can hold. */
function columnsOf(family: AnswerFamily, { answer, storedAtMs, usage }: CachedAnswer) {
  const text = jsonText(answer);
  if (text.length > MAX_CHARACTERS) return null;
  const { analysis, version, deployment } = family;
  const storedAt = new Date(storedAtMs).toISOString();
  const head: z.infer<typeof HeadSchema> = { analysis, version, deployment, storedAt, bytes: Buffer.byteLength(text) };
  return { ...head, usage: JSON.stringify(usage), ...textColumns('answer', text) };
}

/** Null for an entity that this module would not have written. */
function answerOf(entity: Entity): CachedAnswer | null {
  try {
    const { storedAt } = HeadSchema.parse(entity);
    const usage = UsageSchema.parse(JSON.parse(String(entity['usage'])));
    const answer: unknown = JSON.parse(textFrom(entity, 'answer'));
    return { fingerprint: entity.rowKey ?? '', answer, usage, storedAtMs: Date.parse(storedAt) };
  } catch {
    return null;
  }
}

async function statsOf(table: TableClient): Promise<CacheStats> {
  const counter = createCounter();
  for await (const entity of table.listEntities({ queryOptions: { select: [...HEAD_COLUMNS] } })) {
    const head = HeadSchema.safeParse(entity);
    if (head.success) counter.add(head.data);
  }
  return counter.all();
}

function createCounter() {
  const families = new Map<string, CacheStats['families'][number]>();
  const sum = (a: Amount, b: Amount): Amount => ({
    entries: a.entries + b.entries,
    bytes: a.bytes + b.bytes,
    oldestAt: [a.oldestAt, b.oldestAt].filter(at => at !== null).sort()[0] ?? null,
  });
  return {
    add({ analysis, version, deployment, storedAt, bytes }: z.infer<typeof HeadSchema>): void {
      const key = JSON.stringify([analysis, version, deployment]);
      const amount = sum(families.get(key) ?? NOTHING, { entries: 1, bytes, oldestAt: storedAt });
      families.set(key, { analysis, version, deployment, ...amount });
    },
    all(): CacheStats {
      const all = [...families].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, family]) => family);
      return { ...all.reduce<Amount>(sum, NOTHING), families: all };
    },
  };
}

const NOTHING: Amount = { entries: 0, bytes: 0, oldestAt: null };

function queryOf({ analysis, deployment, storedBeforeMs }: CacheFilter): { filter?: string } {
  const conditions = [
    ...(analysis === null ? [] : [odata`analysis eq ${analysis}`]),
    ...(deployment === null ? [] : [odata`deployment eq ${deployment}`]),
    ...(storedBeforeMs === null ? [] : [odata`storedAt lt ${new Date(storedBeforeMs).toISOString()}`]),
  ];
  return conditions.length === 0 ? {} : { filter: conditions.join(' and ') };
}

async function clearAll(table: TableClient, filter: CacheFilter): Promise<number> {
  let removed = 0;
  const queryOptions = { select: ['PartitionKey', 'RowKey'], ...queryOf(filter) };
  for await (const page of table.listEntities({ queryOptions }).byPage()) removed += await removeEntities(table, page);
  return removed;
}
