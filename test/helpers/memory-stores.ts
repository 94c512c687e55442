import { type AnswerFamily, type CachedAnswer, familyText } from '../../src/core/answer-cache.ts';
import type { LedgerRow } from '../../src/core/ledger.ts';
import type { AnswerCache, Fingerprints } from '../../src/services/answer-cache.ts';
import type { BlobStore } from '../../src/services/blobs.ts';
import type { LedgerStore } from '../../src/services/ledger-store.ts';

/** Small, so that readers meet characters that are cut in two. */
const CHUNK_BYTES = 7;

/** Blobs in a map; the same contract test holds for it and for Azure Storage. */
export function createMemoryBlobs(): BlobStore & { readonly content: ReadonlyMap<string, Buffer> } {
  const content = new Map<string, Buffer>();
  return {
    content,
    async write(name, written) {
      content.set(name, Buffer.from(written));
    },
    read: async name => content.get(name) ?? null,
    async *chunks(name) {
      const bytes = content.get(name);
      if (!bytes) throw new Error(`Blob ${name} is missing`);
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
    },
    openWriter(name) {
      const texts: string[] = [];
      return {
        async write(text) {
          texts.push(text);
        },
        async close() {
          content.set(name, Buffer.from(texts.join('')));
        },
      };
    },
  };
}

/** A ledger in a map; the same contract test holds for it and for Table storage. */
export function createMemoryLedger(): LedgerStore & { row(runId: string, index: number): LedgerRow | null } {
  const entries = new Map<string, { readonly row: string; readonly etag: string }>();
  let writes = 0;
  const key = (runId: string, index: number) => `${runId}/${index}`;
  const row = (runId: string, index: number) => {
    const entry = entries.get(key(runId, index));
    return entry ? (JSON.parse(entry.row) as LedgerRow) : null;
  };
  return {
    row,
    async read(runId, index) {
      const found = row(runId, index);
      return found && { row: found, etag: entries.get(key(runId, index))?.etag ?? '' };
    },
    async write(runId, index, written, etag) {
      if ((entries.get(key(runId, index))?.etag ?? null) !== etag) return null;
      const entry = { row: JSON.stringify(written), etag: String(++writes) };
      entries.set(key(runId, index), entry);
      return entry.etag;
    },
    openReader: runId => async index => row(runId, index),
    openWriter: runId => ({
      async add(index, written) {
        entries.set(key(runId, index), { row: JSON.stringify(written), etag: String(++writes) });
      },
      async close() {},
    }),
  };
}

/** A cache in a map; the same contract test holds for it and for Table storage. */
export function createMemoryCache(): AnswerCache {
  const entries = new Map<string, { readonly family: AnswerFamily; readonly cached: CachedAnswer }>();
  const key = (family: AnswerFamily, fingerprint: string) => `${familyText(family)} ${fingerprint}`;
  const oldest = (all: readonly CachedAnswer[]) =>
    all.length === 0 ? null : new Date(Math.min(...all.map(({ storedAtMs }) => storedAtMs))).toISOString();
  const amountOf = (all: readonly CachedAnswer[]) => ({
    entries: all.length,
    bytes: all.reduce((sum, { answer }) => sum + Buffer.byteLength(JSON.stringify(answer)), 0),
    oldestAt: oldest(all),
  });

  async function* find(family: AnswerFamily, wanted: Fingerprints, storedFromMs: number) {
    for (const fingerprint of wanted.keys()) {
      const entry = entries.get(key(family, fingerprint));
      if (entry && entry.cached.storedAtMs >= storedFromMs) yield structuredClone(entry.cached);
    }
  }

  return {
    find,
    count: async (family, wanted, storedFromMs) => (await Array.fromAsync(find(family, wanted, storedFromMs))).length,
    openWriter: family => ({
      async add(cached) {
        const isSmall = JSON.stringify(cached.answer).length <= 450_000;
        if (isSmall) entries.set(key(family, cached.fingerprint), { family, cached: structuredClone(cached) });
      },
      async close() {},
    }),
    async stats() {
      const nameOf = ({ family: { analysis, version, deployment } }: { readonly family: AnswerFamily }) =>
        JSON.stringify([analysis, version, deployment]);
      const families = [...Map.groupBy(entries.values(), nameOf)].sort(([a], [b]) => (a < b ? -1 : 1));
      return {
        ...amountOf([...entries.values()].map(({ cached }) => cached)),
        families: families.map(([name, all]) => {
          const [analysis, version, deployment] = JSON.parse(name);
          return { analysis, version, deployment, ...amountOf(all.map(({ cached }) => cached)) };
        }),
      };
    },
    async clear({ analysis, deployment, storedBeforeMs }) {
      const gone = [...entries].filter(
        ([, { family, cached }]) =>
          (analysis === null || family.analysis === analysis) &&
          (deployment === null || family.deployment === deployment) &&
          (storedBeforeMs === null || cached.storedAtMs < storedBeforeMs),
      );
      for (const [name] of gone) entries.delete(name);
      return gone.length;
    },
  };
}
