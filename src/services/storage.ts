import { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { Settings } from '../core/settings.ts';

/** Clients of the app's storage account; nothing is created before it is used. */
export interface Storage {
  readonly container: ContainerClient;
  table(name: string): TableClient;
}

/** The container that holds everything of the app that lies in blobs. */
const CONTAINER = 'fanfold';

/**
 * Connects to storage by connection string, else by Entra ID.
 *
 * Plain http is accepted only with a connection string that asks for it, as the local emulator's does.
 */
export function connectStorage(settings: Settings, credential: () => TokenCredential): Storage {
  const { storage, storageAccount } = settings;
  if (storage !== null) {
    const options = {
      allowInsecureConnection: /DefaultEndpointsProtocol=http;|UseDevelopmentStorage=true/i.test(storage),
    };
    return {
      container: BlobServiceClient.fromConnectionString(storage).getContainerClient(CONTAINER),
      table: name => TableClient.fromConnectionString(storage, name, options),
    };
  }
  const urlOf = (service: 'blob' | 'table') => `https://${storageAccount}.${service}.core.windows.net`;
  return {
    container: new BlobServiceClient(urlOf('blob'), credential()).getContainerClient(CONTAINER),
    table: name => new TableClient(urlOf('table'), name, credential()),
  };
}

/** The HTTP status of a storage error, or null for any other error. */
export function storageStatus(error: unknown): number | null {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : null;
}

/** Answers null in place of an error with that HTTP status. */
export async function nullOn<T>(status: number, request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (storageStatus(error) === status) return null;
    throw error;
  }
}

/** Runs a task once, at its first use; a failed one runs again at the next use. */
export function once(task: () => Promise<unknown>): () => Promise<unknown> {
  let running: Promise<unknown> | undefined;
  return () => {
    running ??= task().catch(error => {
      running = undefined;
      throw error;
    });
    return running;
  };
}
