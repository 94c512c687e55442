import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  isFunctionDisabled,
  readLocalSettings,
  resolveSettings,
  setEnvironment,
  settingOf,
} from '../../../../local/host/settings/app-settings.ts';

const folders: string[] = [];
afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))));

async function folderWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'app-settings-'));
  folders.push(folder);
  await writeFile(join(folder, 'local.settings.json'), text);
  return folder;
}

test('Values are read as text', async () => {
  const folder = await folderWith('{"IsEncrypted": false, "Values": {"A": "x", "B": 5, "C": true}, "Host": {}}');
  expect(await readLocalSettings(folder)).toEqual({ A: 'x', B: '5', C: 'true' });
});

test('no file and no Values are no settings', async () => {
  expect(await readLocalSettings(join(tmpdir(), 'no-such-app'))).toEqual({});
  expect(await readLocalSettings(await folderWith('{}'))).toEqual({});
});

test('a broken or encrypted file is refused by name', async () => {
  await expect(readLocalSettings(await folderWith('{'))).rejects.toThrow(/local\.settings\.json is not JSON/);
  await expect(readLocalSettings(await folderWith('{"IsEncrypted": true}'))).rejects.toThrow(/IsEncrypted/);
});

test.each([
  ['null', 'null'],
  ['{"secret": 1}', 'an object'],
  ['[1]', 'a list'],
])('the value %s is refused by file and key', async (value, kind) => {
  const folder = await folderWith(`{"Values": {"A": "x", "B": ${value}}}`);
  await expect(readLocalSettings(folder)).rejects.toThrow(
    `${join(folder, 'local.settings.json')}: Values.B is ${kind}; allowed: text, a number, true, false`,
  );
});

test('a byte order mark in front is passed over', async () => {
  expect(await readLocalSettings(await folderWith('\uFEFF{"Values": {"A": "x"}}'))).toEqual({ A: 'x' });
});

test('a file that cannot be read is an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'app-settings-'));
  folders.push(folder);
  await mkdir(join(folder, 'local.settings.json'));
  await expect(readLocalSettings(folder)).rejects.toThrow('EISDIR');
});

test('a setting is found in any case of its name, the exact one first', () => {
  const environment = { Name: 'other', name: 'exact', ABSENT: undefined };
  expect(settingOf(environment, 'name')).toBe('exact');
  expect(settingOf(environment, 'NAME')).toBe('other');
  expect(settingOf(environment, 'absent')).toBeUndefined();
});

test('%NAME% is replaced wherever it stands; a missing one is an error', () => {
  const environment = { A: 'x', B: 'y' };
  expect(resolveSettings('text', '%A%-%b%-50%', environment)).toBe('x-y-50%');
  expect(() => resolveSettings('Its text', '%A%%C%', environment)).toThrow(
    'Its text is "%A%%C%", but the setting C is not set',
  );
});

test('environment variables are set and put back', () => {
  const [kept, fresh] = ['HOST_TEST_KEPT', 'HOST_TEST_FRESH'];
  process.env[kept] = 'before';
  const restore = setEnvironment({ [kept]: 'during', [fresh]: 'during' });
  expect([process.env[kept], process.env[fresh]]).toEqual(['during', 'during']);
  restore();
  expect([process.env[kept], fresh in process.env]).toEqual(['before', false]);
  delete process.env[kept];
});

test.each([
  ['true', true],
  ['True', true],
  ['1', true],
  ['false', false],
  ['', false],
])('AzureWebJobs.<name>.Disabled=%j means %s', (value, expected) => {
  expect(isFunctionDisabled('MyTimer', { 'AzureWebJobs.mytimer.Disabled': value })).toBe(expected);
});

test('a function without the setting is enabled', () => {
  expect(isFunctionDisabled('a', { 'AzureWebJobs.b.Disabled': 'true' })).toBe(false);
});
