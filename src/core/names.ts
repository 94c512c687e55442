import { z } from 'zod';

const RUN_ID_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

/**
 * A run's id, which is also its root orchestration's instance id, its blob folder, and what its table keys begin with.
 *
 * The pattern is what all three accept: table keys refuse `/ \ # ?`, instance ids a leading `@`.
 */
export const RunIdSchema = z
  .string('1 to 100 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit')
  .regex(RUN_ID_PATTERN, '1 to 100 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit');

/** Instance id of one stream of a run's attempt. */
export function streamInstanceId(runId: string, attempt: number, stream: number): string {
  return `${runId}:${attempt}:${stream}`;
}

/** Name of the entity that holds the capacity of a deployment, whose name is its key. */
export const CAPACITY_ENTITY = 'capacity';

/** Name of one attempt of a run at the capacity entity. */
export function capacityRunId(runId: string, attempt: number): string {
  return `${runId}:${attempt}`;
}

/** Table of a shard of the ledger. */
export function ledgerTable(shard: number): string {
  return `FanfoldLedger${shard}`;
}

/** Rows in a partition of the ledger: as many as a transaction takes. */
const PARTITION_ROWS = 100;

/**
 * Where the ledger row of an issue lies, by its place in the input (0-based).
 *
 * Issues go to the tables in turn. In each table a run has a partition for every 100 of its rows: a service that spreads
 * partitions can spread a run, and one that searches them, as the storage emulator does, searches few. The digits are
 * padded so that the order of the keys is that of the input.
 */
export function ledgerPlace(runId: string, index: number, shards: number) {
  const partition = Math.floor(index / shards / PARTITION_ROWS);
  return {
    shard: index % shards,
    partitionKey: `${runId}:${String(partition).padStart(6, '0')}`,
    rowKey: String(index).padStart(8, '0'),
  };
}

/** The partitions of a run in each table of the ledger: from the first key on, and before the second, which no run id allows. */
export function ledgerPartitions(runId: string): { readonly from: string; readonly before: string } {
  return { from: `${runId}:`, before: `${runId};` };
}

/** Blob names of a run, below the container for runs. */
export const runBlobs = {
  /** What the names of all of them begin with. */
  folder: (runId: string) => `${runId}/`,
  source: (runId: string) => `${runId}/source.json`,
  manifest: (runId: string) => `${runId}/manifest.json`,
  /** A list of the units that an attempt has still to do. */
  open: (runId: string, openList: string) => `${runId}/open-${openList}.json`,
  page: (runId: string, page: number) => `${runId}/pages/${String(page).padStart(5, '0')}.ndjson`,
  report: (runId: string) => `${runId}/report.json`,
  results: (runId: string, format: 'ndjson' | 'csv') => `${runId}/results.${format}`,
};

/** Blob names of an upload, below the same container; the prefix cannot be a run id. */
export const uploadBlobs = {
  content: (uploadId: string) => `_uploads/${uploadId}`,
  description: (uploadId: string) => `_uploads/${uploadId}.json`,
};
