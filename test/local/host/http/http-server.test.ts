import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { type HttpHandler, MAX_BODY_BYTES, openHttpServer } from '../../../../local/host/http/http-server.ts';
import { trackInFlight } from '../../../../local/host/http/in-flight.ts';
import { collectLog, serveHandlers } from '../../../helpers/host-fixture.ts';

const echo: HttpHandler = async ({ method, url, headers, body }) => ({
  status: 200,
  body: JSON.stringify({ method, href: url.href, test: headers['x-test'], sizeBytes: body.length }),
});

/** Sends raw text and gives what comes back until `until` is in it. */
async function rawExchange(port: number, text: string, until: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  socket.write(text);
  let received = '';
  while (!received.includes(until)) received += (await once(socket, 'data'))[0];
  socket.destroy();
  return received;
}

const portOf = (url: string) => Number(new URL(url).port);

test('a call has method, absolute URL, headers and body', async () => {
  await using server = await serveHandlers([echo]);
  const response = await fetch(`${server.url}/a/b?c=1&c=2`, {
    method: 'PUT',
    headers: { 'X-Test': 'y' },
    body: 'four',
  });
  expect(await response.json()).toEqual({ method: 'PUT', href: `${server.url}/a/b?c=1&c=2`, test: 'y', sizeBytes: 4 });
});

test('the URL carries the host that the client named, and a path of two slashes stays a path', async () => {
  await using server = await serveHandlers([echo]);
  const text = 'GET //other.example/x HTTP/1.1\r\nHost: my.example:81\r\nConnection: close\r\n\r\n';
  expect(await rawExchange(portOf(server.url), text, '}')).toContain('"href":"http://my.example:81//other.example/x"');
});

test('a request whose host is no host is refused', async () => {
  await using server = await serveHandlers([echo]);
  const text = 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n';
  expect(await rawExchange(portOf(server.url), text, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
});

test('handlers are asked in order, and nobody answering is 404', async () => {
  const one: HttpHandler = async ({ url }) => (url.pathname === '/one' ? { status: 201 } : undefined);
  const any: HttpHandler = async ({ url }) => (url.pathname === '/none' ? undefined : { status: 202 });
  await using server = await serveHandlers([one, any]);
  const statuses = await Promise.all(
    ['/one', '/two', '/none'].map(async path => (await fetch(server.url + path)).status),
  );
  expect(statuses).toEqual([201, 202, 404]);
});

test('a handler that throws is 500 without a body, and the error is logged', async () => {
  await using server = await serveHandlers([
    async () => {
      throw new Error('broke inside');
    },
  ]);
  const response = await fetch(`${server.url}/x`);
  expect([response.status, await response.text()]).toEqual([500, '']);
  expect(server.lines).toEqual([
    { level: 'error', source: 'host', message: expect.stringContaining('GET /x failed: Error: broke inside') },
  ]);
});

test('a header can be sent several times', async () => {
  await using server = await serveHandlers([
    async () => ({
      status: 200,
      headers: [
        ['Set-Cookie', 'a=1'],
        ['Set-Cookie', 'b=2'],
      ],
    }),
  ]);
  expect((await fetch(server.url)).headers.getSetCookie()).toEqual(['a=1', 'b=2']);
});

test('a body that is announced too large is refused before it is sent', async () => {
  await using server = await serveHandlers([echo]);
  const head = `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n`;
  expect(await rawExchange(portOf(server.url), head, '\r\n\r\n')).toMatch(/^HTTP\/1\.1 413 /);
});

test('a body that proves too large is refused, and the largest one is taken', async () => {
  await using server = await serveHandlers([echo]);
  const chunk = new Uint8Array(2 ** 20);
  async function* chunks(sizeBytes: number) {
    for (let sent = 0; sent < sizeBytes; sent += chunk.length) yield chunk.subarray(0, sizeBytes - sent);
  }
  const post = (sizeBytes: number) =>
    fetch(server.url, { method: 'POST', body: ReadableStream.from(chunks(sizeBytes)), duplex: 'half' } as RequestInit);
  expect((await post(MAX_BODY_BYTES + 1)).status).toBe(413);
  expect(await (await post(MAX_BODY_BYTES)).json()).toMatchObject({ sizeBytes: MAX_BODY_BYTES });
});

test('a client that goes away while it sends is no error', async () => {
  await using server = await serveHandlers([echo]);
  const socket = connect(portOf(server.url), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc', () => socket.destroy());
  await once(socket, 'close');
  expect((await fetch(server.url)).status).toBe(200);
  expect(server.lines).toEqual([]);
});

test('a client that goes away before the reply is no error', async () => {
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  await using server = await serveHandlers([
    async () => {
      entered.resolve();
      await released.promise;
      return { status: 200, body: 'too late' };
    },
  ]);
  const aborter = new AbortController();
  const gone = expect(fetch(server.url, { signal: aborter.signal })).rejects.toThrow();
  await entered.promise;
  aborter.abort();
  await gone;
  released.resolve();
  expect(await (await fetch(server.url)).text()).toBe('too late');
  expect(server.lines).toEqual([]);
});

test('until it serves it answers 503', async () => {
  const server = await openHttpServer({ port: 0, log: collectLog().log });
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  await server.close();
});

test('a port that is taken is refused with its code', async () => {
  await using server = await serveHandlers([echo]);
  await expect(openHttpServer({ port: portOf(server.url), log: collectLog().log })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

test('closing lets the request in flight end and takes no new one', async () => {
  const entered = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const server = await openHttpServer({ port: 0, log: collectLog().log });
  server.serve([
    async () => {
      entered.resolve();
      await released.promise;
      return { status: 200, body: 'late' };
    },
  ]);
  const url = `http://127.0.0.1:${server.port}/`;
  const inFlight = fetch(url);
  await entered.promise;
  const closed = server.close();
  await expect(fetch(url)).rejects.toThrow();
  released.resolve();
  expect(await (await inFlight).text()).toBe('late');
  await closed;
});

test('a connection on which nothing is asked does not hold up closing', async () => {
  const server = await openHttpServer({ port: 0, log: collectLog().log });
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  await server.close();
  await closed;
});

test('closing waits for a client that is slow, but not for ever', async () => {
  const server = await openHttpServer({ port: 0, log: collectLog().log });
  server.serve([echo]);
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'connect');
  const closed = once(socket, 'close');
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\nabc');
  expect(String(await once(socket, 'data'))).toContain('100 Continue');
  await server.close(1);
  await closed;
});

test('a drained handler refuses new calls and waits for those in flight, also when they fail', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let calls = 0;
  const { handler, drain } = trackInFlight(async () => {
    await gates[calls++]?.promise;
    return { status: 200 };
  });
  const call = { method: 'GET', url: new URL('http://localhost/'), headers: {}, body: new Uint8Array() };
  const [first, second] = [handler(call), handler(call)];
  const rejected = expect(second).rejects.toThrow('second');
  let isDrained = false;
  const drained = drain().then(() => {
    isDrained = true;
  });
  expect(await handler(call)).toMatchObject({ status: 503 });
  gates[0]?.resolve();
  expect(await first).toEqual({ status: 200 });
  expect(isDrained).toBe(false);
  gates[1]?.reject(new Error('second'));
  await rejected;
  await drained;
});
