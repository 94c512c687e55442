import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { isFunctionDisabled, readLocalSettings, setEnvironment } from '../../../../local/host/settings/app-settings.ts';

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
