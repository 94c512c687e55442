import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { type Issue, IssueSchema } from '../core/issues.ts';
import { runBlobs } from '../core/names.ts';
import type { BlobStore } from './blobs.ts';
import type { PlacedIssue, SourceCounts } from './issue-source.ts';

/** A run's issues in Blob storage: pages of lines, found by number. */
export interface IssuePages {
  /** Writes every issue, showing each to `visit`, and then the index of pages; writing again replaces. */
  write(
    runId: string,
    issues: AsyncGenerator<PlacedIssue, SourceCounts>,
    visit?: (placed: PlacedIssue) => void,
  ): Promise<SourceCounts>;
  /**
   * Writes a list of the distinct issues that are still to be done, and answers its name, which no other has.
   *
   * @param open - ascending numbers of distinct issues, counted from 0 in input order
   */
  writeOpen(runId: string, open: readonly number[]): Promise<string>;
  /**
   * One of the distinct issues, by its number in a list.
   *
   * @param openList - the list's name; null = all distinct issues
   * @throws when the list has no such unit
   */
  unit(runId: string, openList: string | null, unit: number): Promise<Unit>;
  /** All issues in input order; `copies` counts further ones with equal content, on the first of them. */
  all(runId: string): AsyncGenerator<PlacedIssue & { readonly copies: number }>;
}

/** A distinct issue. */
export interface Unit {
  readonly index: number;
  readonly issue: Issue;
  /** Hash of the question that the run asks of it. */
  readonly fingerprint: string;
  /** Further issues with equal content. */
  readonly copies: number;
}

const PageLineSchema = z.object({
  index: z.int(),
  sameAs: z.int().nullable(),
  fingerprint: z.string(),
  issue: IssueSchema,
});
const ManifestSchema = z.object({
  total: z.int(),
  units: z.int(),
  /** The number of the first unit of each page. */
  firstUnits: z.array(z.int()),
  copies: z.record(z.string(), z.int()),
});
type Manifest = z.infer<typeof ManifestSchema>;
const OpenSchema = z.array(z.int());

const PAGE_ISSUES = 100;
const PAGE_CHARACTERS = 1_000_000;
const CACHE_BYTES = 16 * 1024 * 1024;
const CACHED_MANIFESTS = 8;

/** A page as its blob has it: parsed, it would take more, and of the heap. */
interface Page {
  readonly bytes: Buffer;
  /** Where the lines of distinct issues begin. */
  readonly unitStarts: Uint32Array;
}

/** Issue pages over blobs; pages read lately are kept in 16 MB of memory. */
export function createIssuePages(blobs: BlobStore): IssuePages {
  const manifests = new LRUCache<string, Manifest>({
    max: CACHED_MANIFESTS,
    fetchMethod: async name => ManifestSchema.parse(JSON.parse(await textOf(blobs, name))),
  });
  const openLists = new LRUCache<string, Uint32Array>({
    max: CACHED_MANIFESTS,
    fetchMethod: async name => Uint32Array.from(OpenSchema.parse(JSON.parse(await textOf(blobs, name)))),
  });
  const pages = new LRUCache<string, Page>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ bytes }) => bytes.length,
    fetchMethod: async name => pageOf(await bytesOf(blobs, name)),
  });
  const manifest = (runId: string) => manifests.forceFetch(runBlobs.manifest(runId));
  const write: BlobStore['write'] = async (name, content) => {
    await blobs.write(name, content);
    for (const memory of [manifests, pages]) memory.delete(name);
  };

  return {
    write: (runId, issues, visit = () => {}) => writePages(write, runId, issues, visit),

    async writeOpen(runId, open) {
      const openList = randomUUID().slice(0, 8);
      await blobs.write(runBlobs.open(runId, openList), JSON.stringify(open));
      return openList;
    },

    async unit(runId, openList, unit) {
      const [{ firstUnits, copies }, numbers] = await Promise.all([
        manifest(runId),
        openList === null ? null : openLists.forceFetch(runBlobs.open(runId, openList)),
      ]);
      const distinct = numbers === null ? unit : (numbers[unit] ?? Number.POSITIVE_INFINITY);
      const number = firstUnits.findLastIndex(first => first <= distinct);
      const { bytes, unitStarts } = await pages.forceFetch(runBlobs.page(runId, number));
      const start = unitStarts[distinct - (firstUnits[number] ?? 0)];
      if (start === undefined)
        throw new Error(`Run ${runId} has no unit ${unit}${openList === null ? '' : ` in list ${openList}`}`);
      const { index, issue, fingerprint } = issueAt(bytes, start);
      return { index, issue, fingerprint, copies: copies[index] ?? 0 };
    },

    async *all(runId) {
      const { firstUnits, copies } = await manifest(runId);
      for (const number of firstUnits.keys()) {
        const bytes = await bytesOf(blobs, runBlobs.page(runId, number));
        for (const start of lineStarts(bytes)) {
          const placed = issueAt(bytes, start);
          yield { ...placed, copies: copies[placed.index] ?? 0 };
        }
      }
    },
  };
}

async function writePages(
  write: BlobStore['write'],
  runId: string,
  issues: AsyncGenerator<PlacedIssue, SourceCounts>,
  visit: (placed: PlacedIssue) => void,
): Promise<SourceCounts> {
  const firstUnits: number[] = [];
  const pages = pagesOf(issues, visit);
  let units = 0;
  for (;;) {
    const { done, value } = await pages.next();
    if (done) {
      const { total, copies } = value;
      const manifest: Manifest = { total, units, firstUnits, copies: Object.fromEntries(copies) };
      await write(runBlobs.manifest(runId), JSON.stringify(manifest));
      return value;
    }
    await write(runBlobs.page(runId, firstUnits.length), value.text);
    firstUnits.push(units);
    units += value.units;
  }
}

/** Gathers issues into pages of lines. */
async function* pagesOf(
  issues: AsyncGenerator<PlacedIssue, SourceCounts>,
  visit: (placed: PlacedIssue) => void,
): AsyncGenerator<{ readonly text: string; readonly units: number }, SourceCounts> {
  let [text, lines, units] = ['', 0, 0];
  for (;;) {
    const { done, value } = await issues.next();
    if (lines > 0 && (done || lines >= PAGE_ISSUES || text.length >= PAGE_CHARACTERS)) {
      yield { text, units };
      [text, lines, units] = ['', 0, 0];
    }
    if (done) return value;
    visit(value);
    text += `${JSON.stringify(value)}\n`;
    lines += 1;
    units += value.sameAs === null ? 1 : 0;
  }
}

const NEWLINE = 0x0a;

function* lineStarts(bytes: Buffer): Generator<number> {
  for (let start = 0; start < bytes.length; start = lineEnd(bytes, start) + 1) yield start;
}

function lineEnd(bytes: Buffer, start: number): number {
  const end = bytes.indexOf(NEWLINE, start);
  return end < 0 ? bytes.length : end;
}

function pageOf(bytes: Buffer): Page {
  const isUnit = (start: number) => issueAt(bytes, start).sameAs === null;
  return { bytes, unitStarts: Uint32Array.from([...lineStarts(bytes)].filter(isUnit)) };
}

function issueAt(page: Buffer, start: number): PlacedIssue {
  return PageLineSchema.parse(JSON.parse(page.toString('utf8', start, lineEnd(page, start))));
}

async function bytesOf(blobs: BlobStore, name: string): Promise<Buffer> {
  const bytes = await blobs.read(name);
  if (!bytes) throw new Error(`Blob ${name} is missing`);
  return bytes;
}

async function textOf(blobs: BlobStore, name: string): Promise<string> {
  return (await bytesOf(blobs, name)).toString('utf8');
}
