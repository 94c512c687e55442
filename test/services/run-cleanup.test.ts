import { describe, expect, test } from 'vitest';
import { createBlobStore } from '../../src/services/blobs.ts';
import { createLedgerStore } from '../../src/services/ledger-store.ts';
import { createRunCleanup } from '../../src/services/run-cleanup.ts';
import { settledRow } from '../helpers/factories.ts';
import { ownStorage } from '../helpers/test-storage.ts';

const SHARDS = 2;

/** Storage with the blobs and ledger rows of two runs, the name of one of which begins with that of the other. */
async function storageOfTwoRuns(rows: number) {
  const storage = ownStorage();
  const blobs = createBlobStore(storage);
  const ledger = createLedgerStore(storage, SHARDS);
  for (const runId of ['run-1', 'run-10']) {
    const names = ['manifest.json', 'report.json', ...Array.from({ length: 25 }, (_, page) => `pages/${page}.ndjson`)];
    await Promise.all(names.map(name => blobs.write(`${runId}/${name}`, '{}')));
    const writer = ledger.openWriter(runId);
    for (let index = 0; index < rows; index += 1) await writer.add(index, settledRow());
    await writer.close();
  }
  await blobs.write('_uploads/u.csv', 'title');
  return {
    storage,
    async names() {
      const found: string[] = [];
      for await (const { name } of storage.container.listBlobsFlat()) found.push(name);
      return found;
    },
    async rowsOf(runId: string) {
      const found = await Promise.all(Array.from({ length: rows }, (_, index) => ledger.read(runId, index)));
      return found.filter(entry => entry !== null).length;
    },
  };
}

describe('removing what a run has left', () => {
  test('takes its blobs and its ledger, and nothing else', async () => {
    const { storage, names, rowsOf } = await storageOfTwoRuns(250);
    await createRunCleanup(storage).remove('run-1', SHARDS);
    const left = await names();
    expect(left.filter(name => name.startsWith('run-1/'))).toEqual([]);
    expect(left.filter(name => name.startsWith('run-10/'))).toHaveLength(27);
    expect(left).toContain('_uploads/u.csv');
    expect([await rowsOf('run-1'), await rowsOf('run-10')]).toEqual([0, 250]);
  });

  test('twice, and twice at one time, is no failure', async () => {
    const { storage, names, rowsOf } = await storageOfTwoRuns(150);
    const cleanup = createRunCleanup(storage);
    await Promise.all([cleanup.remove('run-1', SHARDS), cleanup.remove('run-1', SHARDS)]);
    await cleanup.remove('run-1', SHARDS);
    expect((await names()).filter(name => name.startsWith('run-1/'))).toEqual([]);
    expect([await rowsOf('run-1'), await rowsOf('run-10')]).toEqual([0, 150]);
  });

  test('where nothing was ever stored is no failure', async () => {
    await expect(createRunCleanup(ownStorage()).remove('run-1', SHARDS)).resolves.toBeUndefined();
  });
});
