import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Child, startChild } from './child-process.ts';
import { LocalError } from './errors.ts';

/** Ports of the three storage services; 0 = any that is free. */
export interface AzuritePorts {
  readonly blob: number;
  readonly queue: number;
  readonly table: number;
}

/** Where Azurite listens unless it is told otherwise; tools such as Storage Explorer look there. */
export const USUAL_AZURITE_PORTS: AzuritePorts = { blob: 10_000, queue: 10_001, table: 10_002 };

/** A storage emulator that answers. */
export interface Azurite {
  readonly ports: AzuritePorts;
  readonly connectionString: string;
  readonly pid: number;
  /** Resolves when its process has ended, with a line that says how. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

const FREE_PORTS: AzuritePorts = { blob: 0, queue: 0, table: 0 };
/** The account and key that every Azurite has; they open nothing else. */
const ACCOUNT = 'devstoreaccount1';
const ACCOUNT_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** How to start Azurite. */
export interface AzuriteOptions {
  /** The folder of its files, made if missing; null keeps everything in memory. It writes them every 5 s and when it ends. */
  readonly folder: string | null;
  /** Wanted; where one is taken, three free ones are used. Default: any free ones. */
  readonly ports?: AzuritePorts | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts the storage emulator (blobs, queues, tables) on 127.0.0.1 and waits until it listens.
 *
 * @throws {LocalError} when it does not start
 */
export async function startAzurite({ folder, ports = FREE_PORTS, signal }: AzuriteOptions): Promise<Azurite> {
  if (folder !== null) await mkdir(folder, { recursive: true });
  let child: Child<AzuritePorts>;
  try {
    child = await startOn(ports, folder, signal);
  } catch (error) {
    if (!(error instanceof LocalError) || !error.message.includes('EADDRINUSE')) throw error;
    child = await startOn(FREE_PORTS, folder, signal);
  }
  const { ready, pid, ended, stop } = child;
  return { ports: ready, connectionString: connectionStringOf(ready), pid, ended, stop };
}

function startOn(
  ports: AzuritePorts,
  folder: string | null,
  signal: AbortSignal | undefined,
): Promise<Child<AzuritePorts>> {
  const require = createRequire(import.meta.url);
  const script = join(dirname(require.resolve('azurite/package.json')), 'dist/src/azurite.js');
  const listening: Partial<Record<string, number>> = {};
  return startChild({
    name: 'the storage emulator (Azurite)',
    command: [
      script,
      ...['--silent', '--disableTelemetry', '--skipApiVersionCheck', '--loose'],
      ...['--blobPort', String(ports.blob), '--queuePort', String(ports.queue), '--tablePort', String(ports.table)],
      ...(folder === null ? ['--inMemoryPersistence'] : ['--location', folder]),
    ],
    env: withoutAzuriteSettings(process.env),
    signal,
    readyFrom(line) {
      const [, service, port] = /^Azurite (\w+) service is successfully listening at .*:(\d+)$/.exec(line) ?? [];
      if (service) listening[service] = Number(port);
      const { Blob: blob, Queue: queue, Table: table } = listening;
      return blob && queue && table ? { blob, queue, table } : undefined;
    },
  });
}

/** `AZURITE_ACCOUNTS` and its like would change accounts and keys. */
function withoutAzuriteSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('AZURITE_')));
}

function connectionStringOf({ blob, queue, table }: AzuritePorts): string {
  const endpoint = (service: string, port: number) => `${service}Endpoint=http://127.0.0.1:${port}/${ACCOUNT};`;
  const endpoints = endpoint('Blob', blob) + endpoint('Queue', queue) + endpoint('Table', table);
  return `DefaultEndpointsProtocol=http;AccountName=${ACCOUNT};AccountKey=${ACCOUNT_KEY};${endpoints}`;
}
