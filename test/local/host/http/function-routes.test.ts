import { afterAll, beforeAll, expect, test } from 'vitest';
import type { InvocationOutcome } from '../../../../local/engine/protocol/worker.ts';
import { createFunctionRoutes, describeRoutes } from '../../../../local/host/http/function-routes.ts';
import type { WorkerPool } from '../../../../local/host/worker/worker-pool.ts';
import { registered } from '../../../helpers/fake-workers.ts';
import { collectLog, pollUntil, serveFixture, serveHandlers } from '../../../helpers/host-fixture.ts';

let host: Awaited<ReturnType<typeof serveFixture>>;
beforeAll(async () => {
  host = await serveFixture('http', { routePrefix: 'v1', disabled: ['off'] });
});
afterAll(() => host[Symbol.asyncDispose]());

const get = (path: string, init?: RequestInit) => fetch(`${host.url}/v1/${path}`, init);

test('parameters, joined query, headers, method and URL reach the handler', async () => {
  const response = await get('runs/7/a%20b?x=1&y=z&x=2', { headers: { 'X-Mixed': 'Case', 'x-empty': '' } });
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(await response.json()).toEqual({
    method: 'GET',
    url: `${host.url}/v1/runs/7/a%20b?x=1&y=z&x=2`,
    params: { id: '7', view: 'a b' },
    query: { x: '1,2', y: 'z' },
    headers: expect.objectContaining({ 'x-mixed': 'Case', 'x-empty': '' }),
  });
});

test('an optional parameter may be absent, and a second method is taken', async () => {
  const response = await get('runs/7', { method: 'DELETE' });
  expect(await response.json()).toMatchObject({ method: 'DELETE', params: { id: '7' }, query: {} });
});

test('a text route wins over a parameter, and the rest of a path is one parameter', async () => {
  expect(await (await get('files/list')).text()).toBe('the list');
  expect(await (await get('files/a/b%20c.txt')).json()).toMatchObject({ params: { path: 'a/b c.txt' } });
});

test('a content-length of the handler gives way to the true one', async () => {
  expect(await (await get('runs/newest')).text()).toBe('newest');
});

test('a body of any bytes comes back as it was', async () => {
  const bytes = Uint8Array.from({ length: 1024 }, (_, i) => i % 256);
  const response = await get('echo', { method: 'POST', body: bytes, headers: { 'content-type': 'application/x-odd' } });
  expect(response.headers.get('x-type')).toBe('application/x-odd');
  expect(response.headers.get('content-type')).toBe('application/octet-stream');
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes);
});

test('an empty body is an empty body', async () => {
  const response = await get('echo', { method: 'POST' });
  expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 0]);
});

test('status, headers and cookies of the response are sent', async () => {
  const response = await get('cookies');
  expect([response.status, response.headers.get('location')]).toEqual([201, '/made']);
  expect(response.headers.getSetCookie()).toEqual([
    'session=a%20b%3Bc; max-age=60; path=/; secure; samesite=none; httponly',
    'plain=1; expires=Thu, 01 Jan 1970 00:00:01 GMT',
  ]);
});

test('a handler that returns nothing is 204', async () => {
  expect((await get('nothing')).status).toBe(204);
});

test.each(['fail', 'wrong'])('a failed invocation (%s) is 500 without a body, and the error is logged', async name => {
  host.lines.length = 0;
  const response = await get(name);
  expect([response.status, await response.text()]).toEqual([500, '']);
  const errors = host.lines.filter(({ level }) => level === 'error');
  const message = name === 'fail' ? 'Error: no luck' : 'The HTTP response must be an object';
  expect(errors).toEqual([{ level: 'error', source: name, message: expect.stringContaining(message) }]);
  expect(errors[0]?.message).toContain(`GET /v1/${name} failed`);
});

test.each([
  ['another path', 'nowhere', 'GET'],
  ['another method', 'runs/7', 'POST'],
  ['a parameter of another type', 'runs/seven', 'GET'],
  ['a disabled function', 'off', 'GET'],
  ['a function that is not HTTP', 'tick', 'GET'],
])('%s is 404', async (_, path, method) => {
  expect((await get(path, { method })).status).toBe(404);
});

test('another prefix is 404', async () => {
  expect((await fetch(`${host.url}/api/nothing`)).status).toBe(404);
});

test('log lines of the app carry its level and function', async () => {
  host.lines.length = 0;
  await get('log');
  expect(host.lines.filter(({ message }) => !/ms$/.test(message))).toEqual([
    { level: 'information', source: 'log', message: "hello { from: 'log' }" },
    { level: 'warning', source: 'log', message: 'careful\nsecond line' },
    { level: 'debug', source: 'log', message: 'detail' },
  ]);
});

test.each<[number, string | undefined, InvocationOutcome]>([
  [500, 'GET /api/page failed: the process is gone', { kind: 'lost', message: 'the process is gone' }],
  [500, 'GET /api/page failed: too slow', { kind: 'timedOut', message: 'too slow' }],
  [503, undefined, { kind: 'closed' }],
])('%i and the line "%s" follow when the function came to no end: %j', async (status, line, outcome) => {
  const { log, lines } = collectLog();
  const info = { ...registered('page', 'http'), bindings: { trigger: { type: 'httpTrigger' } } };
  const worker = { functions: [info], invoke: async () => outcome };
  const handler = createFunctionRoutes({ worker, routePrefix: 'api', log });
  const call = { method: 'GET', url: new URL('http://localhost/api/page'), headers: {}, body: new Uint8Array() };
  expect(await handler(call)).toMatchObject({ status });
  expect(lines.map(({ message }) => message)).toEqual(line === undefined ? [] : [line]);
});

test('the worker learns when the client has gone', async () => {
  const begun = Promise.withResolvers<AbortSignal | undefined>();
  const info = { ...registered('page', 'http'), bindings: { trigger: { type: 'httpTrigger' } } };
  const invoke = (...[, , , gone]: Parameters<WorkerPool['invoke']>) => {
    begun.resolve(gone);
    return new Promise<InvocationOutcome>(resolve =>
      gone?.addEventListener('abort', () => resolve({ kind: 'closed' })),
    );
  };
  const routes = createFunctionRoutes({ worker: { functions: [info], invoke }, routePrefix: 'api', log: () => {} });
  await using server = await serveHandlers([routes]);
  const client = new AbortController();
  const asked = fetch(`${server.url}/api/page`, { signal: client.signal });
  const gone = await begun.promise;
  expect(gone?.aborted).toBe(false);
  client.abort();
  await expect(asked).rejects.toThrow('aborted');
  await pollUntil(
    async () => gone?.aborted,
    isAborted => isAborted === true,
  );
});

test.each([
  ['api', { route: '/runs/{id}', methods: ['get', 'delete'] }, '[GET,DELETE] http://localhost:1/api/runs/{id}'],
  ['', {}, '[GET,POST] http://localhost:1/page'],
])('with the prefix "%s", %j is shown as %s', (routePrefix, binding, message) => {
  const info = { ...registered('page', 'http'), bindings: { trigger: { type: 'httpTrigger', ...binding } } };
  const functions = [registered('Work', 'activity'), info];
  expect(describeRoutes(functions, routePrefix, 'http://localhost:1')).toEqual([{ name: 'page', message }]);
});
