import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { startHost } from '../../../local/host/host.ts';
import { fixtureApp } from '../../helpers/host-fixture.ts';
import { useHost } from '../../helpers/running-host.ts';

const OVERRIDE = 'AzureFunctionsJobHost__extensions__durableTask__';
const { ask, close, control, copyOf, folder, lines, post, setEnvironment, start, statusWhen } = useHost();

test('an instance that waits goes on after a restart on the same state file', async () => {
  await start();
  await post('/api/start/waiting/w1');
  await statusWhen('w1', 'Running');
  await close();
  await start();
  await control('raise', 'w1', { name: 'go', data: 'after' });
  expect(await statusWhen('w1', 'Completed')).toMatchObject({ output: 'after' });
});

test('a bundle in one file works as its sources do', async () => {
  const bundled = join(folder(), 'bundled');
  await build({
    entryPoints: [join(fixtureApp('durable'), 'index.cjs')],
    outfile: join(bundled, 'index.cjs'),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['@azure/functions-core'],
    logLevel: 'warning',
  });
  for (const file of ['host.json', 'package.json']) await cp(join(fixtureApp('durable'), file), join(bundled, file));
  await start(bundled);
  await post('/api/start/hello/h1', ['Ada']);
  expect(await statusWhen('h1', 'Completed')).toMatchObject({ output: ['Hello, Ada!'] });
});

test('local settings reach the app, do not override, and are gone after closing', async () => {
  const copy = await copyOf('http');
  const Values = { EXTRA: 'from the file', 'AzureWebJobs.off.Disabled': 'true', HOST_TEST_SET: 'file' };
  await writeFile(join(copy, 'local.settings.json'), JSON.stringify({ Values }));
  setEnvironment({ HOST_TEST_SET: 'environment' });
  const { port } = await start(copy);
  expect((await ask('/v1/setting')).body).toEqual({ name: `localhost:${port}`, extra: 'from the file' });
  expect(process.env['HOST_TEST_SET']).toBe('environment');
  expect((await ask('/v1/off')).status).toBe(404);
  await close();
  expect([process.env['EXTRA'], process.env['WEBSITE_HOSTNAME']]).toEqual([undefined, undefined]);
  expect(process.env['HOST_TEST_SET']).toBe('environment');
});

test('what the host does not offer is told at the start', async () => {
  await start(fixtureApp('plain'));
  expect(lines.filter(({ level }) => level === 'warning')).toEqual([
    { level: 'warning', source: 'wantsBlob', message: expect.stringContaining('does not offer the input "blob"') },
    { level: 'warning', source: 'writesQueue', message: expect.stringContaining('does not offer the output "queue"') },
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
  const restoreEnvironment = setEnvironment({ [`${OVERRIDE}maxConcurrentActivityFunctions`]: '0' });
  await expect(start()).rejects.toThrow(
    'host.json extensions.durableTask.maxConcurrentActivityFunctions is "0"; allowed: whole numbers from 1 to 10000',
  );
  restoreEnvironment();
  await start();
  expect((await post('/api/start/hello/h1', [])).status).toBe(202);
});

test('an app that cannot be loaded frees the port', async () => {
  const { port } = await start();
  await close();
  const copy = await copyOf('durable');
  await writeFile(join(copy, 'index.cjs'), 'throw new Error("at load")');
  await expect(start(copy, port)).rejects.toThrow(/index\.cjs failed: at load/);
  expect((await start(fixtureApp('durable'), port)).port).toBe(port);
});

test('a state file that a host has open is refused to another one', async () => {
  await start();
  const second = startHost({
    appFolder: fixtureApp('durable'),
    port: 0,
    stateFile: join(folder(), 'deep/state.db'),
    log: () => {},
  });
  await expect(second).rejects.toThrow(/state\.db cannot be used: another process uses it/);
  expect((await post('/api/start/hello/h1', [])).status).toBe(202);
});

test('the state file of another task hub is refused', async () => {
  await start();
  await close();
  setEnvironment({ [`${OVERRIDE}hubName`]: 'OtherHub' });
  await expect(start()).rejects.toThrow(/belongs to task hub "FixtureHub", but the hubName is "OtherHub"$/);
});
