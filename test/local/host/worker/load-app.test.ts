import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadApp } from '../../../../local/host/worker/load-app.ts';
import { collectLog, fixtureApp } from '../../../helpers/host-fixture.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))));

/** A folder with the given files. */
async function appWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'load-app-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const { log } = collectLog();
const load = async (files: Readonly<Record<string, string>>) => loadApp(await appWith(files), log);
const manifest = (fields: object) => ({ 'package.json': JSON.stringify(fields) });
const core = "const core = require('@azure/functions-core');";

test.each([
  [{}, /^No package\.json in the app folder/],
  [{ 'package.json': '{' }, /package\.json is not JSON/],
  [{ 'package.json': '{"main": 5}' }, /main/],
  [manifest({ name: 'x' }), /package\.json has no "main"/],
  [manifest({ main: 'dist/*.js' }), /"main" in .*package\.json is "dist\/\*\.js", which matches no file/],
  [
    { ...manifest({ main: 'a.js' }), 'a.js': "throw new Error('at load')" },
    /^The app could not be loaded: .*a\.js failed: at load$/,
  ],
  [{ ...manifest({ main: 'a.js' }), 'a.js': 'this is no JavaScript' }, /a\.js failed/],
])('an app that cannot be loaded says why: %#', async (files, message) => {
  await expect(load(files)).rejects.toThrow(message);
});

test('every file that main matches is run, in the order of names', async () => {
  const file = (name: string) => `${core} core.registerFunction({ name: '${name}', bindings: {} }, () => {});`;
  const app = await load({
    ...manifest({ main: './src/{a,b}*.js' }),
    'src/b.js': file('second'),
    'src/a.js': file('first'),
    'src/c.js': file('third'),
  });
  expect([...app.registry.functions.keys()]).toEqual(['first', 'second']);
  await app.close();
});

test('the core module has what libraries look for', async () => {
  const app = await load({
    ...manifest({ main: 'a.js' }),
    'a.js': `${core} globalThis.fixtureCore = Object.keys(core);`,
  });
  const members = [
    'version',
    'hostVersion',
    'registerFunction',
    'registerHook',
    'setProgrammingModel',
    'getProgrammingModel',
    'log',
    'Disposable',
  ];
  expect((globalThis as { fixtureCore?: string[] }).fixtureCore?.toSorted()).toEqual(members.toSorted());
  await app.close();
});

test('a name that is registered twice is refused, whatever its case', async () => {
  const code = `${core} for (const name of ['twice', 'Twice']) core.registerFunction({ name, bindings: {} }, () => {});`;
  await expect(load({ ...manifest({ main: 'a.js' }), 'a.js': code })).rejects.toThrow(
    'Function "Twice" is registered twice',
  );
});

test('an unknown hook is a RangeError of the system', async () => {
  const code = `${core} try { core.registerHook('odd', () => {}); } catch (error) { globalThis.fixtureError = error; }`;
  const app = await load({ ...manifest({ main: 'a.js' }), 'a.js': code });
  expect((globalThis as { fixtureError?: unknown }).fixtureError).toMatchObject({
    name: 'RangeError',
    isAzureFunctionsSystemError: true,
  });
  await app.close();
});

test('what is disposed during start is not registered', async () => {
  const code = `${core}
    core.registerFunction({ name: 'gone', bindings: {} }, () => {}).dispose();
    core.registerHook('appStart', () => { throw new Error('should be gone'); }).dispose();`;
  const app = await load({ ...manifest({ main: 'a.js' }), 'a.js': code });
  expect(app.registry.functions.size).toBe(0);
  await app.close();
});

test('appStart hooks run in order, each awaited, before registration closes', async () => {
  const code = `${core}
    const hook = (name, ms) => core.registerHook('appStart', async context => {
      await new Promise(resolve => setImmediate(resolve));
      core.registerFunction({ name, bindings: {} }, () => {});
      context.appHookData.order = [...(context.appHookData.order ?? []), name, context.functionAppDirectory];
    });
    hook('first'); hook('second');`;
  const app = await load({ ...manifest({ main: 'a.js' }), 'a.js': code });
  expect(app.registry.appHookData).toEqual({ order: ['first', app.folder, 'second', app.folder] });
  expect([...app.registry.functions.keys()]).toEqual(['first', 'second']);
  await app.close();
});

test('a hook that throws at start blocks the app', async () => {
  const code = `${core} core.registerHook('appStart', () => { throw new Error('hook broke'); });`;
  await expect(load({ ...manifest({ main: 'a.js' }), 'a.js': code })).rejects.toThrow('hook broke');
});

test('HTTP streams are refused in so many words', async () => {
  const { href } = new URL('../../../../node_modules/@azure/functions/dist/azure-functions.js', import.meta.url);
  const code = `const { app } = require(${JSON.stringify(new URL(href).pathname)});
    app.setup({ enableHttpStream: true }); app.http('x', { handler: () => ({}) });`;
  await expect(load({ ...manifest({ main: 'a.js' }), 'a.js': code })).rejects.toThrow('does not offer HTTP streams');
});

test('an app runs anew when it is loaded again, and its terminate hooks run once per close', async () => {
  const terminated = globalThis as { fixtureTerminated?: number };
  delete terminated.fixtureTerminated;
  const first = await loadApp(fixtureApp('hooks'), log);
  await first.close();
  const second = await loadApp(fixtureApp('hooks'), log);
  expect(terminated.fixtureTerminated).toBe(1);
  expect([...second.registry.functions.keys()]).toEqual([...first.registry.functions.keys()]);
  expect(second.registry.functions.get('late')?.callback).not.toBe(first.registry.functions.get('late')?.callback);
  await second.close();
  expect(terminated.fixtureTerminated).toBe(2);
});

test('outside an app nobody gets the core module', async () => {
  const app = await loadApp(fixtureApp('hooks'), log);
  await app.close();
  expect(() => createRequire(import.meta.url)('@azure/functions-core')).toThrow(/Cannot find module/);
});
