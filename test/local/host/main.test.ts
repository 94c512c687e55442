import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { fixtureApp, pollUntil } from '../../helpers/host-fixture.ts';
import { type HostProcess, spawnHost } from '../../helpers/host-process.ts';
import { openLifelines } from '../../helpers/lifelines.ts';

const statusSchema = z.looseObject({ runtimeStatus: z.string() });
const GRACEFUL = { AzureFunctionsJobHost__extensions__durableTask__useGracefulShutdown: 'true' };
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'host-main-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spawnApp = (app: string, environment: Readonly<Record<string, string>> = {}, port = '0') =>
  spawnHost(['--app', fixtureApp(app), '--port', port, '--state', join(folder, 'state.db')], environment);

/** Resolves once the host has written the text: standard error may be read after the readiness line. */
const stderrWith = (host: HostProcess, text: string) =>
  pollUntil(
    async () => host.output().stderr,
    stderr => stderr.includes(text),
  );

test('it says in one line that it is ready, serves, and ends by SIGTERM with 0', async () => {
  await using host = spawnApp('esm');
  const url = await host.ready();
  await stderrWith(host, `INFO  one: [GET] ${url}/api/one\n`);
  await stderrWith(host, `INFO  two: [GET] ${url}/api/two\n`);
  expect(host.output().stdout).toBe(
    `Functions host ready: ${url} (app ${fixtureApp('esm')}, 2 functions, state ${join(folder, 'state.db')})\n`,
  );
  expect(await (await fetch(`${url}/api/one`)).text()).toBe('from an ES module');
  expect(await (await fetch(`${url}/api/two`)).json()).toEqual({ file: 'two' });
  host.child.kill('SIGTERM');
  expect(await host.ended()).toBe(0);
});

test('--help shows the arguments', async () => {
  await using host = spawnHost(['--help']);
  expect(await host.ended()).toBe(0);
  expect(host.output().stdout).toMatch(/^Runs the built function app of a folder/);
});

test('without --state the state lies in the current folder', async () => {
  await using host = spawnHost([fixtureApp('esm'), '--port', '0'], {}, { folder });
  await host.ready();
  expect(host.output().stdout).toContain(`state ${join(await realpath(folder), '.fanfold/host/esm.db')})`);
});

test.each([
  [['--state', 's.db'], 'The folder of the built function app is missing'],
  [['--app', '.', '--port', '70000'], '--port is "70000"; allowed: 0 to 65535'],
  [['--app', '.', '--odd'], "Unknown option '--odd'"],
])('arguments %j end it with 2 and one line', async (args, message) => {
  await using host = spawnHost(args);
  expect(await host.ended()).toBe(2);
  const { stdout, stderr } = host.output();
  expect(stderr).toContain(message);
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stdout).toBe('');
});

test('a log level that does not exist ends it with 2', async () => {
  await using host = spawnApp('http', { FUNCTIONS_WORKER_LOG_LEVEL: 'LOUD' });
  expect(await host.ended()).toBe(2);
  expect(host.output().stderr).toContain('FUNCTIONS_WORKER_LOG_LEVEL is "LOUD"; allowed: DEBUG, INFO, WARNING, ERROR');
});

test('a folder that is no app ends it with 1 and one line', async () => {
  await using host = spawnHost(['--app', folder, '--port', '0', '--state', join(folder, 'state.db')]);
  expect(await host.ended()).toBe(1);
  expect(host.output().stderr).toMatch(/^The host could not start: No host\.json in the app folder [^\n]+\n$/);
});

test('a port that is taken ends it with 1 and one line', async () => {
  await using first = spawnApp('esm');
  const { port } = new URL(await first.ready());
  await using second = spawnApp('esm', {}, port);
  expect(await second.ended()).toBe(1);
  expect(second.output().stderr).toBe(
    `Port ${port} is taken: another program listens there. Choose another one by --port.\n`,
  );
});

test.each([
  ['DEBUG', ['hello', 'careful', 'detail']],
  ['INFO', ['hello', 'careful']],
  ['WARNING', ['careful']],
  ['ERROR', []],
])('FUNCTIONS_WORKER_LOG_LEVEL=%s filters the lines of the app', async (level, expected) => {
  await using host = spawnApp('http', { FUNCTIONS_WORKER_LOG_LEVEL: level });
  const url = await host.ready();
  await fetch(`${url}/v1/log`);
  host.child.kill('SIGTERM');
  await host.ended();
  const lines = host
    .output()
    .stderr.split('\n')
    .filter(line => / log: (hello|careful|detail)/.test(line));
  expect(lines.map(line => / log: (\w+)/.exec(line)?.[1])).toEqual(expected);
  for (const line of lines) expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} (INFO |WARN |DEBUG) log: /);
});

test.each([
  ['throw new Error("broke")', /^Error: broke\n {4}at .*a\.js:1:7\)\n/],
  ['let let = 1', /^.*a\.js:1\nlet let = 1\n(.*\n)*SyntaxError: .*\n$/],
])('an app that breaks while it loads ends it with 1, one line and its own stack: %s', async (text, stack) => {
  const files = {
    'host.json': '{"version":"2.0"}',
    'package.json': '{"main":"a.js"}',
    'a.js': text,
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  await using host = spawnHost([folder, '--port', '0', '--state', join(folder, 'state.db')]);
  expect(await host.ended()).toBe(1);
  const { stderr } = host.output();
  const [line = '', ...rest] = stderr.split(/(?<=\n)/);
  expect(line).toContain(`The host could not start: The app could not be loaded: ${join(folder, 'a.js')} failed: `);
  expect(rest.join('')).toMatch(stack);
  expect(rest.join('')).not.toMatch(/node:|local\/host/);
});

const runsOf = async (files: { runs: string }) =>
  (await readFile(files.runs, 'utf8').catch(() => '')).split('\n').filter(Boolean);

/** Starts an activity of the app `workers`, and waits until it has run so many times. */
async function startActivity(url: string, activity: string, files: { runs: string; release: string }) {
  const body = JSON.stringify({ ...files, activity });
  const started = await fetch(`${url}/durabletask/orchestrators/call/h1`, { method: 'POST', body });
  expect(started.status).toBe(202);
  await pollUntil(
    () => runsOf(files),
    runs => runs.length === 1,
  );
}

const completed = (url: string) =>
  pollUntil(
    async () => statusSchema.parse(await (await fetch(`${url}/durabletask/instances/h1`)).json()),
    ({ runtimeStatus }) => runtimeStatus === 'Completed',
  );

test('an orchestration survives SIGKILL in the middle of an activity, which runs again', async () => {
  await using lifelines = await openLifelines();
  const files = { runs: join(folder, 'runs'), release: join(folder, 'release') };
  const environment = { FIXTURE_LIFELINE: String(lifelines.port) };
  await using first = spawnApp('workers', environment);
  await startActivity(await first.ready(), 'hold', files);
  first.child.kill('SIGKILL');
  expect(await first.ended()).toBe('SIGKILL');
  await (await lifelines.next()).gone;

  await using second = spawnApp('workers', environment);
  const secondUrl = await second.ready();
  await writeFile(files.release, '');
  expect(await completed(secondUrl)).toMatchObject({ output: 2 });
  expect(new Set(await runsOf(files)).size).toBe(2);
});

/** A host whose app loops for ever, with a way to learn of its process's end. */
async function spawnLooping(environment: Readonly<Record<string, string>> = {}) {
  const lifelines = await openLifelines();
  const files = { runs: join(folder, 'runs'), release: join(folder, 'release') };
  await writeFile(files.release, '');
  const host = spawnApp('workers', { ...environment, FIXTURE_LIFELINE: String(lifelines.port) });
  await startActivity(await host.ready(), 'spin', files);
  const worker = await lifelines.next();
  await lifelines[Symbol.asyncDispose]();
  return { ...host, worker };
}

test('the worker process ends with a host that is killed, even in the midst of an endless loop', async () => {
  await using host = await spawnLooping();
  host.child.kill('SIGKILL');
  await host.worker.gone;
});

test('a signal ends a host whose app loops for ever, with 0', async () => {
  await using host = await spawnLooping();
  const startedMs = performance.now();
  host.child.kill('SIGINT');
  expect(await host.ended()).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  await host.worker.gone;
});

test('Ctrl-C in a terminal reaches the host alone, and the activity may end', async () => {
  const files = { runs: join(folder, 'runs'), release: join(folder, 'release') };
  const args = [fixtureApp('workers'), '--port', '0', '--state', join(folder, 'state.db')];
  await using first = spawnHost(args, GRACEFUL, { hasGroup: true });
  await startActivity(await first.ready(), 'hold', files);
  process.kill(-(first.child.pid ?? 0), 'SIGINT');
  await pollUntil(
    async () => first.output().stderr,
    text => text.includes('SIGINT: the host ends within 5 s'),
  );
  await writeFile(files.release, '');
  expect(await first.ended()).toBe(0);
  await using second = spawnHost(args);
  expect(await completed(await second.ready())).toMatchObject({ output: 1 });
});

test('a second signal ends a host that still has work', async () => {
  await using host = await spawnLooping(GRACEFUL);
  host.child.kill('SIGINT');
  await pollUntil(
    async () => host.output().stderr,
    text => text.includes('SIGINT: the host ends within 5 s'),
  );
  const startedMs = performance.now();
  host.child.kill('SIGINT');
  expect(await host.ended()).toBe(1);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  await host.worker.gone;
});

test('--inspect opens each worker process to a debugger', async () => {
  await using host = spawnHost([fixtureApp('workers'), '--port', '0', '--inspect=0', '--state', join(folder, 's.db')], {
    FUNCTIONS_WORKER_PROCESS_COUNT: '2',
  });
  await host.ready();
  const stderr = await pollUntil(
    async () => host.output().stderr,
    text => text.split('Debugger listening').length === 3,
  );
  expect(stderr).toContain('debuggers can attach at 127.0.0.1:0, 127.0.0.1:0; functionTimeout is off');
  const addresses = [...stderr.matchAll(/Debugger listening on ws:\/\/([\d.:]+)\//g)].map(([, address]) => address);
  expect(new Set(addresses).size).toBe(2);
  for (const address of addresses) {
    const targets = z
      .array(z.object({ title: z.string() }))
      .parse(await (await fetch(`http://${address}/json/list`)).json());
    expect(targets[0]?.title).toContain('worker-main.ts');
  }
});

// Once in a while a busy machine's debugger does not report the pause: then the whole scenario is run again.
const DEBUGGER = { retry: 3, timeout: 20_000 };

test(
  '--inspect-brk holds up the app until a debugger comes, and no process outlives the host meanwhile',
  DEBUGGER,
  async () => {
    const [breakpoint, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await using host = spawnHost([
      fixtureApp('esm'),
      '--port',
      '0',
      '--inspect-brk=0',
      '--state',
      join(folder, 's.db'),
    ]);
    const stderr = await pollUntil(
      async () => host.output().stderr,
      text => text.includes('Debugger listening'),
    );
    const [address] = /ws:\/\/[\w.:/-]+/.exec(stderr) ?? [];
    const debuggerSocket = new WebSocket(address ?? '');
    debuggerSocket.addEventListener(
      'message',
      ({ data }) => String(data).includes('Debugger.paused') && breakpoint.resolve(),
    );
    debuggerSocket.addEventListener('close', () => ended.resolve());
    debuggerSocket.addEventListener('open', () => {
      for (const [id, method] of ['Debugger.enable', 'Runtime.runIfWaitingForDebugger'].entries())
        debuggerSocket.send(JSON.stringify({ id, method }));
    });
    await breakpoint.promise;
    expect(host.output().stdout).toBe('');
    host.child.kill('SIGKILL');
    await ended.promise;
  },
);

test('a debugger port that is taken ends it with 1', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  await using host = spawnHost([
    fixtureApp('esm'),
    '--port',
    '0',
    `--inspect=${port}`,
    '--state',
    join(folder, 's.db'),
  ]);
  expect(await host.ended()).toBe(1);
  expect(host.output().stderr).toContain(`The host could not start: No debugger can attach at 127.0.0.1:${port}`);
  taken.close();
});

test('a file in the place of the folder ends it with 1 and says so', async () => {
  const file = join(fixtureApp('esm'), 'package.json');
  await using host = spawnHost([file, '--port', '0', '--state', join(folder, 'state.db')]);
  expect(await host.ended()).toBe(1);
  expect(host.output().stderr).toBe(`The host could not start: The app ${file} is no folder\n`);
});

test('it tells of strict mode and of imitated waits', async () => {
  const args = [fixtureApp('esm'), '--port', '0', '--state', join(folder, 'state.db'), '--strict'];
  await using host = spawnHost([...args, '--latency-profile', 'azure-storage:7']);
  await host.ready();
  await stderrWith(host, 'INFO  host: strict: what diverges between');
  await stderrWith(host, 'INFO  host: waits of azure-storage are imitated, with the seed 7\n');
});

test('a host that hangs while it ends is ended by its last resort, with 1', async () => {
  const hang = 'AsyncDisposableStack.prototype.disposeAsync=()=>new%20Promise(()=>{})';
  await using host = spawnApp('esm', { NODE_OPTIONS: `--import=data:text/javascript,${hang}` });
  await host.ready();
  host.child.kill('SIGINT');
  expect(await host.ended()).toBe(1);
  expect(host.output().stderr).toContain('The host has not ended within 5 s, and is ended now.\n');
});
