import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { fixtureApp, pollUntil } from '../../helpers/host-fixture.ts';
import { spawnHost } from '../../helpers/host-process.ts';

const statusSchema = z.looseObject({ runtimeStatus: z.string() });
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'host-main-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spawnApp = (app: string, environment: Readonly<Record<string, string>> = {}, port = '0') =>
  spawnHost(['--app', fixtureApp(app), '--port', port, '--state', join(folder, 'state.db')], environment);

test('it says in one line that it is ready, serves, and ends by SIGTERM with 0', async () => {
  await using host = spawnApp('esm');
  const url = await host.ready();
  expect(host.output().stdout).toBe(
    `Functions host ready: ${url} (app ${fixtureApp('esm')}, 2 functions, state ${join(folder, 'state.db')})\n`,
  );
  expect(await (await fetch(`${url}/api/one`)).text()).toBe('from an ES module');
  expect(await (await fetch(`${url}/api/two`)).json()).toEqual({ file: 'two' });
  host.child.kill('SIGTERM');
  expect(await host.ended()).toBe(0);
});

test.each([
  [['--state', 's.db'], '--app is missing'],
  [['--app', '.'], '--state is missing'],
  [['--app', '.', '--state', 's.db', '--port', '70000'], '--port is "70000"; allowed: 0 to 65535'],
  [['--app', '.', '--state', 's.db', '--port', 'x'], '--port is "x"; allowed: 0 to 65535'],
  [['--app', '.', '--odd'], "Unknown option '--odd'"],
  [['app'], 'Unexpected argument'],
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

test('an orchestration survives SIGKILL in the middle of an activity, which runs again', async () => {
  const files = { started: join(folder, 'started'), release: join(folder, 'release') };
  const pidWhenStarted = () =>
    pollUntil(
      () => readFile(files.started, 'utf8').catch(() => ''),
      pid => pid !== '',
    );
  await using first = spawnApp('durable');
  const firstUrl = await first.ready();
  const started = await fetch(`${firstUrl}/api/start/holding/h1`, { method: 'POST', body: JSON.stringify(files) });
  expect(started.status).toBe(202);
  expect(await pidWhenStarted()).toBe(String(first.child.pid));
  first.child.kill('SIGKILL');
  expect(await first.ended()).toBe('SIGKILL');
  await rm(files.started);

  await using second = spawnApp('durable');
  const secondUrl = await second.ready();
  expect(await pidWhenStarted()).toBe(String(second.child.pid));
  await writeFile(files.release, '');
  const done = await pollUntil(
    async () => statusSchema.parse(await (await fetch(`${secondUrl}/durabletask/instances/h1`)).json()),
    ({ runtimeStatus }) => runtimeStatus === 'Completed',
  );
  expect(done).toMatchObject({ output: { held: 'released', greeting: 'Hello, again!' } });
});

test('a second signal ends a host that still has work', async () => {
  const files = { started: join(folder, 'started'), release: join(folder, 'never') };
  await using host = spawnApp('durable');
  const url = await host.ready();
  await fetch(`${url}/api/start/holding/h1`, { method: 'POST', body: JSON.stringify(files) });
  await pollUntil(
    () => readFile(files.started, 'utf8').catch(() => ''),
    pid => pid !== '',
  );
  host.child.kill('SIGINT');
  await pollUntil(
    async () => host.output().stderr,
    text => text.includes('SIGINT: ending the work in flight'),
  );
  host.child.kill('SIGINT');
  expect(await host.ended()).toBe(1);
});
