import { expect, test } from 'vitest';
import { z } from 'zod';
import { pollUntil } from '../../helpers/host-fixture.ts';
import { useHost } from '../../helpers/running-host.ts';

const OVERRIDE = 'AzureFunctionsJobHost__extensions__durableTask__';
const { ask, control, post, setEnvironment, start, statusOf, statusWhen } = useHost();

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

test('without the rpc endpoint the client works by the public links', async () => {
  setEnvironment({ [`${OVERRIDE}localRpcEndpointEnabled`]: 'false' });
  await start();
  expect((await post('/api/start/waiting/w1')).status).toBe(202);
  await control('raise', 'w1', { name: 'go', data: 5 });
  expect(await post('/api/wait/w1')).toMatchObject({ status: 200, body: 5 });
  expect(await control('purge', 'w1')).toMatchObject({ body: { answer: { instancesDeleted: 1 } } });
});
