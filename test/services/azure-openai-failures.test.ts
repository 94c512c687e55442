import { generate } from 'selfsigned';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startOpenAiSimulator } from '../../local/simulators/openai-server.ts';
import { createAzureOpenAi } from '../../src/services/azure-openai.ts';
import { settings } from '../helpers/factories.ts';
import { startServer } from '../helpers/http-server.ts';
import { client, failureOf, request } from '../helpers/model-client.ts';
import { noCredential } from '../helpers/test-storage.ts';

afterEach(() => void vi.useRealTimers());

describe('an HTTP error', () => {
  test.each([
    [400, { code: 'BadRequest' }, 'bad_request'],
    [400, { code: 'content_filter', innererror: {} }, 'content_filter'],
    [400, { code: 'context_length_exceeded' }, 'context_too_long'],
    [401, { code: '401' }, 'unauthorized'],
    [403, { code: 'PermissionDenied' }, 'forbidden'],
    [404, { code: 'DeploymentNotFound' }, 'deployment_not_found'],
    [408, {}, 'service_error'],
    [409, {}, 'service_error'],
    [422, {}, 'bad_request'],
    [424, {}, 'service_error'],
    [429, { code: '429' }, 'rate_limited'],
    [500, {}, 'service_error'],
    [502, {}, 'service_error'],
    [503, {}, 'service_error'],
    [504, {}, 'service_error'],
  ])('%i with %j is one request and the failure %s', async (status, error, code) => {
    const body = { error: { message: 'quotes the secret issue', ...error } };
    await using server = await startServer({ status, headers: { 'apim-request-id': 'req-9' }, body });
    const failure = await failureOf(client(server.url).complete(request()));
    expect(failure).toMatchObject({ code, status, requestId: 'req-9' });
    expect(failure.message).toBe(`Model call failed: ${code} (HTTP ${status}), request req-9`);
    expect(server.received).toHaveLength(1);
  });

  test.each([
    ['HTML', { 'content-type': 'text/html' }, '<html>502 secret</html>'],
    ['nothing', {}, ''],
    ['broken JSON', { 'content-type': 'application/json' }, '{"error":'],
    ['a flat object', { 'content-type': 'application/json' }, '{"statusCode":502,"message":"secret"}'],
  ])('with %s for a body goes by its status', async (_, headers, body) => {
    await using server = await startServer({ status: 502, headers: headers as Record<string, string>, body });
    const failure = await failureOf(client(server.url).complete(request()));
    expect(failure).toMatchObject({ code: 'service_error', status: 502 });
    expect(failure.message).not.toContain('secret');
  });

  test.each([
    ['HTML', { 'content-type': 'text/html' }, '<html>login</html>'],
    ['broken JSON', { 'content-type': 'application/json' }, '{"choices":['],
    ['another object', { 'content-type': 'application/json' }, '{"hello":1}'],
  ])('is what a 200 with %s for a body counts as', async (_, headers, body) => {
    await using server = await startServer({ status: 200, headers: headers as Record<string, string>, body });
    expect(await failureOf(client(server.url).complete(request()))).toMatchObject({
      code: 'service_error',
      retryAfterMs: null,
    });
    expect(server.received).toHaveLength(1);
  });

  test.each([
    [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1_500],
    [{ 'retry-after-ms': '0.5' }, 0.5],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2_000],
    [{ 'retry-after-ms': '', 'retry-after': '2' }, 2_000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '-5' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'x-ratelimit-reset-tokens': '7', 'x-ratelimit-reset-requests': '1' }, 7_000],
    [{ 'x-ratelimit-reset-tokens': '0', 'x-ratelimit-reset-requests': '3' }, 3_000],
    [{ 'x-ratelimit-reset-tokens': '0', 'x-ratelimit-reset-requests': '0' }, null],
    [{ 'x-ratelimit-remaining-tokens': '-1' }, null],
    [{}, null],
  ])('429 with %j asks to wait %s ms', async (headers, retryAfterMs) => {
    await using server = await startServer({ status: 429, headers: headers as Record<string, string>, body: {} });
    expect(await failureOf(client(server.url).complete(request()))).toMatchObject({
      code: 'rate_limited',
      retryAfterMs,
    });
    expect(server.received).toHaveLength(1);
  });

  test.each([
    [599, 'rate_limited'],
    [600, 'quota_exhausted'],
    [86_400, 'quota_exhausted'],
  ])('429 that asks to wait %d s is %s', async (seconds, code) => {
    await using server = await startServer({ status: 429, headers: { 'retry-after': String(seconds) }, body: {} });
    const failure = await failureOf(client(server.url).complete(request()));
    expect(failure).toMatchObject({ code, retryAfterMs: seconds * 1_000 });
  });

  test.each([429, 400, 500])('%d may say what the limits are', async status => {
    const headers = { 'x-ratelimit-limit-tokens': '1000', 'x-ratelimit-remaining-tokens': '0' };
    await using server = await startServer({ status, headers, body: {} });
    const beforeMs = Date.now();
    const { limits } = await failureOf(client(server.url).complete(request()));
    expect(limits).toMatchObject({ tokensPerMinute: 1_000, remainingTokens: 0, requestsPerMinute: null });
    expect(limits?.atMs).toBeGreaterThanOrEqual(beforeMs);
    await using silent = await startServer({ status, body: {} });
    expect(await failureOf(client(silent.url).complete(request()))).toMatchObject({ limits: null });
  });

  test('429 may ask to wait until a date', async () => {
    const inAMinute = () => ({ status: 429, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } });
    await using server = await startServer(inAMinute());
    const { retryAfterMs } = await failureOf(client(server.url).complete(request()));
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    await using late = await startServer({ status: 429, headers: { 'retry-after': new Date(0).toUTCString() } });
    expect(await failureOf(client(late.url).complete(request()))).toMatchObject({ retryAfterMs: 0 });
  });

  test('503 with a wait is no throttle', async () => {
    await using server = await startServer({ status: 503, headers: { 'retry-after': '30' } });
    expect(await failureOf(client(server.url).complete(request()))).toMatchObject({
      code: 'service_error',
      retryAfterMs: null,
    });
  });
});

describe('a throttle of the simulator', () => {
  test.each([
    ['normal', 1_500],
    ['missing', null],
    ['minusOne', null],
  ] as const)('with rate-limit headers "%s" asks to wait %s ms', async (rateLimitHeaders, retryAfterMs) => {
    const faults = [{ reply: 'rate_limited', retryAfterSeconds: 1.5 } as const];
    const simulator = await startOpenAiSimulator({ port: 0, latencyMs: 0, rateLimitHeaders, faults });
    const failure = await failureOf(client(simulator.url).complete(request()));
    expect(failure).toMatchObject({ code: 'rate_limited', status: 429, retryAfterMs });
    expect(simulator.stats().calls).toBe(1);
    await simulator.close();
  });
});

describe('the network', () => {
  test('that gives no answer in time is a timeout, after one request', async () => {
    await using server = await startServer(() => {});
    expect(await failureOf(client(server.url).complete(request({ timeoutMs: 30 })))).toMatchObject({
      code: 'timeout',
      status: null,
    });
    expect(server.received).toHaveLength(1);
  });

  test('that stalls within a body is a timeout', async () => {
    await using server = await startServer(
      response => void response.writeHead(200, { 'content-type': 'application/json' }).write('{"choices"'),
    );
    expect(await failureOf(client(server.url).complete(request({ timeoutMs: 100 })))).toMatchObject({
      code: 'timeout',
    });
  });

  test.each([429, 503])('that stalls within the body of a %i is a timeout too', { timeout: 5_000 }, async status => {
    await using server = await startServer(
      response => void response.writeHead(status, { 'content-type': 'application/json' }).write('{"error"'),
    );
    expect(await failureOf(client(server.url).complete(request({ timeoutMs: 200 })))).toMatchObject({
      code: 'timeout',
      status: null,
    });
    expect(server.received).toHaveLength(1);
  });

  test('that stalls within the body of an error still says that a service is there', { timeout: 5_000 }, async () => {
    await using server = await startServer(
      response => void response.writeHead(503, { 'content-type': 'application/json' }).write('{"error"'),
    );
    const { promise: hasHeaders, resolve } = Promise.withResolvers<void>();
    const send: typeof fetch = async (input, { dispatcher: _, ...init } = {}) => {
      const response = await fetch(input, init);
      // By then the SDK has taken its own limit back.
      setImmediate(resolve);
      return response;
    };
    const { signal } = new AbortController();
    const model = createAzureOpenAi(settings({ endpoint: server.url, apiKey: 'key-1' }), noCredential, signal, send);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const described = model.describe();
    await hasHeaders;
    vi.advanceTimersByTime(5_000);
    vi.useRealTimers();
    expect(await described).toEqual({ endpoint: server.url, reachable: true, simulator: false });
  });

  test('that breaks before or within an answer is a lost connection', async () => {
    await using cut = await startServer(response => response.destroy());
    expect(await failureOf(client(cut.url).complete(request()))).toMatchObject({ code: 'connection_lost' });
    expect(cut.received).toHaveLength(1);
    await using short = await startServer(response => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"choices"', () => response.destroy());
    });
    expect(await failureOf(client(short.url).complete(request()))).toMatchObject({ code: 'connection_lost' });
    expect(short.received).toHaveLength(1);
  });

  test('that never took the request is a failed connection', async () => {
    const { url, ...server } = await startServer({ status: 200 });
    await server[Symbol.asyncDispose]();
    expect(await failureOf(client(url).complete(request()))).toMatchObject({ code: 'connection_failed' });
    expect(await failureOf(client('http://no-such-host.invalid').complete(request()))).toMatchObject({
      code: 'connection_failed',
    });
  });

  test('with a certificate that nobody trusts is a failed connection', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
    const simulator = await startOpenAiSimulator({ port: 0, tls: { key, cert } });
    expect(await failureOf(client(simulator.url).complete(request()))).toMatchObject({ code: 'connection_failed' });
    expect(simulator.stats().calls).toBe(0);
    await simulator.close();
  });
});
