import type { AccessToken, TokenCredential } from '@azure/identity';
import { describe, expect, test } from 'vitest';
import { startOpenAiSimulator } from '../../local/simulators/openai-server.ts';
import { readAnswer } from '../../src/core/analysis.ts';
import { triage } from '../../src/core/triage.ts';
import { createAzureOpenAi } from '../../src/services/azure-openai.ts';
import { settings } from '../helpers/factories.ts';
import { startServer } from '../helpers/http-server.ts';
import { client, completionBody, failureOf, request } from '../helpers/model-client.ts';
import { noCredential } from '../helpers/test-storage.ts';

describe('a completion', () => {
  test('of the simulator fits the analysis, with model, usage, limits and request id', async () => {
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
      limits: {
        atMs: expect.any(Number),
        tokensPerMinute: 1_000_000_000,
        remainingTokens: expect.any(Number),
        tokensResetMs: expect.any(Number),
        requestsPerMinute: 1_000_000,
        remainingRequests: 999_999,
        requestsResetMs: expect.any(Number),
      },
    });
    expect(facts.usage.promptTokens).toBeGreaterThan(300);
    expect(facts.usage.completionTokens).toBeGreaterThan(20);
  });

  test('is asked for by deployment, messages, room and a strict schema of bare types', async () => {
    await using server = await startServer({ status: 200, body: completionBody() });
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
    await using server = await startServer({ status: 200, body: completionBody(message, more) });
    expect(await client(server.url).complete(request())).toMatchObject(expected);
  });

  test.each(['length', 'content_filter'])('that ended by %s says so, and keeps its usage', async finishReason => {
    const choices = [
      { index: 0, finish_reason: finishReason, message: { role: 'assistant', content: '{"a', refusal: null } },
    ];
    await using server = await startServer({ status: 200, body: completionBody({}, { choices }) });
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
      body: completionBody(),
    });
    expect((await client(server.url).complete(request())).requestId).toBe(requestId);
  });
});

describe('the credential', () => {
  test('is the key alone where there is one', async () => {
    await using server = await startServer({ status: 200, body: completionBody() });
    await client(server.url).complete(request());
    expect(server.received[0]?.headers).toMatchObject({ 'api-key': 'key-1' });
    expect(server.received[0]?.headers).not.toHaveProperty('authorization');
  });

  test('is a token of Entra ID otherwise, for the scope of Cognitive Services, asked for once', async () => {
    await using server = await startServer({ status: 200, body: completionBody() });
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
    await using server = await startServer({ status: 200, body: completionBody() });
    const failing = { getToken: () => Promise.reject(Object.assign(new Error('secret tenant'), { name })) };
    const error = await failureOf(client(server.url, { apiKey: null }, () => failing).complete(request()));
    expect(error).toMatchObject({ code, status: null });
    expect(error.message).not.toContain('secret');
    expect(server.received).toHaveLength(0);
  });
});

describe('the endpoint', () => {
  test.each(['', '/', '//', '/openai', '/openai/', '/openai/v1', '/openai/v1/'])('may end with "%s"', async end => {
    await using server = await startServer({ status: 200, body: completionBody() });
    await client(`${server.url}${end}`).complete(request());
    expect(server.received[0]?.path).toBe('/openai/v1/chat/completions');
  });

  test('may be behind a path of its own, or a name', async () => {
    await using server = await startServer({ status: 200, body: completionBody() });
    await client(`${server.url}/gateway/openai/`).complete(request());
    await client(server.url.replace('127.0.0.1', 'localhost')).complete(request());
    expect(server.received.map(({ path }) => path)).toEqual([
      '/gateway/openai/v1/chat/completions',
      '/openai/v1/chat/completions',
    ]);
    expect(server.received[1]?.headers.host).toMatch(/^localhost:/);
  });

  test('is needed', () => {
    const { signal } = new AbortController();
    expect(() => createAzureOpenAi(settings({ endpoint: null }), noCredential, signal)).toThrow(
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
