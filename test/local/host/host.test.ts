import { cp, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { setEnvironment } from '../../../local/host/app-settings.ts';
import { type Host, startHost } from '../../../local/host/host.ts';
import { collectLog, fixtureApp, pollUntil } from '../../helpers/host-fixture.ts';

const OVERRIDE = 'AzureFunctionsJobHost__extensions__durableTask__';
const statusSchema = z.looseObject({ runtimeStatus: z.string() });
const { log, lines } = collectLog();
let folder: string;
let host: Host | undefined;
let restoreEnvironment: () => void;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'host-'));
  lines.length = 0;
  restoreEnvironment = () => {};
});
afterEach(async () => {
  await host?.close();
  host = undefined;
  restoreEnvironment();
});

async function start(appFolder = fixtureApp('durable'), port = 0): Promise<Host> {
  host = await startHost({ appFolder, port, stateFile: join(folder, 'deep/state.db'), log });
  return host;
}

/** A copy of a fixture app outside the project, which finds the same packages. */
async function copyOf(app: string): Promise<string> {
  const copy = join(folder, app);
  await cp(fixtureApp(app), copy, { recursive: true });
  await symlink(join(fixtureApp(app), '../../../../node_modules'), join(copy, 'node_modules'));
  return copy;
}

async function ask(path: string, init: RequestInit = {}): Promise<{ status: number; headers: Headers; body: unknown }> {
  const { status, headers, ...response } = await fetch(new URL(path, host?.url), init).then(async given => ({
    status: given.status,
    headers: given.headers,
    text: await given.text(),
  }));
  const isJson = headers.get('content-type')?.startsWith('application/json');
  return { status, headers, body: isJson ? JSON.parse(response.text) : response.text };
}

const post = (path: string, body?: unknown) =>
  ask(path, { method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) });

const statusOf = async (id: string, query = '') =>
  statusSchema.parse((await ask(`/runtime/webhooks/durabletask/instances/${id}?${query}`)).body);

const statusWhen = (id: string, wanted: string, query = '') =>
  pollUntil(
    () => statusOf(id, query),
    ({ runtimeStatus }) => runtimeStatus === wanted,
  );

test('a starter answers 202 with links on this host, which lead to the finished instance', async () => {
  const { port } = await start();
  const started = await post('/api/start/hello/h1', ['Ada', 'Bob']);
  const instance = `http://localhost:${port}/runtime/webhooks/durabletask/instances/h1`;
  const query = 'taskHub=FixtureHub&connection=Storage&code=local';
  expect(started).toMatchObject({
    status: 202,
    body: {
      id: 'h1',
      statusQueryGetUri: `${instance}?${query}`,
      rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    },
  });
  expect(started.headers.get('location')).toBe(`${instance}?${query}`);
  const done = await pollUntil(
    () => ask(started.headers.get('location') ?? ''),
    ({ status }) => status === 200,
  );
  const second = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(done.body).toEqual({
    name: 'hello',
    instanceId: 'h1',
    runtimeStatus: 'Completed',
    input: ['Ada', 'Bob'],
    customStatus: { done: 2 },
    output: ['Hello, Ada!', 'Hello, Bob!'],
    createdTime: second,
    lastUpdatedTime: second,
  });
});

test('the history of a finished instance is folded', async () => {
  await start();
  await post('/api/start/hello/h1', ['Ada']);
  await statusWhen('h1', 'Completed');
  const { historyEvents } = await statusOf('h1', 'showHistory=true&showHistoryOutput=true');
  const at = expect.stringMatching(/^\d{4}-.*Z$/);
  expect(historyEvents).toEqual([
    { EventType: 'ExecutionStarted', Timestamp: at, Input: '["Ada"]', FunctionName: 'hello' },
    {
      EventType: 'TaskCompleted',
      Timestamp: at,
      Result: 'Hello, Ada!',
      ScheduledTime: at,
      FunctionName: 'greet',
      Input: null,
    },
    {
      EventType: 'ExecutionCompleted',
      Timestamp: at,
      OrchestrationStatus: 'Completed',
      Result: ['Hello, Ada!'],
      Details: null,
    },
  ]);
});

test('an instance that fails shows the activity and its message, and 500 when asked to', async () => {
  await start();
  await post('/api/start/broken/b1');
  const { output } = await statusWhen('b1', 'Failed');
  expect(output).toMatch(/^Orchestrator function 'broken' failed: Activity function 'fail' failed: {2}activity broke/);
  const path = '/runtime/webhooks/durabletask/instances/b1';
  expect((await ask(path)).status).toBe(200);
  expect((await ask(`${path}?returnInternalServerErrorOnFailure=true`)).status).toBe(500);
});

/** Does a thing by the durable client of the app. */
const control = (action: string, id = '', body?: object) => post(`/api/control/${action}/${id}`, body);

test('the client of the app reads the status and raises events', async () => {
  await start();
  await post('/api/start/waiting/w1');
  await statusWhen('w1', 'Running');
  // Undefined data sends an empty body, which is not JSON.
  expect(await control('raise', 'w1', { name: 'go' })).toMatchObject({
    status: 502,
    body: { message: expect.stringContaining('Invalid JSON content') },
  });
  expect(await control('raise', 'w1', { name: 'go', data: { by: 'test' } })).toMatchObject({ status: 200 });
  expect(await post('/api/wait/w1')).toMatchObject({ status: 200, body: { by: 'test' } });
  expect(await control('status', 'w1')).toMatchObject({
    body: {
      answer: { name: 'waiting', instanceId: 'w1', runtimeStatus: 'Completed', input: '', output: { by: 'test' } },
    },
  });
  expect(await control('raise', 'w1', { name: 'go', data: 1 })).toMatchObject({ status: 200 });
  expect(await control('raise', 'nobody', { name: 'go', data: 1 })).toMatchObject({
    status: 502,
    body: { message: "No instance with ID 'nobody' found." },
  });
  expect(await control('status', 'nobody')).toMatchObject({
    body: { message: expect.stringContaining('HTTP 404 response') },
  });
});

test('the client terminates, suspends, resumes and purges', async () => {
  await start();
  await post('/api/start/waiting/w1');
  await statusWhen('w1', 'Running');
  await control('suspend', 'w1', { reason: 'hold on' });
  await statusWhen('w1', 'Suspended');
  expect(await control('suspend', 'w1', { reason: 'again' })).toMatchObject({
    status: 502,
    body: { message: expect.stringContaining('unexpected status code: 500') },
  });
  await control('resume', 'w1', { reason: 'go on' });
  await statusWhen('w1', 'Running');
  await control('terminate', 'w1', { reason: 'enough of it' });
  expect(await statusWhen('w1', 'Terminated')).toMatchObject({ output: 'enough of it' });
  expect(await control('terminate', 'w1', { reason: 'again' })).toMatchObject({ status: 200 });
  expect(await control('purge', 'w1')).toMatchObject({ body: { answer: { instancesDeleted: 1 } } });
  expect(await control('purge', 'w1')).toMatchObject({ body: { answer: { instancesDeleted: 0 } } });
});

test('a running id is refused, a finished one starts anew', async () => {
  await start();
  expect((await post('/api/start/waiting/w1')).status).toBe(202);
  const again = await ask('/runtime/webhooks/durabletask/orchestrators/waiting/w1', { method: 'POST' });
  expect([again.status, again.body]).toEqual([409, { Message: expect.stringContaining('w1') }]);
  await control('terminate', 'w1', { reason: 'done' });
  await statusWhen('w1', 'Terminated');
  expect((await post('/api/start/hello/w1', [])).status).toBe(202);
  expect(await statusWhen('w1', 'Completed')).toMatchObject({ name: 'hello', output: [] });
});

test('an unknown orchestrator is refused', async () => {
  await start();
  const refused = await ask('/durabletask/orchestrators/nobody', { method: 'POST' });
  expect([refused.status, refused.body]).toEqual([400, { Message: expect.stringContaining('nobody') }]);
});

test('the client lists all instances over several pages', async () => {
  const { engine } = await start();
  const ids = Array.from({ length: 105 }, (_, i) => `p${i}`);
  for (const instanceId of ids) engine.startInstance({ name: 'waiting', instanceId, inputJson: 'null' });
  const all = z.object({ answer: z.array(z.object({ instanceId: z.string() })) }).parse((await control('all')).body);
  expect(all.answer.map(({ instanceId }) => instanceId).toSorted()).toEqual(ids.toSorted());
});

test('the client tells what the host does not offer', async () => {
  await start();
  await post('/api/start/hello/h1', []);
  expect(await control('rewind', 'h1', { reason: 'x' })).toMatchObject({
    status: 502,
    body: { message: 'This local host does not offer rewind yet.' },
  });
});

test('without the rpc endpoint the client works by the public links', async () => {
  restoreEnvironment = setEnvironment({ [`${OVERRIDE}localRpcEndpointEnabled`]: 'false' });
  await start();
  expect((await post('/api/start/waiting/w1')).status).toBe(202);
  await control('raise', 'w1', { name: 'go', data: 5 });
  expect(await post('/api/wait/w1')).toMatchObject({ status: 200, body: 5 });
  expect(await control('purge', 'w1')).toMatchObject({ body: { answer: { instancesDeleted: 1 } } });
});

test('an instance that waits goes on after a restart on the same state file', async () => {
  await start();
  await post('/api/start/waiting/w1');
  await statusWhen('w1', 'Running');
  await host?.close();
  await start();
  await control('raise', 'w1', { name: 'go', data: 'after' });
  expect(await statusWhen('w1', 'Completed')).toMatchObject({ output: 'after' });
});

test('closing lets an activity in flight end', async () => {
  await start();
  const [started, release] = [join(folder, 'started'), join(folder, 'release')];
  await post('/api/start/holding/h1', { started, release });
  await pollUntil(
    () => readFile(started, 'utf8').catch(() => ''),
    pid => pid !== '',
  );
  let isClosed = false;
  const closed = host?.close().then(() => {
    isClosed = true;
  });
  expect((await post('/api/start/hello')).status).toBe(503);
  expect(isClosed).toBe(false);
  await writeFile(release, '');
  await closed;
  await start();
  expect(await statusWhen('h1', 'Completed')).toMatchObject({
    output: { held: 'released', greeting: 'Hello, again!' },
  });
});

test('local settings reach the app, do not override, and are gone after closing', async () => {
  const copy = await copyOf('http');
  const Values = { EXTRA: 'from the file', 'AzureWebJobs.off.Disabled': 'true', HOST_TEST_SET: 'file' };
  await writeFile(join(copy, 'local.settings.json'), JSON.stringify({ Values }));
  restoreEnvironment = setEnvironment({ HOST_TEST_SET: 'environment' });
  const { port } = await start(copy);
  expect((await ask('/v1/setting')).body).toEqual({ name: `localhost:${port}`, extra: 'from the file' });
  expect(process.env['HOST_TEST_SET']).toBe('environment');
  expect((await ask('/v1/off')).status).toBe(404);
  await host?.close();
  expect([process.env['EXTRA'], process.env['WEBSITE_HOSTNAME']]).toEqual([undefined, undefined]);
  expect(process.env['HOST_TEST_SET']).toBe('environment');
});

test('triggers that the host does not run are told at the start', async () => {
  await start(fixtureApp('http'));
  expect(lines.filter(({ level }) => level === 'warning')).toEqual([
    { level: 'warning', source: 'tick', message: 'this local host does not run its kind of trigger' },
  ]);
});

test('activities leave no line at information or above', async () => {
  await start();
  await post('/api/start/hello/h1', ['Ada', 'Bob', 'Cid']);
  await statusWhen('h1', 'Completed');
  expect(lines.filter(({ level, source }) => source === 'greet' && level !== 'debug')).toEqual([]);
  expect(lines.filter(({ source }) => source === 'greet')).toHaveLength(3);
});

test('a value out of range stops the start, and nothing stays open', async () => {
  restoreEnvironment = setEnvironment({ [`${OVERRIDE}maxConcurrentActivityFunctions`]: '0' });
  await expect(start()).rejects.toThrow(
    'host.json extensions.durableTask.maxConcurrentActivityFunctions is "0"; allowed: whole numbers from 1 to 10000',
  );
  restoreEnvironment();
  await start();
  expect((await post('/api/start/hello/h1', [])).status).toBe(202);
});

test('an app that cannot be loaded frees the port', async () => {
  const { port } = await start();
  await host?.close();
  const copy = await copyOf('durable');
  await writeFile(join(copy, 'index.cjs'), 'throw new Error("at load")');
  await expect(start(copy, port)).rejects.toThrow(/index\.cjs failed: at load/);
  expect((await start(fixtureApp('durable'), port)).port).toBe(port);
});

test('the state file of another task hub is refused', async () => {
  await start();
  await host?.close();
  restoreEnvironment = setEnvironment({ [`${OVERRIDE}hubName`]: 'OtherHub' });
  await expect(start()).rejects.toThrow(/belongs to task hub "FixtureHub", but the hubName is "OtherHub"$/);
});
