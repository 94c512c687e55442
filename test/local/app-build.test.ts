import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isUpToDate } from '../../local/app-build.ts';
import { temporaryFolder } from '../helpers/cli-harness.ts';

const INPUTS = ['src/**/*.*', 'host.json'];

/** Writes files with the given times of change, in seconds. */
async function writeAll(folder: string, files: Readonly<Record<string, number>>): Promise<void> {
  for (const [name, atSeconds] of Object.entries(files)) {
    const file = join(folder, name);
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, '');
    await utimes(file, atSeconds, atSeconds);
  }
}

describe('isUpToDate', () => {
  it.each([
    { files: { 'built.json': 300, 'src/index.ts': 100, 'src/core/deep/er.ts': 200, 'host.json': 100 }, expected: true },
    {
      files: { 'built.json': 300, 'src/index.ts': 100, 'src/core/deep/er.ts': 400, 'host.json': 100 },
      expected: false,
    },
    { files: { 'built.json': 300, 'src/index.ts': 100, 'host.json': 301 }, expected: false },
    { files: { 'built.json': 300, 'src/index.ts': 100, 'other/file.ts': 400 }, expected: true },
    { files: { 'src/index.ts': 100 }, expected: false },
  ])('is $expected for $files', async ({ files, expected }) => {
    await using folder = await temporaryFolder();
    await writeAll(folder.path, files);
    expect(await isUpToDate(join(folder.path, 'built.json'), folder.path, INPUTS)).toBe(expected);
  });
});
