import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fixtureApp, pollUntil } from '../../helpers/host-fixture.ts';
import { openLifelines } from '../../helpers/lifelines.ts';
import { useHost } from '../../helpers/running-host.ts';

const OVERRIDE = 'AzureFunctionsJobHost__';
const GRACEFUL = { [`${OVERRIDE}extensions__durableTask__useGracefulShutdown`]: 'true' };
const { ask, close, folder, lines, post, setEnvironment, start, statusWhen } = useHost();

/** Starts a host; `lines` are those that come after its start. */
const startWorkers = async (environment: Readonly<Record<string, string>> = {}) => {
  setEnvironment(environment);
  const host = await start(fixtureApp('workers'));
  lines.length = 0;
  return host;
};

/** Files by which a test follows an activity and lets it go on. */
function filesOf(name: string) {
  const files = { runs: join(folder(), `${name}-runs`), release: join(folder(), `${name}-release`) };
  const pids = async () => (await readFile(files.runs, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number);
  return {
    ...files,
    pids,
    letGo: () => writeFile(files.release, ''),
    /** The process ids of its runs, once there are so many. */
    runs: (count: number) => pollUntil(pids, found => found.length >= count),
    start: (activity: string) =>
      post(`/runtime/webhooks/durabletask/orchestrators/call/${name}`, { ...files, activity }),
  };
}

const messages = () => lines.filter(({ level }) => level !== 'debug').map(({ message }) => message);
const pidOfApp = async () => Number((await ask('/pid')).body);

test('the app runs in a process of its own', async () => {
  await startWorkers();
  const pid = await pidOfApp();
  expect(pid).toBeGreaterThan(1);
  expect(pid).not.toBe(process.pid);
  expect(await pidOfApp()).toBe(pid);
});

test('FUNCTIONS_WORKER_PROCESS_COUNT processes share the work', async () => {
  await startWorkers({ FUNCTIONS_WORKER_PROCESS_COUNT: '3' });
  const pids: number[] = [];
  for (let request = 0; request < 6; request++) pids.push(await pidOfApp());
  expect(new Set(pids).size).toBe(3);
  expect(pids.slice(3)).toEqual(pids.slice(0, 3));
});

test('a count of processes out of range stops the start', async () => {
  await expect(startWorkers({ FUNCTIONS_WORKER_PROCESS_COUNT: '11' })).rejects.toThrow(
    'FUNCTIONS_WORKER_PROCESS_COUNT is "11"; allowed: whole numbers from 1 to 10',
  );
});

test('an activity whose process is killed runs again in another one', async () => {
  await startWorkers();
  const files = filesOf('h1');
  await files.start('hold');
  const [first = 0] = await files.runs(1);
  process.kill(first, 'SIGKILL');
  const [, second] = await files.runs(2);
  expect(second).not.toBe(first);
  await files.letGo();
  expect(await statusWhen('h1', 'Completed')).toMatchObject({ output: 2 });
  expect(messages()).toEqual([
    `worker process ${first} was ended by SIGKILL; invocations lost: 1, 1 delivered again; a new one starts`,
  ]);
});

test('an activity that ends its process runs again', async () => {
  await startWorkers();
  await filesOf('h1').start('exitOnce');
  expect(await statusWhen('h1', 'Completed')).toMatchObject({ output: 2 });
  expect(messages()).toEqual([expect.stringContaining('ended with exit code 3; invocations lost: 1, 1 delivered')]);
});

test('an activity that never ends fails by its timeout, and its neighbour runs again', async () => {
  await startWorkers({ [`${OVERRIDE}functionTimeout`]: '00:00:01' });
  const [loop, neighbour] = [filesOf('loop'), filesOf('neighbour')];
  await loop.start('spin');
  await loop.runs(1);
  await neighbour.start('stayOnce');
  const [looping] = await neighbour.runs(1);
  await loop.letGo();
  // State and management API lie in the host.
  expect(await statusWhen('loop', 'Running')).toMatchObject({ name: 'call' });
  const timeout = "Timeout value of 1 s (functionTimeout) exceeded by function 'Functions.spin'";
  expect(await statusWhen('loop', 'Failed')).toMatchObject({ output: expect.stringContaining(timeout) });
  expect(await statusWhen('neighbour', 'Completed')).toMatchObject({ output: 'ran again' });
  expect(await neighbour.pids()).toHaveLength(2);
  expect(await pidOfApp()).not.toBe(looping);
});

test.each([
  ['spin', "Timeout value of 1 s (functionTimeout) exceeded by function 'Functions.break'"],
  ['exit', "The worker process that ran 'break' ended with exit code 4"],
])('a request whose function does not come back is answered by 500: %s', async (how, reason) => {
  await startWorkers({ [`${OVERRIDE}functionTimeout`]: '00:00:01' });
  expect(await ask(`/break/${how}`)).toMatchObject({ status: 500, body: '' });
  expect(messages()).toContain(`GET /break/${how} failed: ${reason}`);
  expect((await ask('/pid')).status).toBe(200);
});

test('an answer that was given before the process exits is not lost', async () => {
  await startWorkers();
  expect(await ask('/break/exitAfterAnswer')).toMatchObject({ status: 200, body: 'survived' });
  await pollUntil(
    async () => messages(),
    found => found.some(message => message.includes('ended with exit code 4; invocations lost: 0')),
  );
});

test('an answer that cannot be sent fails its own call, and no other', async () => {
  await startWorkers();
  const answers = await Promise.all([ask('/pid'), ask('/unsendable'), ask('/pid')]);
  expect(answers.map(({ status }) => status)).toEqual([200, 500, 200]);
  expect(messages()).toContainEqual(expect.stringMatching(/unsendable.*cannot be sent to the host/));
});

test.each([
  ['throw', 'thrown outside'],
  ['reject', 'rejected outside'],
])('an error that nothing catches ends the process, which is replaced: %s', async (how, message) => {
  await startWorkers();
  const pid = await pidOfApp();
  await ask(`/break/${how}`);
  await pollUntil(pidOfApp, now => now !== pid);
  expect(lines).toContainEqual({
    level: 'error',
    source: 'app',
    message: expect.stringMatching(`^uncaught exception outside of any function call: Error: ${message}\n`),
  });
  expect(messages()).toContainEqual(expect.stringContaining(`worker process ${pid} ended with exit code 1`));
});

test('what the app prints is in the log', async () => {
  await startWorkers();
  await ask('/print');
  await pollUntil(
    async () => messages().length,
    count => count === 2,
  );
  expect(lines).toContainEqual({ level: 'information', source: 'app', message: 'a plain line' });
  expect(lines).toContainEqual({ level: 'error', source: 'app', message: 'an error line' });
});

test('megabytes of any bytes cross to the process and back', async () => {
  const { url } = await start(fixtureApp('http'));
  const bytes = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * i) % 251);
  const response = await fetch(`${url}/v1/echo`, { method: 'POST', body: bytes });
  expect(Buffer.compare(new Uint8Array(await response.arrayBuffer()), bytes)).toBe(0);
});

test('without grace, closing breaks off what is in flight; it runs again after the next start', async () => {
  await startWorkers({ FIXTURE_TERMINATED: join(folder(), 'terminated') });
  const files = filesOf('h1');
  await files.start('hold');
  const [pid] = await files.runs(1);
  const request = ask('/break/stay');
  await pollUntil(
    async () => messages(),
    found => found.includes('stay'),
  );
  await close();
  expect(await request).toMatchObject({ status: 503 });
  expect(await readFile(join(folder(), 'terminated'), 'utf8')).toBe(`${pid}\n`);
  await files.letGo();
  await start(fixtureApp('workers'));
  expect(await statusWhen('h1', 'Completed')).toMatchObject({ output: 2 });
});

test('with grace, closing lets an activity in flight end and takes nothing new', async () => {
  await startWorkers(GRACEFUL);
  const files = filesOf('h1');
  await files.start('hold');
  await files.runs(1);
  const closed = close();
  expect((await ask('/pid')).status).toBe(503);
  await files.letGo();
  await closed;
  await start(fixtureApp('workers'));
  expect(await statusWhen('h1', 'Completed')).toMatchObject({ output: 1 });
});

test.each([
  ['without grace', {}],
  ['with grace', GRACEFUL],
])('closing takes less than 5 s when the app does not let go: %s', async (_, environment) => {
  await using lifelines = await openLifelines();
  await startWorkers({ ...environment, FIXTURE_LIFELINE: String(lifelines.port), FUNCTIONS_WORKER_PROCESS_COUNT: '2' });
  const files = filesOf('loop');
  await files.letGo();
  await files.start('spin');
  await files.runs(1);
  const startedMs = performance.now();
  await close();
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  await (await lifelines.next()).gone;
  await (await lifelines.next()).gone;
});

test('an appTerminate hook that hangs does not hold up the end', async () => {
  await using lifelines = await openLifelines();
  const terminated = join(folder(), 'terminated');
  const environment = { FIXTURE_TERMINATED: terminated, FIXTURE_TERMINATE_HANGS: '1' };
  await startWorkers({ ...environment, FIXTURE_LIFELINE: String(lifelines.port) });
  await close();
  expect(existsSync(terminated)).toBe(true);
  await (await lifelines.next()).gone;
  expect(messages()).toEqual([expect.stringMatching(/^worker process \d+ has not ended after 1000 ms and is killed$/)]);
});
