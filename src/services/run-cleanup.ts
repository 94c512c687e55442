import { odata, type TableClient, type TransactionAction } from '@azure/data-tables';
import { ledgerTable, runBlobs } from '../core/names.ts';
import { nullOn, type Storage } from './storage.ts';

/** Removes what a run has left in storage. */
export interface RunCleanup {
  /**
   * Removes the blobs of a run and its ledger, but not its row; what is gone already is no error.
   *
   * @param ledgerShards - tables that the run's ledger is spread over
   */
  remove(runId: string, ledgerShards: number): Promise<void>;
}

/** What a transaction may hold. */
const MAX_ACTIONS = 100;
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
        await Promise.all(tables.splice(0, TABLES_AT_A_TIME).map(client => removePartition(client, runId)));
      }
    },
  };
}

/** Removes all rows of a partition, by transactions of up to 100. */
async function removePartition(client: TableClient, partitionKey: string): Promise<void> {
  const queryOptions = { filter: odata`PartitionKey eq ${partitionKey}`, select: ['rowKey'] };
  async function removeWhatIsThere(): Promise<number> {
    let found = 0;
    for await (const page of client.listEntities({ queryOptions }).byPage({ maxPageSize: MAX_ACTIONS })) {
      found += page.length;
      const actions = page.map(({ rowKey }): TransactionAction => ['delete', { partitionKey, rowKey: rowKey ?? '' }]);
      // A row that somebody else removes in between fails its whole transaction: the next round finds the rest.
      if (actions.length > 0) await nullOn(404, client.submitTransaction(actions));
    }
    return found;
  }
  // A table that nobody has written to yet is not there.
  while (((await nullOn(404, removeWhatIsThere())) ?? 0) > 0);
}
