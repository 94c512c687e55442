import { request } from 'node:http';
import { describe, expect, inject, test } from 'vitest';
import { connectStorage } from '../../src/services/storage.ts';
import { createStorageMeter } from '../../src/services/storage-meter.ts';
import { settings } from '../helpers/factories.ts';
import { startServer, type TestServer } from '../helpers/http-server.ts';
import { noCredential, ownStorage } from '../helpers/test-storage.ts';

/** The clients of an account whose services are a test's own servers. */
function storageAt(url: string) {
  const endpoints = `BlobEndpoint=${url}/account;TableEndpoint=${url}/account;`;
  const storage = `DefaultEndpointsProtocol=http;AccountName=account;AccountKey=a2V5;${endpoints}`;
  return connectStorage(settings({ storage }), noCredential);
}

const get = (url: string) =>
  new Promise(resolve => request(url, response => response.resume().once('end', resolve)).end());

describe('what work uses of storage', () => {
  test('is its requests for tables and blobs and the time that they take', async () => {
    const storage = ownStorage();
    const { measure } = createStorageMeter(storage);
    await measure(async used => {
      expect(used()).toEqual({ operations: 0, ms: 0 });
      await storage.container.createIfNotExists();
      const blob = storage.container.getBlockBlobClient('a');
      await blob.uploadData(Buffer.alloc(100_000));
      expect(await blob.downloadToBuffer()).toHaveLength(100_000);
      const { operations } = used();
      expect(operations).toBe(4);
      const table = storage.table('Metered');
      await table.createTable();
      await table.createEntity({ partitionKey: 'p', rowKey: 'r' });
      await expect(table.getEntity('p', 'missing')).rejects.toMatchObject({ statusCode: 404 });
      expect(used().operations).toBe(operations + 3);
      expect(used().ms).toBeGreaterThan(0);
    });
  });

  test('is its own, whatever runs beside it, and nothing of what runs in no scope', async () => {
    await using server = await startServer({ status: 200 });
    const { container, table } = storageAt(server.url);
    const { measure } = createStorageMeter({ container, table });
    const read = () =>
      container
        .getBlobClient('a')
        .downloadToBuffer(0, 2)
        .catch(() => {});
    await read();
    const before = server.received.length;
    const uses = await Promise.all(
      [1, 2, 3].map(times =>
        measure(async used => {
          for (let n = 0; n < times; n++) await read();
          return used().operations / times;
        }),
      ),
    );
    expect(new Set(uses).size).toBe(1);
    expect(server.received.length - before).toBe(6 * (uses[0] ?? 0));
  });

  test('has each retry of the SDK in it', async () => {
    let failures = 1;
    await using server: TestServer = await startServer(response => {
      response.writeHead(failures-- > 0 ? 503 : 404, { 'retry-after': '0' }).end();
    });
    const { table, container } = storageAt(server.url);
    const { measure } = createStorageMeter({ table, container });
    const operations = await measure(async used => {
      await expect(table('Any').getEntity('p', 'r')).rejects.toMatchObject({ statusCode: 404 });
      return used().operations;
    });
    expect(operations).toBe(2);
    expect(server.received).toHaveLength(2);
  });

  test('has the time of a request that was never answered', async () => {
    await using server = await startServer(response => {
      setTimeout(() => response.destroy(), 60);
    });
    const { measure } = createStorageMeter(storageAt(server.url));
    const use = await measure(async used => {
      await new Promise(resolve => request(`${server.url}/account/a`).once('error', resolve).end());
      await new Promise(resolve => setImmediate(resolve));
      return used();
    });
    expect(use.operations).toBe(1);
    expect(use.ms).toBeGreaterThanOrEqual(50);
  });

  test('is not what goes to other hosts', async () => {
    await using server = await startServer({ status: 200 });
    const { measure } = createStorageMeter(connectStorage(settings({ storage: inject('storage') }), noCredential));
    expect(
      await measure(async used => {
        await get(server.url);
        return used();
      }),
    ).toEqual({ operations: 0, ms: 0 });
    expect(server.received).toHaveLength(1);
  });
});

test('connections to storage stay open between requests', async () => {
  await using server = await startServer({ status: 404 });
  const { table } = storageAt(server.url);
  for (const name of ['One', 'Two', 'Three']) {
    await expect(table(name).getEntity('p', 'r')).rejects.toMatchObject({ statusCode: 404 });
  }
  expect(server.received).toHaveLength(3);
  expect(server.connections()).toBe(1);
});
