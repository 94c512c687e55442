import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describeError, type Log } from '../log.ts';

/** A request whose body has arrived. */
export interface HttpCall {
  readonly method: string;
  /** Absolute, as the client wrote it. */
  readonly url: URL;
  /** Names in lower case; repeated ones joined. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Aborted when the connection has closed: nobody waits for the answer any more. Default: never */
  readonly gone?: AbortSignal;
}

/** What is sent back. A header may stand several times. */
export interface HttpReply {
  readonly status: number;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Uint8Array;
}

/** Answers a request, or gives undefined when the path is not its own. */
export type HttpHandler = (call: HttpCall) => Promise<HttpReply | undefined>;

/** A server that listens. */
export interface HttpServer {
  readonly port: number;
  /** Sets who answers; handlers are asked in order. Until then everything is answered by 503. */
  serve(handlers: readonly HttpHandler[]): void;
  /**
   * Stops accepting and resolves when the requests in flight have been answered.
   *
   * @param maxWaitMs - after that the rest is cut off. Default: no limit
   */
  close(maxWaitMs?: number): Promise<void>;
}

const LOCAL_ADDRESS = '127.0.0.1';

/** The largest body that the Functions host takes by default. */
export const MAX_BODY_BYTES = 104_857_600;

/** The body, or undefined as soon as it proves too large. The rest of a large one is read and dropped, so that the client sees the reply. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length']) > MAX_BODY_BYTES) {
    request.resume();
    return undefined;
  }
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    request.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes <= MAX_BODY_BYTES) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      resolve(undefined);
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function urlOf(request: IncomingMessage, port: number): URL | null {
  return URL.parse(`http://${request.headers.host ?? `localhost:${port}`}${request.url ?? '/'}`);
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.headers).map(([name, value = '']) => [
      name,
      Array.isArray(value) ? value.join(', ') : value,
    ]),
  );
}

function send(response: ServerResponse, { status, headers = [], body }: HttpReply): void {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
  response.end(body);
}

async function answer(
  request: IncomingMessage,
  port: number,
  handlers: readonly HttpHandler[],
  gone: AbortSignal,
): Promise<HttpReply> {
  const url = urlOf(request, port);
  if (!url) return { status: 400 };
  const body = await readBody(request);
  if (!body) return { status: 413 };
  const call = { method: request.method ?? 'GET', url, headers: headersOf(request), body, gone };
  for (const handler of handlers) {
    const reply = await handler(call);
    if (reply) return reply;
  }
  return { status: 404 };
}

/**
 * Opens an HTTP server that this machine alone can reach.
 *
 * @param options.port - 0 = any that is free
 * @param options.log - gets what a handler throws; the client then sees 500 without a body
 * @throws when the port is taken (`code` EADDRINUSE) or may not be bound
 */
export async function openHttpServer(options: { readonly port: number; readonly log: Log }): Promise<HttpServer> {
  const { log } = options;
  const inFlight = new Set<Promise<void>>();
  let handlers: readonly HttpHandler[] | undefined;
  let isClosing = false;
  const server = createServer(async (request, response) => {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const gone = new AbortController();
    inFlight.add(ended);
    response.once('close', () => {
      gone.abort();
      inFlight.delete(ended);
      resolve();
    });
    try {
      const reply = handlers
        ? await answer(request, port, handlers, gone.signal)
        : { status: 503, headers: [['Retry-After', '1']] as const, body: 'The host is starting.' };
      if (isClosing) response.setHeader('Connection', 'close');
      send(response, reply);
    } catch (error) {
      if (request.destroyed && !request.complete) return;
      log('error', 'host', `${request.method} ${request.url} failed: ${describeError(error)}`);
      if (!response.headersSent) send(response, { status: 500 });
    }
  });
  server.listen(options.port, LOCAL_ADDRESS);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`The server has no port: ${address}`);
  const { port } = address;
  return {
    port,
    serve(given) {
      handlers = given;
    },
    async close(maxWaitMs) {
      isClosing = true;
      const closed = once(server, 'close');
      server.close();
      const cutOff = maxWaitMs === undefined ? undefined : setTimeout(() => server.closeAllConnections(), maxWaitMs);
      await Promise.all(inFlight);
      clearTimeout(cutOff);
      // Connections on which nothing was asked would keep the server open for a minute.
      server.closeAllConnections();
      await closed;
    },
  };
}
