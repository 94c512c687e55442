import { expect, test } from 'vitest';
import type { df } from '../../helpers/durable-app.ts';
import { createHarness } from '../../helpers/engine-harness.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A `fetch` that gives the answers in turn and notes what it was asked. */
function scriptedFetch(...answers: readonly (Response | Error)[]) {
  const seen: Seen[] = [];
  const queue = [...answers];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    const headers = Object.fromEntries(request.headers);
    seen.push({ method: request.method, url: request.url, headers, body: await request.text() });
    const answer = queue.shift();
    if (!answer || answer instanceof Error) throw answer ?? new Error('no answer left');
    return answer;
  };
  return { fetch, seen };
}

type CallOptions = Parameters<df.OrchestrationContext['df']['callHttp']>[0];

/** An orchestrator that makes one call and returns its answer, or the message of its error. */
function registerCaller(app: typeof df.app, options: CallOptions): void {
  app.orchestration('caller', function* ({ df: durable }) {
    try {
      const { statusCode, headers, content } = (yield durable.callHttp(options)) as never;
      return { statusCode, headers, content };
    } catch (error) {
      return (error as Error).message;
    }
  });
}

test('the answer comes with its status, its own headers, and its content as text', async () => {
  const headers = { 'Content-Type': 'text/plain', 'X-Own': 'yes' };
  const { fetch, seen } = scriptedFetch(new Response('hello', { status: 201, headers }));
  const { run, status, trace } = createHarness(
    app => registerCaller(app, { method: 'POST', url: 'http://example.com/a', body: { n: 1 }, headers: { key: 'k' } }),
    { fetch },
  );
  const id = await run('caller');
  expect(status(id).output).toEqual({ statusCode: 201, headers: { 'x-own': 'yes' }, content: 'hello' });
  expect(seen).toEqual([
    {
      method: 'POST',
      url: 'http://example.com/a',
      headers: { 'content-type': 'application/json', key: 'k' },
      body: '{"n":1}',
    },
  ]);
  expect(trace(id)).toEqual(['12', '0', '4#0', '13', '12', '5→0', '1#1', '13']);
});

test('a 202 is asked for news at its Location, after Retry-After or else the default', async () => {
  const accepted = (headers: Record<string, string>) => new Response('', { status: 202, headers });
  const location = 'http://example.com/news';
  const { fetch, seen } = scriptedFetch(
    accepted({ Location: location, 'Retry-After': '5' }),
    accepted({ Location: location }),
    new Response('done'),
  );
  const headers = { 'x-functions-key': 'secret', Authorization: 'mine' };
  const { run, pass, status, trace, errors } = createHarness(
    app => registerCaller(app, { method: 'POST', url: 'http://example.com/a', body: 'x', headers }),
    { fetch },
  );
  const id = await run('caller');
  await pass(4_999);
  expect(seen).toHaveLength(1);
  await pass(1);
  expect(seen).toHaveLength(2);
  await pass(30_000);
  expect(status(id)).toMatchObject({ runtimeStatus: 'Completed', output: { statusCode: 200, content: 'done' } });
  expect(seen.slice(1)).toEqual([
    { method: 'GET', url: location, headers: { authorization: 'mine' }, body: '' },
    { method: 'GET', url: location, headers: { authorization: 'mine' }, body: '' },
  ]);
  expect(trace(id).filter(each => each.startsWith('4') || each.startsWith('10'))).toEqual([
    '4#0',
    '10#1',
    '4#2',
    '10#3',
    '4#4',
  ]);
  expect(errors).toEqual([]);
});

test('a server that asks for an absurd wait does not get it', async () => {
  const headers = { Location: 'http://example.com/news', 'Retry-After': '99999999999999' };
  const { fetch } = scriptedFetch(new Response('', { status: 202, headers }), new Response('done'));
  const { run, pass, status } = createHarness(
    app => registerCaller(app, { method: 'GET', url: 'http://example.com/a' }),
    {
      fetch,
    },
  );
  const id = await run('caller');
  expect(status(id).runtimeStatus).toBe('Running');
  await pass(6 * 24 * 3_600_000);
  expect(status(id)).toMatchObject({ runtimeStatus: 'Completed' });
});

test("a content type of the caller's own stays, in any case of the name", async () => {
  const { fetch, seen } = scriptedFetch(new Response('ok'));
  const options = { method: 'POST', url: 'http://example.com/a', body: 'x', headers: { 'content-type': 'text/plain' } };
  await createHarness(app => registerCaller(app, options), { fetch }).run('caller');
  expect(seen[0]?.headers).toEqual({ 'content-type': 'text/plain' });
});

test('without polling a 202 is an answer like others', async () => {
  const { fetch } = scriptedFetch(new Response('', { status: 202, headers: { Location: 'http://example.com/n' } }));
  const { run, status } = createHarness(
    app => registerCaller(app, { method: 'GET', url: 'http://example.com/a', enablePolling: false }),
    { fetch },
  );
  expect(status(await run('caller')).output).toMatchObject({ statusCode: 202 });
});

test('a call that gets no answer fails', async () => {
  const { fetch } = scriptedFetch(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') }));
  const { run, status } = createHarness(app => registerCaller(app, { method: 'GET', url: 'http://example.com/a' }), {
    fetch,
  });
  expect(status(await run('caller')).output).toContain('GET http://example.com/a failed: connect ECONNREFUSED');
});

test("a managed identity's token is refused in words", async () => {
  const { fetch, seen } = scriptedFetch();
  const tokenSource = { kind: 'AzureManagedIdentity', resource: 'https://example.com' } as never;
  const { run, status } = createHarness(
    app => registerCaller(app, { method: 'GET', url: 'http://example.com/a', tokenSource }),
    { fetch },
  );
  expect(status(await run('caller')).output).toContain("managed identity's token, which there is only on Azure");
  expect(seen).toEqual([]);
});

test('one that a closing host breaks off is made again by the next', async () => {
  const closing = new AbortController();
  const hanging: typeof globalThis.fetch = (_, init) =>
    new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)));
  const { engine, status, store } = createHarness(
    app => registerCaller(app, { method: 'GET', url: 'http://example.com/a' }),
    { fetch: hanging, closing: closing.signal },
  );
  const { instanceId } = engine.startInstance({ name: 'caller', inputJson: 'null' });
  while (store.readActivities(0, 1).length === 0) await new Promise(resolve => setImmediate(resolve));
  closing.abort();
  await engine.stop();
  expect(status(instanceId).runtimeStatus).toBe('Running');
  expect(store.readActivities(0, 9)).toHaveLength(1);
});
