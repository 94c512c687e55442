import { beforeEach, expect, test } from 'vitest';
import { EventType } from '../../../../local/engine/protocol/history.ts';
import { createDurableApi } from '../../../../local/host/durable/durable-api.ts';
import type { HttpReply } from '../../../../local/host/http/http-server.ts';
import { createFakeEngine } from '../../../helpers/fake-engine.ts';

const BASES = ['/runtime/webhooks/durabletask', '/durabletask'] as const;
const ORIGIN = 'http://host.example:7071';
const events = [
  { EventType: EventType.OrchestratorStarted, EventId: -1, IsPlayed: false, Timestamp: '2026-01-01T00:00:00Z' },
  {
    EventType: EventType.EventRaised,
    EventId: -1,
    IsPlayed: false,
    Timestamp: '2026-01-01T00:00:00Z',
    Name: 'go',
    Input: '1',
  },
] as const;

let fake: ReturnType<typeof createFakeEngine>;
let nowMs: number;
let waits: { instantMs: number; callback: () => void }[];
let withdrawn: number[];
let closing: AbortController;
beforeEach(() => {
  fake = createFakeEngine(events);
  nowMs = 0;
  waits = [];
  withdrawn = [];
  closing = new AbortController();
});

interface Init {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function ask(
  method: string,
  path: string,
  { body = '', headers = {} }: Init = {},
): Promise<HttpReply | undefined> {
  const clock = {
    nowMs: () => nowMs,
    callAt: (instantMs: number, callback: () => void) => {
      waits.push({ instantMs, callback });
      return () => withdrawn.push(instantMs);
    },
  };
  const api = createDurableApi({ engine: fake.engine, hubName: 'HubA', clock, closing: closing.signal });
  return api({ method, url: new URL(ORIGIN + path), headers, body: Buffer.from(body) });
}

const bodyOf = (reply: HttpReply | undefined) => JSON.parse(String(reply?.body));
const headersOf = (reply: HttpReply | undefined) => Object.fromEntries(reply?.headers ?? []);
const jsonType = { headers: { 'content-type': 'application/json; charset=utf-8' } };

test('paths elsewhere are left to others, unknown ones within are 404', async () => {
  expect(await ask('GET', '/api/instances')).toBeUndefined();
  expect(await ask('GET', '/durabletaskx/instances')).toBeUndefined();
  expect(await ask('GET', '/durabletask/%E0%A4%A')).toBeUndefined();
  for (const path of ['', '/', '/other', '/instances/i1/terminate', '/orchestrators/hello']) {
    expect(await ask('GET', `/durabletask${path}`)).toEqual({ status: 404 });
  }
  for (const path of [
    '/orchestrators',
    '/orchestrators/a/b/c',
    '/instances',
    '/instances/i1',
    '/instances/i1/odd',
    '/instances/i1/raiseEvent',
  ]) {
    expect(await ask('POST', `/durabletask${path}`)).toEqual({ status: 404 });
  }
});

test.each(BASES)('a start under %s is 202 with links, Location and Retry-After', async base => {
  const reply = await ask('POST', `${base}/orchestrators/hello/i%201?version=2`, { body: '{"a": 1}' });
  expect(fake.calls).toEqual([
    ['startInstance', { name: 'hello', instanceId: 'i 1', inputJson: '{"a": 1}', version: '2' }],
  ]);
  const instance = `${ORIGIN}/runtime/webhooks/durabletask/instances/i%201`;
  const query = 'taskHub=HubA&connection=Storage&code=local';
  expect(bodyOf(reply)).toEqual({
    id: 'i 1',
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  });
  expect(reply?.status).toBe(202);
  expect(headersOf(reply)).toEqual({
    'Content-Type': 'application/json; charset=utf-8',
    Location: `${instance}?${query}`,
    'Retry-After': '10',
  });
});

test('a start without id or body gets an id and the input null; the text "" is kept', async () => {
  expect(bodyOf(await ask('POST', '/durabletask/orchestrators/hello')).id).toBe('f'.repeat(32));
  await ask('POST', '/durabletask/orchestrators/hello/i2', { body: '""' });
  expect(fake.calls.map(([, request]) => request)).toEqual([
    { name: 'hello', inputJson: 'null' },
    { name: 'hello', instanceId: 'i2', inputJson: '""' },
  ]);
});

test.each([
  ['unknown', '{}', 400, { Message: 'The function unknown does not exist.' }],
  ['hello/@x', '{}', 400, { Message: 'An id must not start with @.' }],
  ['hello/i1', '{}', 409, { Message: 'Instance i1 is running.' }],
  [
    'hello',
    '{',
    400,
    {
      Message: 'Invalid JSON content',
      ExceptionMessage: expect.any(String),
      ExceptionType: 'SyntaxError',
      StackTrace: expect.any(String),
    },
  ],
])('a start of %s with %s is refused by %i', async (path, body, status, message) => {
  fake.set({ instanceId: 'i1' });
  const reply = await ask('POST', `/durabletask/orchestrators/${path}`, { body });
  expect([reply?.status, bodyOf(reply)]).toEqual([status, message]);
});

test('a start with timeout waits in steps and answers with the output', async () => {
  const reply = ask('POST', '/durabletask/orchestrators/hello/i1?timeout=10&pollingInterval=4');
  await Promise.resolve();
  expect(waits.map(({ instantMs }) => instantMs)).toEqual([4000]);
  nowMs = 4000;
  fake.set({ instanceId: 'i1', runtimeStatus: 'Completed', outputJson: '["done"]' });
  waits[0]?.callback();
  expect(await reply).toMatchObject({ status: 200, body: '["done"]' });
});

test('a start with timeout answers with links when the time is up, and with the status when the instance failed', async () => {
  const late = ask('POST', '/durabletask/orchestrators/hello/i1?timeout=5&pollingInterval=4');
  await Promise.resolve();
  nowMs = 4000;
  waits[0]?.callback();
  await Promise.resolve();
  await Promise.resolve();
  expect(waits.map(({ instantMs }) => instantMs)).toEqual([4000, 5000]);
  nowMs = 5000;
  waits[1]?.callback();
  expect(await late).toMatchObject({ status: 202 });

  const failed = ask('POST', '/durabletask/orchestrators/hello/i2?timeout=5&pollingInterval=1');
  await Promise.resolve();
  fake.set({ instanceId: 'i2', runtimeStatus: 'Failed', outputJson: 'broke' });
  waits[2]?.callback();
  expect(bodyOf(await failed)).toMatchObject({ runtimeStatus: 'Failed', output: 'broke' });
});

test('a wait ends when the host closes', async () => {
  const reply = ask('POST', '/durabletask/orchestrators/hello/i1?timeout=500&pollingInterval=400');
  await Promise.resolve();
  closing.abort();
  expect(await reply).toMatchObject({ status: 202 });
  expect(withdrawn).toEqual([400_000]);
});

test.each(['Running', 'Pending', 'ContinuedAsNew', 'Suspended'] as const)(
  'the status of a %s instance is 202 with Location',
  async runtimeStatus => {
    fake.set({ instanceId: 'i1', runtimeStatus });
    const reply = await ask('GET', '/runtime/webhooks/durabletask/instances/i1?code=local');
    expect([reply?.status, bodyOf(reply).runtimeStatus]).toEqual([202, runtimeStatus]);
    expect(headersOf(reply)).toMatchObject({
      Location: `${ORIGIN}/runtime/webhooks/durabletask/instances/i1?code=local`,
      'Retry-After': '5',
    });
  },
);

test.each([
  ['Completed', '', 200],
  ['Terminated', '', 200],
  ['Canceled', '', 200],
  ['Failed', '', 200],
  ['Failed', '?returnInternalServerErrorOnFailure=True', 500],
  ['Completed', '?returnInternalServerErrorOnFailure=true', 200],
] as const)('the status of a %s instance with %j is %i without Location', async (runtimeStatus, query, status) => {
  fake.set({ instanceId: 'i1', runtimeStatus });
  const reply = await ask('GET', `/durabletask/instances/i1${query}`);
  expect([reply?.status, headersOf(reply)['Location']]).toEqual([status, undefined]);
});

test('history and input are shown as asked; a pending instance has no history yet', async () => {
  const show = async (query: string) => bodyOf(await ask('GET', `/durabletask/instances/i1?${query}`));
  fake.set({ instanceId: 'i1' });
  expect(await show('')).not.toHaveProperty('historyEvents');
  const shown = { EventType: 'EventRaised', Timestamp: '2026-01-01T00:00:00Z', Name: 'go' };
  expect(await show('showHistory=true')).toMatchObject({ input: { n: 1 }, historyEvents: [{ ...shown, Input: '1' }] });
  expect(await show('showHistory=true&showInput=false')).toMatchObject({ input: null, historyEvents: [shown] });
  fake.set({ instanceId: 'i1', runtimeStatus: 'Pending' });
  expect(await show('showHistory=true')).not.toHaveProperty('historyEvents');
});

test('an unknown instance is 404 without a body', async () => {
  expect(await ask('GET', '/durabletask/instances/nobody')).toEqual({ status: 404 });
});

test('a list takes filters, a page size and a token, and gives the next token', async () => {
  fake.set({ instanceId: 'i1' });
  const query =
    'instanceIdPrefix=a&createdTimeFrom=2026-01-01T00:00:00.000Z&createdTimeTo=2026-01-02&runtimeStatus=Running,Odd&runtimeStatus=Failed&top=2&showInput=false';
  const first = await ask('GET', `/durabletask/instances/?${query}`);
  expect(fake.calls[0]?.[1]).toEqual({
    instanceIdPrefix: 'a',
    createdFromMs: Date.UTC(2026, 0, 1),
    createdToMs: Date.UTC(2026, 0, 2),
    runtimeStatus: ['Running', 'Failed'],
    top: 2,
  });
  expect(bodyOf(first)).toEqual([expect.objectContaining({ instanceId: 'i1', input: null })]);
  expect([first?.status, headersOf(first)['x-ms-continuation-token']]).toEqual([200, 'last']);
  const last = await ask('GET', '/durabletask/instances', { headers: { 'x-ms-continuation-token': 'last' } });
  expect(fake.calls[1]?.[1]).toEqual({ continuationToken: 'last' });
  expect(headersOf(last)).not.toHaveProperty('x-ms-continuation-token');
});

test('what cannot be read in a list request narrows nothing', async () => {
  await ask('GET', '/durabletask/instances?createdTimeFrom=soon&runtimeStatus=Odd&top=few');
  await ask('GET', '/durabletask/instances?top=0');
  expect(fake.calls.map(([, filter]) => filter)).toEqual([{}, {}]);
});

test('an event is raised with its JSON as sent', async () => {
  fake.set({ instanceId: 'i1' });
  const reply = await ask('POST', '/durabletask/instances/i1/raiseEvent/go%20on', { body: ' {"a":1}', ...jsonType });
  expect(reply).toEqual({ status: 202 });
  expect(fake.calls).toEqual([['raiseEvent', 'i1', 'go on', ' {"a":1}']]);
});

test.each([
  ['nobody', '1', 'application/json', 404],
  ['ended', 'no json', 'text/plain', 410],
  ['i1', '1', 'text/plain', 400],
  ['i1', '', 'application/json', 400],
  ['i1', '{', 'application/json', 400],
])('an event for %s with %j as %s is %i', async (instanceId, body, contentType, status) => {
  fake.set({ instanceId: 'i1' });
  fake.set({ instanceId: 'ended', runtimeStatus: 'Completed' });
  const path = `/durabletask/instances/${instanceId}/raiseEvent/go`;
  expect((await ask('POST', path, { body, headers: { 'content-type': contentType } }))?.status).toBe(status);
  expect(fake.calls).toEqual([]);
});

test.each(['terminate', 'suspend', 'resume'])('%s passes its reason and answers by the state', async operation => {
  fake.set({ instanceId: 'i1' });
  fake.set({ instanceId: 'ended', runtimeStatus: 'Completed' });
  expect(await ask('POST', `/durabletask/instances/i1/${operation}?reason=two%20words`)).toEqual({ status: 202 });
  expect(fake.calls).toEqual([[operation, 'i1', 'two words']]);
  expect(await ask('POST', `/durabletask/instances/ended/${operation}`)).toEqual({ status: 410 });
  expect(await ask('POST', `/durabletask/instances/nobody/${operation}`)).toEqual({ status: 404 });
});

test('suspending a suspended instance is 500 and says so', async () => {
  fake.set({ instanceId: 'i1', runtimeStatus: 'Suspended' });
  const reply = await ask('POST', '/durabletask/instances/i1/suspend');
  expect([reply?.status, bodyOf(reply)]).toEqual([
    500,
    { Message: "Cannot suspend instance 'i1' in the state 'Suspended'." },
  ]);
});

test('purging is 200 with a count, then 404', async () => {
  fake.set({ instanceId: 'i1' });
  const reply = await ask('DELETE', '/durabletask/instances/i1');
  expect([reply?.status, bodyOf(reply)]).toEqual([200, { instancesDeleted: 1 }]);
  expect(await ask('DELETE', '/durabletask/instances/i1')).toEqual({ status: 404 });
});

test('purging by filter needs an instant to begin with, and says how many went', async () => {
  const path = '/durabletask/instances';
  expect(await ask('DELETE', path)).toMatchObject({ status: 400 });
  expect(await ask('DELETE', `${path}?createdTimeFrom=2026-01-01`)).toEqual({ status: 404 });
  fake.set({ instanceId: 'i1' });
  const query = 'createdTimeFrom=2026-01-01&createdTimeTo=2026-02-01&runtimeStatus=Completed,Failed';
  const reply = await ask('DELETE', `${path}?${query}`);
  expect([reply?.status, bodyOf(reply)]).toEqual([200, { instancesDeleted: 1 }]);
  expect(fake.calls.at(-1)).toEqual([
    'purgeFinished',
    {
      createdFromMs: Date.UTC(2026, 0, 1),
      createdToMs: Date.UTC(2026, 1, 1),
      runtimeStatus: ['Completed', 'Failed'],
    },
  ]);
});

test('a rewind is passed on with its reason', async () => {
  expect(await ask('POST', '/durabletask/instances/i1/rewind')).toEqual({ status: 404 });
  fake.set({ instanceId: 'i1', runtimeStatus: 'Failed' });
  expect(await ask('POST', '/durabletask/instances/i1/rewind?reason=mended')).toEqual({ status: 202 });
  expect(fake.calls.at(-1)).toEqual(['rewind', 'i1', 'mended']);
});

test.each([
  ['', 'f'.repeat(32), 'false'],
  ['?restartWithNewInstanceId=true', 'f'.repeat(32), 'false'],
  ['?restartWithNewInstanceId=false', 'i1', 'true'],
])('a restart%s answers with the links of the new instance', async (query, id, keepsId) => {
  fake.set({ instanceId: 'i1' });
  const reply = await ask('POST', `/durabletask/instances/i1/restart${query}`);
  expect([reply?.status, bodyOf(reply).id]).toEqual([202, id]);
  expect(fake.calls.at(-1)).toEqual(['restart', 'i1', keepsId]);
  expect(await ask('POST', `/durabletask/instances/unknown/restart${query}`)).toMatchObject({ status: 400 });
});
