import { beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../../local/engine/clock.ts';
import { createDurableApi } from '../../../../local/host/durable/durable-api.ts';
import { createFakeEngine } from '../../../helpers/fake-engine.ts';

let fake: ReturnType<typeof createFakeEngine>;
beforeEach(() => {
  fake = createFakeEngine();
});

async function ask(method: string, path: string, body = '', headers: Readonly<Record<string, string>> = {}) {
  const { signal } = new AbortController();
  const api = createDurableApi({ engine: fake.engine, hubName: 'HubA', clock: systemClock, closing: signal });
  const url = new URL(`http://host.example/runtime/webhooks/durabletask/entities${path}`);
  const reply = await api({ method, url, headers, body: Buffer.from(body) });
  return { status: reply?.status, body: reply?.body && JSON.parse(String(reply.body)), headers: reply?.headers };
}

const jsonType = { 'content-type': 'application/json' };

test('the state of an entity is read by name, in any case, and key', async () => {
  fake.setEntity({ entityId: '@counter@A', stateJson: '{"n":5}', lastOperationAtMs: 0 });
  expect(await ask('GET', '/Counter/A')).toMatchObject({ status: 200, body: { n: 5 } });
  expect(await ask('GET', '/Counter/a')).toMatchObject({ status: 404 });
});

test('an entity that exists without a state reads null', async () => {
  fake.setEntity({ entityId: '@counter@a', stateJson: '', lastOperationAtMs: 0 });
  expect(await ask('GET', '/counter/a')).toMatchObject({ status: 200, body: null });
});

test('one that a batch has deleted is not there', async () => {
  fake.setEntity({ entityId: '@counter@a', stateJson: null, lastOperationAtMs: 0 });
  expect(await ask('GET', '/counter/a')).toMatchObject({ status: 404 });
});

test('the key $ stands for the empty one', async () => {
  fake.setEntity({ entityId: '@counter@', stateJson: '1', lastOperationAtMs: 0 });
  expect(await ask('GET', '/counter/$')).toMatchObject({ status: 200, body: 1 });
});

test.each([
  ['JSON as its value', '{"by":2}', jsonType, '{"by":2}'],
  ['other content as text', 'two', {}, '"two"'],
  ['no content as none', '', jsonType, 'null'],
])('a signal carries %s', async (_, body, headers, inputJson) => {
  expect(await ask('POST', '/counter/a?op=add', body, headers)).toMatchObject({ status: 202 });
  expect(fake.calls).toEqual([['signalEntity', '@counter@a', 'add', inputJson]]);
});

test('DELETE is the operation "delete"', async () => {
  expect(await ask('DELETE', '/counter/a', 'ignored')).toMatchObject({ status: 202 });
  expect(fake.calls).toEqual([['signalEntity', '@counter@a', 'delete', 'null']]);
});

test('what is not JSON, and an entity that the app lacks, are refused', async () => {
  expect(await ask('POST', '/counter/a?op=add', '{', jsonType)).toMatchObject({
    status: 400,
    body: { Message: 'Invalid JSON content' },
  });
  expect(await ask('POST', '/unknown/a?op=add')).toMatchObject({
    status: 400,
    body: { Message: "The function 'unknown' doesn't exist or is not an entity." },
  });
});

test.each([
  ['PUT', '/counter/a'],
  ['POST', '/counter'],
  ['GET', '/counter/a/b'],
])('%s %s is 404', async (method, path) => {
  expect(await ask(method, path)).toMatchObject({ status: 404 });
});

test('a list shows states when asked, takes its filter from the query, and gives the next token', async () => {
  fake.setEntity({ entityId: '@counter@a', stateJson: '1', lastOperationAtMs: Date.UTC(2026, 0, 1) });
  const entry = { entityId: { name: 'counter', key: 'a' }, lastOperationTime: '2026-01-01T00:00:00.000Z' };
  expect(await ask('GET', '')).toMatchObject({ status: 200, body: [entry] });
  const query = 'fetchState=true&lastOperationTimeFrom=2026-01-01&lastOperationTimeTo=2026-02-01&top=5';
  const listed = await ask('GET', `/Counter?${query}`, '', { 'x-ms-continuation-token': 'first' });
  expect(listed.body).toEqual([{ ...entry, state: 1 }]);
  expect(listed.headers).toContainEqual(['x-ms-continuation-token', 'last']);
  expect(fake.calls.at(-1)).toEqual([
    'listEntities',
    {
      name: 'Counter',
      lastOperationFromMs: Date.UTC(2026, 0, 1),
      lastOperationToMs: Date.UTC(2026, 1, 1),
      top: 5,
      continuationToken: 'first',
    },
  ]);
});
