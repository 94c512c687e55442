import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A process that has called. */
export interface Lifeline {
  readonly pid: number;
  /** Resolves when the process is gone, even if nobody has taken notice of its end. */
  readonly gone: Promise<void>;
}

/**
 * Lets processes keep a connection to the test, which the system closes when they are gone. They connect to the port and send
 * their process id.
 */
export async function openLifelines(): Promise<AsyncDisposable & { port: number; next(): Promise<Lifeline> }> {
  const lines: Lifeline[] = [];
  const server = createServer(async socket => {
    socket.on('error', () => {});
    const gone = once(socket, 'close').then(() => {});
    const [data]: Buffer[] = await once(socket, 'data');
    lines.push({ pid: Number(data), gone });
    server.emit('lifeline');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  let nextIndex = 0;
  return {
    port: (server.address() as AddressInfo).port,
    async next() {
      while (!lines[nextIndex]) await once(server, 'lifeline');
      return lines[nextIndex++] as Lifeline;
    },
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}
