import dns from 'node:dns/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startOpenAiSimulator } from '../../local/simulators/openai-server.ts';
import { startServer } from '../helpers/http-server.ts';
import { client, completionBody, failureOf, request } from '../helpers/model-client.ts';

const ANSWER = { status: 200, body: completionBody() };
const HOST = 'ai.example';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Has {@link HOST} resolve to these addresses, lookup by lookup; the last ones for ever. */
function resolveHost(...answers: readonly [string[], ...string[][]]) {
  let lookups = 0;
  const lookup = async () => {
    const addresses = answers[Math.min(lookups++, answers.length - 1)] ?? [];
    return addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as unknown as typeof dns.lookup);
  return () => lookups;
}

const under = (url: string, host: string) => url.replace('127.0.0.1', host);

describe('connections', () => {
  test('are as many as the smaller of both settings', async () => {
    const simulator = await startOpenAiSimulator({ port: 0, latencyMs: 30, latencyCv: 0 });
    for (const limits of [
      { maxConnections: 3, maxConnectionsPerHost: 10 },
      { maxConnections: 10, maxConnectionsPerHost: 3 },
    ]) {
      simulator.reset();
      const model = client(simulator.url, limits);
      await Promise.all(Array.from({ length: 9 }, () => model.complete(request())));
      expect(simulator.stats()).toMatchObject({ calls: 9, maxInFlight: 3 });
    }
    await simulator.close();
  });

  test('stay open between calls', async () => {
    await using server = await startServer(ANSWER);
    const model = client(server.url, { maxConnections: 2 });
    for (const _ of [1, 2, 3]) await Promise.all([model.complete(request()), model.complete(request())]);
    expect(server.connections()).toBe(2);
  });

  test('are no more where the host has several addresses, which are looked up once', async () => {
    await using server = await startServer(ANSWER);
    const lookups = resolveHost(['127.0.0.1', '::1']);
    const model = client(under(server.url, HOST), { maxConnections: 2 });
    for (const _ of [1, 2, 3]) await Promise.all(Array.from({ length: 5 }, () => model.complete(request())));
    expect(server.connections()).toBe(2);
    expect(lookups()).toBe(1);
    expect(server.received[0]?.headers.host).toMatch(new RegExp(`^${HOST}:`));
  });

  test('that fail have the address looked up anew', async () => {
    await using server = await startServer(ANSWER);
    const lookups = resolveHost(['127.0.0.2'], ['127.0.0.1']);
    const model = client(under(server.url, HOST));
    expect(await failureOf(model.complete(request()))).toMatchObject({ code: 'connection_failed' });
    expect(await model.complete(request())).toMatchObject({ finishReason: 'stop' });
    expect(lookups()).toBe(2);
  });

  test('are not tried where no address is found', async () => {
    await using server = await startServer(ANSWER);
    vi.spyOn(dns, 'lookup').mockRejectedValue(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));
    const model = client(under(server.url, HOST));
    expect(await failureOf(model.complete(request()))).toMatchObject({ code: 'connection_failed' });
    expect(server.received).toEqual([]);
  });
});

describe('when the process ends', () => {
  test('calls in flight are cut off, and none is begun', async () => {
    const { promise: cut, resolve } = Promise.withResolvers<void>();
    await using server = await startServer(response => response.once('close', resolve));
    const ending = new AbortController();
    const model = client(server.url, {}, undefined, ending.signal);
    const call = failureOf(model.complete(request()));
    await expect.poll(() => server.received.length).toBe(1);
    ending.abort();
    expect(await call).toMatchObject({ code: 'connection_lost', status: null });
    await cut;
    expect(await failureOf(model.complete(request()))).toMatchObject({ code: 'connection_failed' });
    expect(server.received).toHaveLength(1);
  });

  test('an answer on its way is cut off too', async () => {
    await using server = await startServer(
      response => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"choices"'),
    );
    const ending = new AbortController();
    const call = failureOf(client(server.url, {}, undefined, ending.signal).complete(request()));
    await expect.poll(() => server.received.length).toBe(1);
    ending.abort();
    expect(await call).toMatchObject({ code: 'connection_lost' });
  });

  test('what was answered before stays', async () => {
    await using server = await startServer(ANSWER);
    const ending = new AbortController();
    const model = client(server.url, {}, undefined, ending.signal);
    expect(await model.complete(request())).toMatchObject({ finishReason: 'stop' });
    ending.abort();
  });
});
