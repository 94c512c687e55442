import { randomUUID } from 'node:crypto';
import { BlobServiceClient } from '@azure/storage-blob';
import { inject } from 'vitest';
import { connectStorage, type Storage } from '../../src/services/storage.ts';
import { settings } from './factories.ts';

/** Storage that no other test sees: a container and tables of its own in the shared emulator. */
export function ownStorage(): Storage {
  const prefix = `t${randomUUID().replaceAll('-', '').slice(0, 16)}`;
  const connectionString = inject('storage');
  const { table } = connectStorage(settings({ storage: connectionString }), noCredential);
  return {
    container: BlobServiceClient.fromConnectionString(connectionString).getContainerClient(prefix),
    table: name => table(`${prefix}${name}`),
  };
}

/** For clients that must not ask for a token. */
export function noCredential(): never {
  throw new Error('a credential was asked for');
}
