import type { AccessToken, TokenCredential } from '@azure/identity';
import { describe, expect, test } from 'vitest';
import { startOpenAiSimulator } from '../../local/simulators/openai-server.ts';
import { messagesFor, readAnswer } from '../../src/core/analysis.ts';
import type { ModelCallError } from '../../src/core/failures.ts';
import type { Settings } from '../../src/core/settings.ts';
import { triage } from '../../src/core/triage.ts';
import { type CompletionRequest, createAzureOpenAi } from '../../src/services/azure-openai.ts';
import { issue, settings } from '../helpers/factories.ts';
import { startServer } from '../helpers/http-server.ts';
import { noCredential } from '../helpers/test-storage.ts';

function request(changes: Partial<CompletionRequest> = {}): CompletionRequest {
  const messages = messagesFor(triage, issue());
  return {
    deployment: 'gpt-4o-mini',
    analysis: triage,
    messages,
    maxCompletionTokens: 500,
    timeoutMs: 10_000,
    ...changes,
  };
}

function client(endpoint: string, changes: Partial<Settings> = {}, credential: () => TokenCredential = noCredential) {
  return createAzureOpenAi(settings({ endpoint, apiKey: 'key-1', ...changes }), credential);
}

/** A completion as the service words it. */
function completion(message: object, more: object = {}) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: '{}', refusal: null, ...message } },
    ],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18, prompt_tokens_details: { cached_tokens: 5 } },
    ...more,
  };
}

describe('a completion', () => {
  test('of the simulator fits the analysis, with model, usage and request id', async () => {
    const simulator = await startOpenAiSimulator({ port: 0, latencyMs: 0 });
    const { text, ...facts } = await client(simulator.url).complete(request());
    await simulator.close();
    expect(readAnswer(triage, text ?? '')).toMatchObject({ fits: true });
    expect(facts).toEqual({
      refused: false,
      finishReason: 'stop',
      model: 'gpt-4o-mini-2024-07-18',
      usage: { promptTokens: expect.any(Number), completionTokens: expect.any(Number), cachedTokens: 0 },
      requestId: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    expect(facts.usage.promptTokens).toBeGreaterThan(300);
    expect(facts.usage.completionTokens).toBeGreaterThan(20);
  });

  test('is asked for by deployment, messages, room and a strict schema of bare types', async () => {
    await using server = await startServer({ status: 200, body: completion({}) });
    await client(server.url).complete(request({ deployment: 'my-deployment' }));
    const [{ method, path, body }] = server.received as [(typeof server.received)[number]];
    expect(`${method} ${path}`).toBe('POST /openai/v1/chat/completions');
    const { response_format, ...sent } = JSON.parse(body);
    expect(sent).toEqual({ model: 'my-deployment', messages: request().messages, max_completion_tokens: 500 });
    expect(response_format).toMatchObject({ type: 'json_schema', json_schema: { name: 'triage', strict: true } });
    expect(response_format.json_schema.schema).toMatchObject({
      type: 'object',
      required: Object.keys(triage.wireSchema.shape),
      additionalProperties: false,
    });
    expect(JSON.stringify(response_format)).not.toMatch(
      /"(minLength|maxLength|pattern|format|minimum|maximum|maxItems)":/,
    );
  });

  test.each([
    ['a refusal', { content: null, refusal: 'No.' }, {}, { text: null, refused: true, finishReason: 'stop' }],
    ['an empty text', { content: '' }, {}, { text: null, refused: false }],
    ['no usage', {}, { usage: undefined }, { usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 } }],
    ['usage', {}, {}, { usage: { promptTokens: 11, completionTokens: 7, cachedTokens: 5 } }],
    [
      'usage without details',
      {},
      { usage: { prompt_tokens: 2, completion_tokens: 1 } },
      { usage: { promptTokens: 2, completionTokens: 1, cachedTokens: 0 } },
    ],
    ['no choice', {}, { choices: [] }, { text: null, refused: false, finishReason: 'stop' }],
  ])('with %s is read as such', async (_, message, more, expected) => {
    await using server = await startServer({ status: 200, body: completion(message, more) });
    expect(await client(server.url).complete(request())).toMatchObject(expected);
  });

  test.each(['length', 'content_filter'])('that ended by %s says so, and keeps its usage', async finishReason => {
    const choices = [
      { index: 0, finish_reason: finishReason, message: { role: 'assistant', content: '{"a', refusal: null } },
    ];
    await using server = await startServer({ status: 200, body: completion({}, { choices }) });
    expect(await client(server.url).complete(request())).toMatchObject({ finishReason, usage: { promptTokens: 11 } });
  });

  test.each([
    [{ 'apim-request-id': 'a', 'x-request-id': 'b' }, 'a'],
    [{ 'x-request-id': 'b' }, 'b'],
    [{}, null],
  ])('has the request id of %j', async (headers, requestId) => {
    await using server = await startServer({
      status: 200,
      headers: headers as Record<string, string>,
      body: completion({}),
    });
    expect((await client(server.url).complete(request())).requestId).toBe(requestId);
  });
});

describe('the credential', () => {
  test('is the key alone where there is one', async () => {
    await using server = await startServer({ status: 200, body: completion({}) });
    await client(server.url).complete(request());
    expect(server.received[0]?.headers).toMatchObject({ 'api-key': 'key-1' });
    expect(server.received[0]?.headers).not.toHaveProperty('authorization');
  });

  test('is a token of Entra ID otherwise, for the scope of Cognitive Services, asked for once', async () => {
    await using server = await startServer({ status: 200, body: completion({}) });
    const scopes: unknown[] = [];
    const credential: TokenCredential = {
      async getToken(scope): Promise<AccessToken> {
        scopes.push(scope);
        return { token: 'token-1', expiresOnTimestamp: Date.now() + 3_600_000 };
      },
    };
    const model = client(server.url, { apiKey: null }, () => credential);
    await model.complete(request());
    await model.complete(request());
    expect(server.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer token-1', 'Bearer token-1']);
    expect(server.received[0]?.headers).not.toHaveProperty('api-key');
    expect(scopes.flat()).toEqual(['https://cognitiveservices.azure.com/.default']);
  });

  test.each([
    ['CredentialUnavailableError', 'unauthorized'],
    ['AggregateAuthenticationError', 'unauthorized'],
    ['AuthenticationRequiredError', 'unauthorized'],
    ['RestError', 'service_error'],
  ])('that fails with a %s makes the call fail as %s, without its text', async (name, code) => {
    await using server = await startServer({ status: 200, body: completion({}) });
    const failing = { getToken: () => Promise.reject(Object.assign(new Error('secret tenant'), { name })) };
    const error = await failureOf(client(server.url, { apiKey: null }, () => failing).complete(request()));
    expect(error).toMatchObject({ code, status: null });
    expect(error.message).not.toContain('secret');
    expect(server.received).toHaveLength(0);
  });
});

async function failureOf(call: Promise<unknown>): Promise<ModelCallError> {
  const error = await call.then(
    () => null,
    thrown => thrown,
  );
  expect(error?.constructor.name).toBe('ModelCallError');
  expect(error.cause).toBeUndefined();
  return error;
}

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
    [{ 'retry-after': '86400' }, 86_400_000],
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
    const { generate } = await import('selfsigned');
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
    const simulator = await startOpenAiSimulator({ port: 0, tls: { key, cert } });
    expect(await failureOf(client(simulator.url).complete(request()))).toMatchObject({ code: 'connection_failed' });
    expect(simulator.stats().calls).toBe(0);
    await simulator.close();
  });

  test('takes as many connections as the smaller of both settings, and keeps them', async () => {
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

    await using server = await startServer({ status: 200, body: completion({}) });
    const model = client(server.url, { maxConnections: 2 });
    for (const _ of [1, 2, 3]) await Promise.all([model.complete(request()), model.complete(request())]);
    expect(server.connections()).toBe(2);
  });
});

describe('the endpoint', () => {
  test.each(['', '/', '//', '/openai', '/openai/', '/openai/v1', '/openai/v1/'])('may end with "%s"', async end => {
    await using server = await startServer({ status: 200, body: completion({}) });
    await client(`${server.url}${end}`).complete(request());
    expect(server.received[0]?.path).toBe('/openai/v1/chat/completions');
  });

  test('may be behind a path of its own, or a name', async () => {
    await using server = await startServer({ status: 200, body: completion({}) });
    await client(`${server.url}/gateway/openai/`).complete(request());
    await client(server.url.replace('127.0.0.1', 'localhost')).complete(request());
    expect(server.received.map(({ path }) => path)).toEqual([
      '/gateway/openai/v1/chat/completions',
      '/openai/v1/chat/completions',
    ]);
    expect(server.received[1]?.headers.host).toMatch(/^localhost:/);
  });

  test('is needed', () => {
    expect(() => createAzureOpenAi(settings({ endpoint: null }), noCredential)).toThrow(
      'AZURE_OPENAI_ENDPOINT is not set',
    );
  });
});

describe('describe', () => {
  test('knows a simulator by its header', async () => {
    const simulator = await startOpenAiSimulator({ port: 0 });
    expect(await client(simulator.url).describe()).toEqual({
      endpoint: simulator.url,
      reachable: true,
      simulator: true,
    });
    await simulator.close();
    expect(await client(simulator.url).describe()).toEqual({
      endpoint: simulator.url,
      reachable: false,
      simulator: false,
    });
  });

  test.each([
    [200, { object: 'list', data: [] }],
    [200, '<html>a proxy</html>'],
    [401, { error: { code: '401' } }],
    [404, {}],
    [500, 'broken'],
  ])('takes whatever answers %i with %j for a service, and for no simulator', async (status, body) => {
    await using server = await startServer({ status, body });
    expect(await client(server.url).describe()).toEqual({ endpoint: server.url, reachable: true, simulator: false });
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /openai/v1/models']);
  });

  test('never throws, also without a credential that works', async () => {
    const failing = { getToken: () => Promise.reject(new Error('no identity')) };
    await using server = await startServer({ status: 200, body: { data: [] } });
    expect(await client(server.url, { apiKey: null }, () => failing).describe()).toMatchObject({ simulator: false });
  });
});
