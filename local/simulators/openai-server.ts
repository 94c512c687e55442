import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import type { CallStats } from './call-log.ts';
import { ConnectionReset } from './chat.ts';
import type { Meters } from './meters.ts';
import type { OpenAiSimulatorOptions } from './openai-options.ts';
import { createOpenAiSimulator, type OpenAiSimulator, SIMULATOR_HEADER } from './openai-simulator.ts';
import { integerIn, parseOptions } from './ranges.ts';

/** Longer than any client keeps an idle connection, so that the simulator never closes one under a request. */
const KEEP_ALIVE_MS = 120_000;

const portSchema = z.object({ port: integerIn(0, 65_535) });

/** Where the server listens. */
export interface ServerOptions {
  /** 0 = any free port. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** PEM texts; given = HTTPS. */
  readonly tls?: { readonly key: string; readonly cert: string };
}

/** A simulator that listens. */
export interface RunningOpenAiSimulator {
  /** Without a slash at the end; the client's base URL is `${url}/openai/v1`. */
  readonly url: string;
  readonly port: number;
  stats(): CallStats;
  meters(): Meters;
  reset(): void;
  /** Cuts open connections, also those of calls in flight, and resolves when the port is free. */
  close(): Promise<void>;
}

/**
 * Starts the simulator as an HTTP or HTTPS server.
 *
 * @throws {RangeError} for options out of range
 * @throws the system's error when the port cannot be had
 */
export async function startOpenAiSimulator(
  options: OpenAiSimulatorOptions & ServerOptions,
): Promise<RunningOpenAiSimulator> {
  const { port: wantedPort, host = '127.0.0.1', tls, ...simulatorOptions } = options;
  const { port } = parseOptions(portSchema, { port: wantedPort });
  const simulator = createOpenAiSimulator(simulatorOptions);
  const listener: RequestListener = (incoming, outgoing) => void serve(simulator, incoming, outgoing);
  const server = tls ? createHttpsServer(tls, listener) : createHttpServer(listener);
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const { port: actualPort } = server.address() as AddressInfo;
  return {
    url: `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${actualPort}`,
    port: actualPort,
    stats: simulator.stats,
    meters: simulator.meters,
    reset: simulator.reset,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(simulator: OpenAiSimulator, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  try {
    const body = incoming.method === 'GET' || incoming.method === 'HEAD' ? null : await buffer(incoming);
    const request = new Request(new URL(incoming.url ?? '/', 'http://simulator'), {
      method: incoming.method ?? 'GET',
      headers: headersOf(incoming),
      body,
      signal: gone.signal,
    });
    const response = await simulator.handle(request);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  } catch (error) {
    if (error instanceof ConnectionReset || gone.signal.aborted || outgoing.headersSent) {
      outgoing.destroy();
      return;
    }
    // A defect of the simulator must neither end the process nor look like a fault of the service.
    const message = `The simulator itself failed: ${error instanceof Error ? error.message : String(error)}`;
    outgoing.writeHead(500, { 'content-type': 'application/json', [SIMULATOR_HEADER]: 'true' });
    outgoing.end(JSON.stringify({ error: { code: 'SimulatorDefect', message } }));
  }
}

function headersOf(incoming: IncomingMessage): [string, string][] {
  return Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
}
