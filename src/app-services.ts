import { hostname } from 'node:os';
import { DefaultAzureCredential } from '@azure/identity';
import type { Settings } from './core/settings.ts';
import { createAnswerCache } from './services/answer-cache.ts';
import { createAnswerMemory } from './services/answer-memory.ts';
import { createAzureOpenAi } from './services/azure-openai.ts';
import { createBlobStore } from './services/blobs.ts';
import { createFlights } from './services/flights.ts';
import { createIssuePages } from './services/issue-pages.ts';
import * as source from './services/issue-source.ts';
import { createLedgerStores } from './services/ledger-store.ts';
import { createPermits } from './services/permits.ts';
import { createResultsStore, csvOf } from './services/results.ts';
import { createRunCleanup } from './services/run-cleanup.ts';
import { createRunControls } from './services/run-controls.ts';
import { createRunStore } from './services/run-store.ts';
import { createServiceBreakers } from './services/service-breaker.ts';
import { createShutdown } from './services/shutdown.ts';
import { connectStorage } from './services/storage.ts';
import { createStorageMeter } from './services/storage-meter.ts';
import { createTokenizer } from './services/tokenizer.ts';
import { createWorkerIdentity } from './services/worker-identity.ts';

/**
 * Everything that the app's functions are given, made once for the life of the process.
 *
 * @param instanceId - of the machine, where the host tells it; null = the host name
 */
export function createAppServices(settings: Settings, instanceId: string | null) {
  const { identityClientId, cacheMaxSize, cacheMemoryTtlSeconds, cacheTtlSeconds } = settings;
  const credential = () =>
    new DefaultAzureCredential(identityClientId === null ? {} : { managedIdentityClientId: identityClientId });
  const nowMs = Date.now;
  const sleep = (delayMs: number) => new Promise<void>(resolve => setTimeout(resolve, delayMs));
  const storage = connectStorage(settings, credential);
  const blobs = createBlobStore(storage);
  const runs = createRunStore(storage);
  const shutdown = createShutdown();
  return {
    settings,
    blobs,
    runs,
    shutdown,
    source,
    csvOf,
    nowMs,
    sleep,
    pages: createIssuePages(blobs),
    results: createResultsStore(blobs),
    ledger: createLedgerStores(storage),
    cleanup: createRunCleanup(storage),
    cache: createAnswerCache(storage),
    answers: createAnswerMemory({
      maxBytes: cacheMaxSize,
      ttlMs: Math.min(cacheMemoryTtlSeconds, cacheTtlSeconds) * 1_000,
      nowMs,
    }),
    model: createAzureOpenAi(settings, credential, shutdown.signal),
    breakers: createServiceBreakers(nowMs),
    flights: createFlights(),
    permits: createPermits(),
    controls: createRunControls(runs.control),
    storageMeter: createStorageMeter(storage),
    tokenizer: createTokenizer(),
    worker: createWorkerIdentity(instanceId ?? hostname()),
    waiting: { nowMs, sleep, random: Math.random },
  };
}
