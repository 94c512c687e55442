import OpenAI, { AzureOpenAI } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { generate } from 'selfsigned';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { OpenAiSimulatorOptions } from '../../../local/simulators/openai-options.ts';
import { type RunningOpenAiSimulator, startOpenAiSimulator } from '../../../local/simulators/openai-server.ts';

const running: RunningOpenAiSimulator[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map(simulator => simulator.close()));
});

async function start(options: OpenAiSimulatorOptions = {}) {
  const simulator = await startOpenAiSimulator({ latencyMs: 0, ...options, port: 0 });
  running.push(simulator);
  const client = new OpenAI({ baseURL: `${simulator.url}/openai/v1`, apiKey: 'any', maxRetries: 0 });
  return { simulator, client };
}

const Triage = z.object({
  category: z.enum(['bug', 'feature_request', 'question', 'other']),
  priority: z.enum(['critical', 'high', 'medium', 'low']),
  priorityReason: z.string(),
  component: z.string().nullable(),
  detail: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('bug'), steps: z.array(z.string()) }),
    z.object({ kind: z.literal('wish'), benefit: z.string() }),
  ]),
  labels: z.array(z.string()),
  confidence: z.number(),
});
const request = (text: string) => ({
  model: 'gpt-4o-mini',
  messages: [
    { role: 'system' as const, content: 'Triage the issue.' },
    { role: 'user' as const, content: text },
  ],
  max_completion_tokens: 500,
  response_format: zodResponseFormat(Triage, 'triage'),
});
const CRASH = 'Title: App crashes for all users\nDescription: It crashes on every start since the update.';

describe('the openai client', () => {
  it('parses answers by a zod schema, with the raw response at hand', async () => {
    const { client } = await start();
    const { data, response, request_id } = await client.chat.completions.parse(request(CRASH)).withResponse();
    expect(data.choices[0]?.message.parsed).toMatchObject({
      category: 'bug',
      priority: 'critical',
      detail: { kind: 'bug' },
    });
    expect(data.usage?.total_tokens).toBeGreaterThan(0);
    expect(response.headers.get('x-fanfold-simulator')).toBe('true');
    expect(request_id).toBe(response.headers.get('x-request-id'));
  });

  it('works with the Azure class, a key header and the versioned path', async () => {
    const { simulator } = await start();
    const client = new AzureOpenAI({ endpoint: simulator.url, apiKey: 'k', apiVersion: '2024-10-21', maxRetries: 0 });
    const completion = await client.chat.completions.create({ ...request(CRASH), model: 'gpt-4o-mini' });
    expect(Triage.parse(JSON.parse(completion.choices[0]?.message.content ?? '')).category).toBe('bug');
  });

  it('gets a schema with bounds refused', async () => {
    const { client } = await start();
    const bounded = {
      ...request(CRASH),
      response_format: zodResponseFormat(z.object({ n: z.number().min(1) }), 'bounded'),
    };
    await expect(client.chat.completions.create(bounded)).rejects.toMatchObject({
      status: 400,
      param: 'response_format',
      message: expect.stringContaining("'minimum' is not permitted"),
    });
  });

  it.each([
    ['rate_limited', OpenAI.RateLimitError, { status: 429 }],
    ['unauthorized', OpenAI.AuthenticationError, { status: 401 }],
    ['deployment_not_found', OpenAI.NotFoundError, { status: 404, code: 'DeploymentNotFound' }],
    ['content_filter', OpenAI.BadRequestError, { code: 'content_filter' }],
    ['server_error_html', OpenAI.InternalServerError, { status: 502 }],
    ['server_error_empty', OpenAI.InternalServerError, { status: 503 }],
    ['reset', OpenAI.APIConnectionError, { status: undefined }],
  ] as const)('sees %s as its own kind of error', async (reply, kind, fields) => {
    const { client } = await start({ faults: [{ reply }] });
    const error = await client.chat.completions.create(request(CRASH)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject(fields);
  });

  it('runs into its timeout where no answer comes, and the call ends here too', async () => {
    const { client, simulator } = await start({ faults: [{ reply: 'timeout' }] });
    const call = client.chat.completions.create(request(CRASH), { timeout: 100 });
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIConnectionTimeoutError);
    await expect.poll(() => simulator.stats()).toMatchObject({ calls: 1, unanswered: 1, inFlight: 0 });
  });

  it('retries by itself and is counted', async () => {
    const { simulator } = await start({ faults: [{ attempts: 2, reply: 'rate_limited', retryAfterSeconds: 0 }] });
    const client = new OpenAI({ baseURL: `${simulator.url}/openai/v1`, apiKey: 'any', maxRetries: 2 });
    await client.chat.completions.create(request(CRASH));
    expect(simulator.stats()).toMatchObject({ calls: 3, throttled: 2, byStatus: { 200: 1, 429: 2 }, answeredTwice: 0 });
  });
});

describe('startOpenAiSimulator', () => {
  it('serves many calls at once', async () => {
    const { client, simulator } = await start();
    const texts = Array.from({ length: 60 }, (_, index) => `${CRASH} Number ${index}.`);
    await Promise.all(texts.map(text => client.chat.completions.create(request(text))));
    expect(simulator.stats()).toMatchObject({ calls: 60, completed: 60, answeredPrompts: 60, inFlight: 0 });
  });

  it('speaks HTTPS', async () => {
    const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }]);
    const simulator = await startOpenAiSimulator({ port: 0, latencyMs: 0, tls: { key, cert } });
    running.push(simulator);
    expect(simulator.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
    const response = await undiciFetch(`${simulator.url}/_simulator/stats`, { dispatcher });
    expect(await response.json()).toMatchObject({ calls: 0 });
    await dispatcher.close();
  });

  it('closes with calls in flight', async () => {
    const { client, simulator } = await start({ faults: [{ reply: 'timeout' }] });
    const call = client.chat.completions.create(request(CRASH)).catch((error: unknown) => error);
    await expect.poll(() => simulator.stats().inFlight).toBe(1);
    await simulator.close();
    expect(await call).toBeInstanceOf(OpenAI.APIConnectionError);
    running.splice(0);
  });

  it('refuses options out of range and a port that is taken', async () => {
    await expect(startOpenAiSimulator({ port: 0, latencyCv: 9 })).rejects.toThrow(
      'latencyCv must be a number from 0 to 5, got 9',
    );
    const { simulator } = await start();
    await expect(startOpenAiSimulator({ port: simulator.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  it('answers odd requests without falling over', async () => {
    const { simulator } = await start();
    const odd = await fetch(`${simulator.url}/openai/v1/chat/completions`, {
      method: 'PUT',
      body: 'x',
      headers: { 'api-key': 'k' },
    });
    expect(odd.status).toBe(404);
    const brokenPath = await fetch(`${simulator.url}/openai/deployments/%E0%A4%A/chat/completions?api-version=1`, {
      method: 'POST',
      headers: { 'api-key': 'k' },
      body: '{}',
    });
    expect(brokenPath.status).toBe(404);
    expect((await fetch(`${simulator.url}/_simulator/stats`)).status).toBe(200);
  });
});
