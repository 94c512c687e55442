import type { TableClient } from '@azure/data-tables';
import { ledgerPartitions, ledgerTable, runBlobs } from '../core/names.ts';
import { nullOn, type Storage } from './storage.ts';
import { inPartitions, removeEntities } from './table-entities.ts';

/** Removes what a run has left in storage. */
export interface RunCleanup {
  /**
   * Removes the blobs of a run and its ledger, but not its row; what is gone already is no error.
   *
   * @param ledgerShards - tables that the run's ledger is spread over
   */
  remove(runId: string, ledgerShards: number): Promise<void>;
}

const BLOBS_AT_A_TIME = 20;
const TABLES_AT_A_TIME = 4;

/** Cleans up in Blob and Table storage. */
export function createRunCleanup({ container, table }: Storage): RunCleanup {
  async function removeBlobs(runId: string): Promise<void> {
    const pages = container.listBlobsFlat({ prefix: runBlobs.folder(runId) }).byPage({ maxPageSize: BLOBS_AT_A_TIME });
    for await (const { segment } of pages) {
      await Promise.all(segment.blobItems.map(({ name }) => container.getBlobClient(name).deleteIfExists()));
    }
  }

  return {
    async remove(runId, ledgerShards) {
      await nullOn(404, removeBlobs(runId));
      const tables = Array.from({ length: ledgerShards }, (_, shard) => table(ledgerTable(shard)));
      while (tables.length > 0) {
        await Promise.all(tables.splice(0, TABLES_AT_A_TIME).map(client => nullOn(404, removeRows(client, runId))));
      }
    },
  };
}

/** Removes the rows of a run from one table of the ledger; one that nobody has written to yet is not there. */
async function removeRows(table: TableClient, runId: string): Promise<void> {
  const queryOptions = { filter: inPartitions(ledgerPartitions(runId)), select: ['PartitionKey', 'RowKey'] };
  for await (const page of table.listEntities({ queryOptions }).byPage()) await removeEntities(table, page);
}
