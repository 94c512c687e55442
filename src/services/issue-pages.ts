import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Loaded } from '../core/contracts.ts';
import { type Issue, IssueSchema } from '../core/issues.ts';
import { runBlobs } from '../core/names.ts';
import type { BlobStore } from './blobs.ts';
import type { PlacedIssue, SourceCounts } from './issue-source.ts';

/** A run's issues in Blob storage: pages of lines, found by number. */
export interface IssuePages {
  /** Writes every issue and then the index of pages; writing again replaces. */
  write(runId: string, issues: AsyncGenerator<PlacedIssue, SourceCounts>): Promise<Loaded>;
  /**
   * One distinct issue by its number.
   *
   * @throws when the run has no such unit
   */
  unit(runId: string, unit: number): Promise<Unit>;
  /** All issues in input order; `copies` counts further ones with equal content, on the first of them. */
  all(runId: string): AsyncGenerator<PlacedIssue & { readonly copies: number }>;
}

/** A distinct issue. */
export interface Unit {
  readonly index: number;
  readonly issue: Issue;
  /** Further issues with equal content. */
  readonly copies: number;
}

const PageLineSchema = z.object({ index: z.int(), sameAs: z.int().nullable(), issue: IssueSchema });
const ManifestSchema = z.object({
  total: z.int(),
  units: z.int(),
  /** The number of the first unit of each page. */
  firstUnits: z.array(z.int()),
  copies: z.record(z.string(), z.int()),
});
type Manifest = z.infer<typeof ManifestSchema>;

const PAGE_ISSUES = 100;
const PAGE_CHARACTERS = 1_000_000;
const CACHE_BYTES = 32 * 1024 * 1024;
const BYTES_PER_CHARACTER = 2;
const CACHED_MANIFESTS = 8;

/** Issue pages over blobs; pages read lately are kept in 32 MB of memory. */
export function createIssuePages(blobs: BlobStore): IssuePages {
  const manifests = new LRUCache<string, Manifest>({
    max: CACHED_MANIFESTS,
    fetchMethod: async runId => ManifestSchema.parse(JSON.parse(await textOf(blobs, runBlobs.manifest(runId)))),
  });
  const pages = new LRUCache<string, { readonly issues: PlacedIssue[]; readonly characters: number }>({
    maxSize: CACHE_BYTES,
    sizeCalculation: ({ characters }) => characters * BYTES_PER_CHARACTER,
    fetchMethod: async name => {
      const text = await textOf(blobs, name);
      const lines = text.split('\n').filter(Boolean);
      return { issues: lines.map(line => PageLineSchema.parse(JSON.parse(line))), characters: text.length };
    },
  });
  const page = async (runId: string, number: number) => (await pages.forceFetch(runBlobs.page(runId, number))).issues;

  return {
    write: (runId, issues) => writePages(blobs, runId, issues),

    async unit(runId, unit) {
      const { firstUnits, copies } = await manifests.forceFetch(runId);
      const number = firstUnits.findLastIndex(first => first <= unit);
      const own = (await page(runId, number)).filter(({ sameAs }) => sameAs === null);
      const found = own[unit - (firstUnits[number] ?? 0)];
      if (!found) throw new Error(`Run ${runId} has no unit ${unit}`);
      return { index: found.index, issue: found.issue, copies: copies[found.index] ?? 0 };
    },

    async *all(runId) {
      const { firstUnits, copies } = await manifests.forceFetch(runId);
      for (const number of firstUnits.keys()) {
        for (const placed of await page(runId, number)) yield { ...placed, copies: copies[placed.index] ?? 0 };
      }
    },
  };
}

async function writePages(
  blobs: BlobStore,
  runId: string,
  issues: AsyncGenerator<PlacedIssue, SourceCounts>,
): Promise<Loaded> {
  const firstUnits: number[] = [];
  const pages = pagesOf(issues);
  let units = 0;
  for (;;) {
    const { done, value } = await pages.next();
    if (done) {
      const { total, copies } = value;
      const manifest: Manifest = { total, units, firstUnits, copies: Object.fromEntries(copies) };
      await blobs.write(runBlobs.manifest(runId), JSON.stringify(manifest));
      return { total, units };
    }
    await blobs.write(runBlobs.page(runId, firstUnits.length), value.text);
    firstUnits.push(units);
    units += value.units;
  }
}

/** Gathers issues into pages of lines. */
async function* pagesOf(
  issues: AsyncGenerator<PlacedIssue, SourceCounts>,
): AsyncGenerator<{ readonly text: string; readonly units: number }, SourceCounts> {
  let [text, lines, units] = ['', 0, 0];
  for (;;) {
    const { done, value } = await issues.next();
    if (lines > 0 && (done || lines >= PAGE_ISSUES || text.length >= PAGE_CHARACTERS)) {
      yield { text, units };
      [text, lines, units] = ['', 0, 0];
    }
    if (done) return value;
    text += `${JSON.stringify(value)}\n`;
    lines += 1;
    units += value.sameAs === null ? 1 : 0;
  }
}

async function textOf(blobs: BlobStore, name: string): Promise<string> {
  const bytes = await blobs.read(name);
  if (!bytes) throw new Error(`Blob ${name} is missing`);
  return bytes.toString('utf8');
}
