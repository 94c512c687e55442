import { randomUUID } from 'node:crypto';
import { BlobServiceClient, RestError } from '@azure/storage-blob';
import type { Store } from './engine/store/store.ts';
import { LocalError } from './errors.ts';

const META_KEY = 'storageMarker';
const CONTAINER = 'fanfold-local';
const BLOB = 'storage-marker';
/** The emulator is on this machine and has said that it listens; long patience would only hide that it is gone. */
const RETRY_OPTIONS = { maxTries: 3, retryDelayInMs: 100 };

/**
 * Makes sure that a state file and a storage belong together: both carry the same random marker.
 *
 * Orchestrations in the state file name blobs and rows in storage; with another storage every run under way would fail
 * in ways that are hard to read. A state file without a marker is new: it gets one, and so does the storage.
 *
 * @param store - the open state file
 * @param stateFile - its path, for the message
 * @throws {LocalError} when the state file's marker is not the one in storage
 */
export async function checkStorageMarker(
  store: Pick<Store, 'getMeta' | 'setMeta'>,
  stateFile: string,
  connectionString: string,
): Promise<void> {
  const container = BlobServiceClient.fromConnectionString(connectionString, {
    retryOptions: RETRY_OPTIONS,
  }).getContainerClient(CONTAINER);
  const expected = store.getMeta(META_KEY);
  if (expected === undefined) {
    const marker = randomUUID();
    await container.createIfNotExists();
    // The blob first: if this process ends in between, the state file counts as new once more.
    await container.getBlockBlobClient(BLOB).upload(marker, marker.length);
    store.setMeta(META_KEY, marker);
    return;
  }
  const found = await readText(() => container.getBlobClient(BLOB).downloadToBuffer());
  if (found === expected) return;
  const fact = found === null ? 'has no marker' : 'has the marker of another state file';
  throw new LocalError(
    `the state file ${stateFile} belongs to another storage: the storage it was opened with ${fact}. ` +
      'Bring back the storage folder that was beside it, or delete the state file to start afresh',
  );
}

async function readText(download: () => Promise<Buffer>): Promise<string | null> {
  try {
    return (await download()).toString('utf8');
  } catch (error) {
    if (error instanceof RestError && error.statusCode === 404) return null;
    throw error;
  }
}
