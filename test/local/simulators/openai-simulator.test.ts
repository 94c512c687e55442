import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOpenAiSimulator } from '../../../local/simulators/openai-simulator.ts';
import { chat, chatRequest, instantSimulator, strictObject } from '../../helpers/openai-simulator.ts';

const get = (path: string, method = 'GET', headers: Record<string, string> = { 'api-key': 'k' }) =>
  new Request(`http://simulator${path}`, { method, headers });

describe('a completed call', () => {
  it('has the body of Azure, filter fields included', async () => {
    const { status, body } = await chat(instantSimulator(), { text: 'Title: App crashes' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      object: 'chat.completion',
      model: 'gpt-4o-mini-2024-07-18',
      system_fingerprint: 'fp_fanfold_simulator',
      prompt_filter_results: [
        { prompt_index: 0, content_filter_results: { jailbreak: { detected: false }, hate: { severity: 'safe' } } },
      ],
      choices: [
        {
          index: 0,
          finish_reason: 'stop',
          logprobs: null,
          content_filter_results: { violence: { filtered: false, severity: 'safe' } },
          message: {
            role: 'assistant',
            content: '{"category":"bug","summary":"App crashes."}',
            refusal: null,
            annotations: [],
          },
        },
      ],
      usage: { completion_tokens_details: { reasoning_tokens: 0 }, prompt_tokens_details: { cached_tokens: 0 } },
    });
  });

  it('has the headers of Azure and says what it is', async () => {
    const { headers } = await chat(instantSimulator({ tokensPerMinute: 10_000, requestsPerMinute: 100 }), {
      text: 'x'.repeat(400),
    });
    expect(Object.fromEntries(headers)).toMatchObject({
      'x-fanfold-simulator': 'true',
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '99',
      'x-ratelimit-limit-tokens': '10000',
      'x-ratelimit-remaining-tokens': String(10_000 - Math.ceil(('Triage the issue.'.length + 400) / 4) - 500),
      'x-ms-region': 'East US',
      'azureml-model-session': 'simulator',
    });
    expect(Number(headers.get('x-ratelimit-reset-tokens'))).toBeGreaterThan(0);
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get('x-ms-client-request-id')).toBe(headers.get('apim-request-id'));
    expect(headers.get('x-request-id')).not.toBe(headers.get('apim-request-id'));
  });

  it('echoes the client request id', async () => {
    const { headers } = await chat(instantSimulator(), {
      headers: { 'api-key': 'k', 'x-ms-client-request-id': 'mine' },
    });
    expect(headers.get('x-ms-client-request-id')).toBe('mine');
  });

  it('adds up its tokens', async () => {
    const { usage } = await chat(instantSimulator(), { text: 'y'.repeat(4000) });
    // A thousand of the text, eleven of the rest, and those of the schema, which is put into the prompt.
    expect(usage.prompt_tokens).toBeGreaterThan(1040);
    expect(usage.prompt_tokens).toBeLessThan(1080);
    expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens);
  });

  it('bills a beginning as cached only when it was seen before and is long enough', async () => {
    const simulator = instantSimulator();
    const cached = async (system: string, text: string) =>
      (await chat(simulator, { system, text })).usage.prompt_tokens_details.cached_tokens;
    const long = 'instruction '.repeat(500);
    expect(await cached(long, 'first')).toBe(0);
    expect(await cached(long, 'second')).toBe(Math.floor(long.length / 4 / 128) * 128);
    expect(await cached(`Other ${long}`, 'second')).toBe(0);
    expect(await cached('short', 'first')).toBe(0);
    expect(await cached('short', 'first')).toBe(0);
  });

  it('is the same for the same seed and issue, in whatever order the issues come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 6 }), async texts => {
        const schema = strictObject({
          colour: { type: 'string', enum: ['red', 'green', 'blue'] },
          n: { type: 'integer' },
        });
        const run = async (order: readonly string[]) => {
          const simulator = instantSimulator({ seed: 3 });
          const answers = new Map<string, string | null>();
          for (const text of order) answers.set(text, (await chat(simulator, { text, schema })).content);
          return answers;
        };
        const [there, back] = [await run(texts), await run(texts.toReversed())];
        for (const text of texts) expect(there.get(text)).toBe(back.get(text));
      }),
      { numRuns: 30 },
    );
  });

  it('writes plain text and JSON without a schema as well', async () => {
    const simulator = instantSimulator();
    const plain = await chat(simulator, { body: { response_format: { type: 'text' } } });
    expect(plain.content).toBe('App crashes.');
    const json = await chat(simulator, { body: { response_format: { type: 'json_object' } } });
    expect(JSON.parse(json.content ?? '')).toMatchObject({ category: 'bug', priority: 'high' });
  });

  it('is cut at max_completion_tokens', async () => {
    const { content, finishReason, usage } = await chat(instantSimulator(), { body: { max_completion_tokens: 5 } });
    expect(finishReason).toBe('length');
    expect(usage.completion_tokens).toBe(5);
    expect(() => JSON.parse(content ?? '')).toThrow(SyntaxError);
  });

  it('reads the issue again when the last message only asks for a repair', async () => {
    const messages = [
      { role: 'user', content: 'Title: Please add dark mode' },
      { role: 'assistant', content: 'nonsense' },
      { role: 'user', content: 'Your answer crashes our parser, it is not valid JSON.' },
    ];
    const { content } = await chat(instantSimulator(), { body: { messages } });
    expect(content).toContain('feature_request');
  });
});

describe('refusals', () => {
  it.each<[string, Request, number, object]>([
    ['no credential', chatRequest({ headers: {} }), 401, { code: '401' }],
    ['an empty token', chatRequest({ headers: { authorization: 'Bearer ' } }), 401, { code: '401' }],
    ['an unknown deployment', chatRequest({ body: { model: 'gpt-9' } }), 404, { code: 'DeploymentNotFound' }],
    [
      'an unknown deployment in the path',
      chatRequest({ path: '/openai/deployments/gpt-9/chat/completions?api-version=2024-10-21' }),
      404,
      { code: 'DeploymentNotFound' },
    ],
    [
      'no api-version',
      chatRequest({ path: '/openai/deployments/gpt-4o-mini/chat/completions' }),
      404,
      { code: '404', message: 'Resource not found' },
    ],
    ['an unknown path', get('/openai/v1/responses', 'POST'), 404, { code: '404', message: 'Resource not found' }],
    ['an unknown path without credential', get('/x', 'GET', {}), 401, { code: '401' }],
    ['no messages', chatRequest({ body: { messages: [] } }), 400, { type: 'invalid_request_error', param: 'messages' }],
    ['streaming', chatRequest({ body: { stream: true } }), 400, { param: 'stream' }],
    ['no model', chatRequest({ body: { model: null } }), 400, { param: 'model' }],
    [
      'no tokens for the answer',
      chatRequest({ body: { max_completion_tokens: 0 } }),
      400,
      { param: 'max_completion_tokens' },
    ],
    [
      'a schema that is not strict',
      chatRequest({ schema: strictObject({ a: { type: 'string', minLength: 2 } }) }),
      400,
      {
        message:
          "Invalid schema for response_format 'triage': In context=('properties', 'a'), 'minLength' is not permitted.",
        type: 'invalid_request_error',
        param: 'response_format',
        code: null,
      },
    ],
    [
      'a schema with a bad name',
      chatRequest({ body: { response_format: { type: 'json_schema', json_schema: { name: 'a b', schema: {} } } } }),
      400,
      {},
    ],
  ])('%s', async (_, request, status, error) => {
    const response = await instantSimulator().handle(request);
    expect(response.status).toBe(status);
    expect(response.headers.get('x-fanfold-simulator')).toBe('true');
    expect(((await response.json()) as { error: object }).error).toMatchObject(error);
  });

  it('refuses a body that is no JSON', async () => {
    const request = new Request('http://simulator/openai/v1/chat/completions', {
      method: 'POST',
      headers: { 'api-key': 'k' },
      body: '{',
    });
    expect((await instantSimulator().handle(request)).status).toBe(400);
  });

  it('refuses a prompt that is longer than the context', async () => {
    const { status, error } = await chat(instantSimulator({ contextTokens: 100 }), { text: 'z'.repeat(1000) });
    expect(status).toBe(400);
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
  });

  it('accepts a bearer token, a versioned path and a loose schema', async () => {
    const simulator = instantSimulator();
    expect((await chat(simulator, { headers: { authorization: 'Bearer t' } })).status).toBe(200);
    expect(
      (
        await chat(simulator, {
          path: '/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21',
          body: { model: null },
        })
      ).status,
    ).toBe(400);
    expect(
      (await chat(simulator, { path: '/openai/deployments/gpt-4o-mini/chat/completions?api-version=2024-10-21' }))
        .status,
    ).toBe(200);
    const loose = {
      type: 'json_schema',
      json_schema: { name: 'n', schema: { type: 'object', properties: { a: { type: 'string', minLength: 2 } } } },
    };
    expect((await chat(simulator, { body: { response_format: loose } })).status).toBe(200);
  });
});

describe('introspection', () => {
  it('tells what was paid for twice, needs no key, and can be reset', async () => {
    const simulator = instantSimulator();
    await chat(simulator, { text: 'once' });
    await chat(simulator, { text: 'twice' });
    await chat(simulator, { text: 'twice', body: { max_completion_tokens: 600 } });
    await chat(simulator, { text: 'cut', body: { max_completion_tokens: 1 } });
    await chat(simulator, { text: 'cut' });
    const stats = async () => (await simulator.handle(get('/_simulator/stats', 'GET', {}))).json();
    expect(await stats()).toMatchObject({ calls: 5, answeredPrompts: 3, answeredTwice: 1 });
    expect((await simulator.handle(get('/_simulator/reset', 'POST', {}))).status).toBe(200);
    expect(await stats()).toMatchObject({ calls: 0, byStatus: {}, answeredPrompts: 0 });
  });

  it('lists models', async () => {
    const simulator = instantSimulator({ deployments: ['a', 'b'] });
    const list = (await (await simulator.handle(get('/openai/v1/models'))).json()) as { data: { id: string }[] };
    expect(list.data.map(({ id }) => id)).toEqual(['a', 'b', 'gpt-4o-mini-2024-07-18']);
    expect((await simulator.handle(get('/openai/v1/models', 'GET', {}))).status).toBe(401);
  });
});

describe('options', () => {
  it.each([
    [{ latencyMs: -5 }, 'latencyMs must be a number from 0 to 600000, got -5'],
    [{ seed: 1.5 }, 'seed must be an integer from 0 to 2147483647, got 1.5'],
    [{ sliceSeconds: 90 }, 'sliceSeconds must be an integer from 1 to 60, got 90'],
    [{ throttleForm: 'loud' }, 'throttleForm must be one of standard, short, current, capacity, legacy; got "loud"'],
    [{ faults: [{ when: { share: 2 }, reply: 'reset' }] }, 'faults.0.when.share must be a number from 0 to 1, got 2'],
    [{ speed: 1 }, 'unknown option speed'],
  ])('%j: %s', (options, message) => {
    expect(() => createOpenAiSimulator(options as never)).toThrow(new RangeError(message));
  });
});
