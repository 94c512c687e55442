import type { LedgerRow } from '../../src/core/ledger.ts';
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
  };
}
