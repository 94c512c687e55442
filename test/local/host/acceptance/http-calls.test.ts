import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { useAcceptanceHost } from '../../../helpers/acceptance.ts';
import { startServer } from '../../../helpers/http-server.ts';

const host = useAcceptanceHost();
const resultSchema = z.object({
  statusCode: z.number(),
  headers: z.record(z.string(), z.string().or(z.array(z.string()))),
  content: z.string().nullable(),
});

/** Makes a call in an orchestration; answers what the orchestrator got. */
async function callHttp(options: object) {
  const { ended, start } = host();
  const { runtimeStatus, output } = await ended(await start('request', options));
  expect(runtimeStatus).toBe('Completed');
  return resultSchema.parse(output);
}

/** Header values by lower-case names. */
const lowerCased = (headers: object) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

/** Answers 202 to the first requests and 200 then; each answer names its number. */
function slowWork(pending: number, headers: (request: IncomingMessage) => Record<string, string>) {
  let requests = 0;
  return (response: ServerResponse, request: IncomingMessage) => {
    requests += 1;
    response.writeHead(requests > pending ? 200 : 202, headers(request));
    response.end(`answer ${requests}`);
  };
}

const locationOf = ({ headers }: IncomingMessage) => ({ location: `http://${headers.host}/status` });

describe('16: callHttp', () => {
  test('gives status, content and headers, less those of the content', async () => {
    await using server = await startServer({ status: 200, headers: { 'x-own': 'yes' }, body: 'all is well' });
    const { statusCode, headers, content } = await callHttp({ method: 'GET', url: `${server.url}/health?full=1` });
    expect([statusCode, content]).toEqual([200, 'all is well']);
    expect(lowerCased(headers)).toMatchObject({ 'x-own': 'yes' });
    expect(lowerCased(headers)).not.toHaveProperty('content-type');
    expect(server.received).toMatchObject([{ method: 'GET', path: '/health?full=1', body: '' }]);
  });

  test('sends method, headers and body; an object goes as JSON', async () => {
    await using server = await startServer({ status: 201, body: 'made' });
    const options = { method: 'POST', url: server.url, headers: { 'x-own': 'yes' }, body: { a: [1] } };
    expect(await callHttp(options)).toMatchObject({ statusCode: 201, content: 'made' });
    expect(server.received).toMatchObject([{ method: 'POST', headers: { 'x-own': 'yes' }, body: '{"a":[1]}' }]);
    expect(server.received[0]?.headers['content-type']).toMatch(/^application\/json/);
  });

  test.each([404, 500])('an answer of %d is a result, not an error', async status => {
    await using server = await startServer({ status, body: 'no' });
    expect(await callHttp({ method: 'GET', url: server.url })).toMatchObject({ statusCode: status, content: 'no' });
  });

  test('a server that is not there fails the call', async () => {
    const { ended, start } = host();
    const closed = createServer();
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve));
    const address = closed.address();
    await new Promise(resolve => closed.close(resolve));
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`;
    expect(await ended(await start('request', { method: 'GET', url }))).toMatchObject({ runtimeStatus: 'Failed' });
  });

  test('202 with a Location is polled there until it is something else, with the same headers', async () => {
    await using server = await startServer(slowWork(3, locationOf));
    const headers = { 'x-own': 'yes', 'x-functions-key': 'secret' };
    const options = { method: 'POST', url: `${server.url}/work`, headers, body: 'go' };
    expect(await callHttp(options)).toMatchObject({ statusCode: 200, content: 'answer 4' });
    const [first, ...polls] = server.received;
    expect(first).toMatchObject({ method: 'POST', path: '/work', headers, body: 'go' });
    expect(polls).toHaveLength(3);
    for (const poll of polls) {
      expect(poll).toMatchObject({ method: 'GET', path: '/status', headers: { 'x-own': 'yes' }, body: '' });
      expect(poll.headers).not.toHaveProperty('x-functions-key');
    }
  });

  test('between polls it waits as long as Retry-After says, in seconds, else as host.json says', async () => {
    const { ended, history, start } = host();
    const delaysMs = async (headers: (request: IncomingMessage) => Record<string, string>) => {
      await using server = await startServer(slowWork(1, headers));
      const id = await start('request', { method: 'GET', url: server.url });
      expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: { content: 'answer 2' } });
      return (await history(id)).flatMap(({ EventType, FireAt, Timestamp }) =>
        EventType === 'TimerCreated' ? [Date.parse(String(FireAt)) - Date.parse(String(Timestamp))] : [],
      );
    };
    const asHostJson = await delaysMs(locationOf);
    expect(asHostJson).toHaveLength(1);
    // The row is written at the end of the episode from whose start the wait counts.
    expect(asHostJson[0]).toBeLessThanOrEqual(100);
    const asAnswer = await delaysMs(request => ({ ...locationOf(request), 'retry-after': '1' }));
    expect(asAnswer).toHaveLength(1);
    expect(asAnswer[0]).toBeLessThanOrEqual(1_000);
    expect(asAnswer[0]).toBeGreaterThan(100);
  });

  test('202 is given back as it is where polling is off', async () => {
    await using server = await startServer(slowWork(1, locationOf));
    const { statusCode, headers, content } = await callHttp({ method: 'GET', url: server.url, enablePolling: false });
    expect([statusCode, content]).toEqual([202, 'answer 1']);
    expect(lowerCased(headers)).toMatchObject({ location: `${server.url}/status` });
    expect(server.received).toHaveLength(1);
  });
});
