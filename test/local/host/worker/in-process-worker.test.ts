import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { durableClientPayload } from '../../../../local/host/durable/durable-client.ts';
import { openFixtureWorker } from '../../../helpers/host-fixture.ts';

const responseSchema = z.object({ http: z.object({ body: z.object({ bytes: z.instanceof(Uint8Array) }) }) });
const durableClientJson = durableClientPayload({ port: 7071, hubName: 'HubA', hasRpcEndpoint: true });
let fixture: Awaited<ReturnType<typeof openFixtureWorker>>;
beforeAll(async () => {
  process.env['WEBSITE_HOSTNAME'] = 'localhost:7071';
  fixture = await openFixtureWorker('plain', { durableClientJson, disabled: ['counter'] });
});
afterAll(async () => {
  await fixture[Symbol.asyncDispose]();
  delete process.env['WEBSITE_HOSTNAME'];
});

test('functions are told with their kinds, without the disabled ones', () => {
  const kinds = Object.fromEntries(fixture.worker.functions.map(({ name, kind }) => [name, kind]));
  expect(kinds).toMatchObject({ identity: 'activity', client: 'http' });
  expect(kinds).not.toHaveProperty('counter');
});

test.each([
  [{ string: '"in"' }, { string: 'in' }],
  [{ string: 'not json' }, { string: 'not json' }],
  [{ string: '5' }, { int: 5 }],
  [{ string: '5.5' }, { double: 5.5 }],
  [{ json: '{"a":[1]}' }, { json: '{"a":[1]}' }],
  [{ string: 'true' }, { json: 'true' }],
  [{ int: 3 }, { int: 3 }],
  [{ bytes: Buffer.from([1]) }, { bytes: Buffer.from([1]) }],
  [{}, undefined],
  [{ string: 'null' }, undefined],
])('%j goes through the library and comes back as %j', async (trigger, returnValue) => {
  const outcome = await fixture.worker.invoke('identity', trigger);
  expect(outcome).toEqual(returnValue ? { kind: 'returned', returnValue } : { kind: 'returned' });
});

test('names ignore case; an unknown or disabled one rejects', async () => {
  expect(await fixture.worker.invoke('IDENTITY', { int: 1 })).toMatchObject({ kind: 'returned' });
  await expect(fixture.worker.invoke('nobody', {})).rejects.toThrow('No function "nobody" is registered');
  await expect(fixture.worker.invoke('counter', {})).rejects.toThrow('No function "counter" is registered');
});

test('bytes come back as bytes', async () => {
  const outcome = await fixture.worker.invoke('bytes', {});
  expect(outcome).toMatchObject({ kind: 'returned', returnValue: { bytes: Buffer.from([0, 255, 10]) } });
});

test.each([
  ['error', 'typed', /^TypeError: typed\n/],
  ['text', 'just text', /^$/],
  ['object', '{"code":7}', /^$/],
])('a thrown %s is an outcome', async (kind, message, stack) => {
  const outcome = await fixture.worker.invoke('throws', { string: JSON.stringify(kind) });
  expect(outcome).toEqual({ kind: 'threw', message, stack: expect.stringMatching(stack) });
});

test('throwing undefined counts as returning nothing', async () => {
  expect(await fixture.worker.invoke('throws', {})).toEqual({ kind: 'returned' });
});

test('trigger metadata reaches the handler, camel-cased', async () => {
  const outcome = await fixture.worker.invoke('metadata', {}, { InstanceId: { string: 'i1' } });
  expect(outcome).toEqual({ kind: 'returned', returnValue: { json: '{"instanceId":"i1"}' } });
});

test('the durable client gets its payload, with links on the port of the host', async () => {
  const http = { method: 'GET', url: 'http://localhost:7071/api/client', headers: {}, query: {}, params: {} };
  const outcome = await fixture.worker.invoke('client', { http });
  const { returnValue } = z.object({ returnValue: responseSchema }).parse(outcome);
  const { body } = returnValue.http;
  const { hub, links, data } = JSON.parse(Buffer.from(body.bytes).toString('utf8'));
  expect(hub).toBe('HubA');
  expect(data).toEqual(JSON.parse(durableClientJson));
  const instance = 'http://localhost:7071/runtime/webhooks/durabletask/instances/i1';
  const query = 'taskHub=HubA&connection=Storage&code=local';
  expect(links).toEqual({
    id: 'i1',
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  });
});

test('an input that the host lacks fails the invocation by name', async () => {
  expect(await fixture.worker.invoke('wantsBlob', {})).toMatchObject({
    kind: 'threw',
    message: 'Function "wantsBlob" reads a "blob" input, which this local host does not offer',
  });
});

test('an output that the host lacks is reported and the rest is kept', async () => {
  expect(await fixture.worker.invoke('writesQueue', {})).toEqual({ kind: 'returned', returnValue: { string: 'done' } });
  expect(fixture.lines).toContainEqual({
    level: 'error',
    source: 'writesQueue',
    message: expect.stringMatching(/^Output binding ".*" is not offered/),
  });
});

test('an invocation leaves one debug line and nothing above it', async () => {
  fixture.lines.length = 0;
  await fixture.worker.invoke('identity', { int: 1 });
  expect(fixture.lines).toEqual([
    { level: 'debug', source: 'identity', message: expect.stringMatching(/^returned after \d+ ms$/) },
  ]);
});
