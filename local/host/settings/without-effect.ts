import { type JsonObject, leafPaths } from './json-paths.ts';

const DURABLE = 'extensions.durableTask';
const HTTP = 'extensions.http';

/** What the Functions host or the Durable extension knows and this host accepts without doing anything. */
const KNOWN = [
  '$schema',
  'aggregator',
  'concurrency',
  'customHandler',
  'extensionBundle',
  'functions',
  'healthMonitor',
  'httpWorker',
  'logging',
  'managedDependencies',
  'managedDependency',
  'metadataProviderTimeout',
  'retry',
  'sendCanceledInvocationsToWorker',
  'singleton',
  'telemetryMode',
  'watchDirectories',
  'watchFiles',
  ...['blobs', 'cosmosDB', 'eventHubs', 'kafka', 'queues', 'sendGrid', 'serviceBus', 'signalR', 'tables'].map(
    extension => `extensions.${extension}`,
  ),
  `${HTTP}.customHeaders`,
  `${HTTP}.dynamicThrottlesEnabled`,
  `${HTTP}.hsts`,
  `${HTTP}.maxConcurrentRequests`,
  `${HTTP}.maxOutstandingRequests`,
  `${DURABLE}.appLeaseOptions`,
  `${DURABLE}.defaultVersion`,
  `${DURABLE}.entityMessageReorderWindowInMinutes`,
  `${DURABLE}.extendedSessionIdleTimeoutInSeconds`,
  `${DURABLE}.httpSettings.useForwardedHost`,
  `${DURABLE}.maxGrpcMessageSizeInBytes`,
  `${DURABLE}.notifications`,
  `${DURABLE}.rollbackEntityOperationsOnExceptions`,
  `${DURABLE}.storageProvider`,
  `${DURABLE}.throwStatusExceptionsOnRaiseEvent`,
  `${DURABLE}.tracing`,
  `${DURABLE}.useAppLease`,
  `${DURABLE}.versionFailureStrategy`,
  `${DURABLE}.versionMatchStrategy`,
].map(path => path.toLowerCase());

function isKnown(path: string): boolean {
  const wanted = path.toLowerCase();
  return KNOWN.some(known => wanted === known || wanted.startsWith(`${known}.`));
}

/** Extensions by the setting, all else by its group: nobody needs each line of `logging`. */
function shownPath(path: string): string {
  return /^extensions\./i.test(path) ? path : (path.split('.')[0] ?? path);
}

/**
 * Which settings of a host.json do nothing here: those that are known, and those that nobody knows, which may be misspelt.
 *
 * @param json - with the environment's overrides
 * @param honoured - paths that do something, in any case
 * @returns paths or their groups, parted by commas; empty texts when every setting does something
 */
export function settingsWithoutEffect(
  json: JsonObject,
  honoured: readonly string[],
): { readonly known: string; readonly unknown: string } {
  const effective = new Set(honoured.map(path => path.toLowerCase()));
  const paths = leafPaths(json).filter(path => !effective.has(path.toLowerCase()));
  const shown = (isWanted: boolean) =>
    [...new Set(paths.filter(path => isKnown(path) === isWanted).map(shownPath))].join(', ');
  return { known: shown(true), unknown: shown(false) };
}
