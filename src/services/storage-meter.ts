import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { errorMonitor } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Storage } from './storage.ts';

/** Requests to storage, retries of the SDK among them, and the time they took together, in milliseconds. */
export interface StorageUse {
  readonly operations: number;
  readonly ms: number;
}

/** Counts what pieces of work use of storage. */
export interface StorageMeter {
  /** Does the work; `used` tells what it, and whatever it awaits, has used so far. */
  measure<T>(work: (used: () => StorageUse) => Promise<T>): Promise<T>;
}

/**
 * Counts requests of this process to the hosts of a storage account.
 *
 * It listens to Node's own `http` module, over which both clients go: the client of Blob storage takes no policy between
 * its retries and the wire.
 */
export function createStorageMeter({ container, table }: Pick<Storage, 'container' | 'table'>): StorageMeter {
  const hosts = new Set([container.url, table('any').url].map(url => new URL(url).host));
  const meters = new AsyncLocalStorage<{ operations: number; ms: number }>();

  subscribe('http.client.request.created', message => {
    const { request } = message as { request: ClientRequest };
    const meter = meters.getStore();
    if (!meter || !hosts.has(String(request.getHeader('host')))) return;
    meter.operations += 1;
    const begunMs = performance.now();
    let isRunning = true;
    const end = () => {
      if (isRunning) meter.ms += performance.now() - begunMs;
      isRunning = false;
    };
    request.once('response', (response: IncomingMessage) => response.once('end', end).once('close', end));
    request.once(errorMonitor, end);
  });

  return {
    measure(work) {
      const meter = { operations: 0, ms: 0 };
      return meters.run(meter, () => work(() => ({ operations: meter.operations, ms: Math.round(meter.ms) })));
    },
  };
}
