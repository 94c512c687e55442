import { BlobServiceClient } from '@azure/storage-blob';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Azurite, startAzurite } from '../../local/azurite.ts';
import { openSqliteStore } from '../../local/engine/store/sqlite-store.ts';
import { checkStorageMarker } from '../../local/storage-marker.ts';

let azurite: Azurite;
beforeAll(async () => {
  azurite = await startAzurite({ folder: null });
});
afterAll(() => azurite.stop());

const markers = () =>
  BlobServiceClient.fromConnectionString(azurite.connectionString).getContainerClient('fanfold-local');
beforeEach(() => markers().deleteIfExists());

const check = (store: Parameters<typeof checkStorageMarker>[0]) =>
  checkStorageMarker(store, 'state.db', azurite.connectionString);

describe('checkStorageMarker', () => {
  it('marks a new state file and its storage, and knows them again', async () => {
    const store = openSqliteStore(':memory:');
    await check(store);
    expect(store.getMeta('storageMarker')).toMatch(/^[0-9a-f-]{36}$/);
    await expect(check(store)).resolves.toBeUndefined();
    store.close();
  });

  it('refuses a state file whose storage has lost its marker', async () => {
    const store = openSqliteStore(':memory:');
    await check(store);
    await markers().deleteBlob('storage-marker');
    await expect(check(store)).rejects.toThrow(/^the state file state.db belongs to another storage.*has no marker/);
    await markers().delete();
    await expect(check(store)).rejects.toThrow(/has no marker/);
    store.close();
  });

  it('refuses a state file with the storage of another one', async () => {
    const [mine, other] = [openSqliteStore(':memory:'), openSqliteStore(':memory:')];
    await check(mine);
    await check(other);
    await expect(check(mine)).rejects.toThrow(/has the marker of another state file/);
    await expect(check(other)).resolves.toBeUndefined();
    mine.close();
    other.close();
  });

  it('marks anew where the process ended between storage and state file', async () => {
    const store = openSqliteStore(':memory:');
    const killed = {
      getMeta: store.getMeta,
      setMeta() {
        throw new Error('killed');
      },
    };
    await expect(check(killed)).rejects.toThrow('killed');
    await check(store);
    await expect(check(store)).resolves.toBeUndefined();
    store.close();
  });

  it('does not take a storage that does not answer for an empty one', async () => {
    const store = openSqliteStore(':memory:');
    store.setMeta('storageMarker', 'm');
    const gone = azurite.connectionString.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:1');
    await expect(checkStorageMarker(store, 'state.db', `${gone}`)).rejects.toThrow(/ECONNREFUSED/);
    store.close();
  });
});
