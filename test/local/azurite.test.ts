import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { TableClient } from '@azure/data-tables';
import { BlobServiceClient } from '@azure/storage-blob';
import { describe, expect, it, vi } from 'vitest';
import { startAzurite } from '../../local/azurite.ts';
import { temporaryFolder } from '../helpers/cli-harness.ts';

async function takenPort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

describe('startAzurite', () => {
  it('keeps blobs and rows in a folder from one start to the next', async () => {
    await using folder = await temporaryFolder();
    const storage = join(folder.path, 'storage');
    const first = await startAzurite({ folder: storage });
    const container = BlobServiceClient.fromConnectionString(first.connectionString).getContainerClient('box');
    await container.create();
    await container.getBlockBlobClient('note').upload('kept', 4);
    const table = TableClient.fromConnectionString(first.connectionString, 'Rows', { allowInsecureConnection: true });
    await table.createTable();
    await table.createEntity({ partitionKey: 'p', rowKey: 'r', text: 'kept too' });
    await first.stop();
    expect(await first.ended).toMatch(/exit code 0/);

    const second = await startAzurite({ folder: storage });
    const blob = BlobServiceClient.fromConnectionString(second.connectionString)
      .getContainerClient('box')
      .getBlobClient('note');
    expect(String(await blob.downloadToBuffer())).toBe('kept');
    const rows = TableClient.fromConnectionString(second.connectionString, 'Rows', { allowInsecureConnection: true });
    expect(await rows.getEntity('p', 'r')).toMatchObject({ text: 'kept too' });
    await second.stop();
  });

  it('takes free ports where a wanted one is taken', async () => {
    const taken = await takenPort();
    const azurite = await startAzurite({ folder: null, ports: { blob: 0, queue: taken.port, table: 0 } });
    const { blob, queue, table } = azurite.ports;
    expect(new Set([blob, queue, table, taken.port]).size).toBe(4);
    expect(azurite.connectionString).toContain(`QueueEndpoint=http://127.0.0.1:${queue}/`);
    await azurite.stop();
    taken.close();
  });

  it('starts several at the same time, in memory', async () => {
    const all = await Promise.all([startAzurite({ folder: null }), startAzurite({ folder: null })]);
    expect(new Set(all.flatMap(({ ports }) => Object.values(ports))).size).toBe(6);
    await Promise.all(all.map(azurite => azurite.stop()));
  });

  it('keeps its account, whatever the environment says about accounts', async () => {
    vi.stubEnv('AZURITE_ACCOUNTS', 'other:c2VjcmV0');
    const azurite = await startAzurite({ folder: null });
    vi.unstubAllEnvs();
    const service = BlobServiceClient.fromConnectionString(azurite.connectionString);
    await expect(service.getContainerClient('box').create()).resolves.toBeDefined();
    await azurite.stop();
  });
});
