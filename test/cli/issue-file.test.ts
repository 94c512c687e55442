import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIssueFile } from '../../cli/issue-file.ts';
import { temporaryFolder } from '../helpers/cli-harness.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder[Symbol.asyncDispose]());

async function file(name: string, bytes = 5): Promise<string> {
  const path = join(folder.path, name);
  await writeFile(path, 'title'.slice(0, bytes));
  await truncate(path, bytes);
  return path;
}

describe('openIssueFile', () => {
  it.each([
    ['a.csv', 'text/csv'],
    ['a.b.CSV', 'text/csv'],
    ['a.ndjson', 'application/x-ndjson'],
    ['a.jsonl', 'application/x-ndjson'],
    ['a.json', 'application/json'],
  ])('knows the kind of %s', async (name, contentType) => {
    const opened = await openIssueFile(await file(name));
    expect(opened.contentType).toBe(contentType);
    expect(await opened.content.text()).toBe('title');
  });

  it.each([
    ['missing.csv', 'there is no such file'],
    ['notes.txt', 'its kind is not known; allowed: .csv, .ndjson, .jsonl, .json'],
    ['plain', 'its kind is not known'],
    ['folder.csv', 'that is a folder'],
    ['empty.csv', 'the file is empty'],
    ['huge.csv', 'it has 90.0 MB; allowed: at most 90 MB of text/csv'],
    ['large.json', 'it has 10.0 MB; allowed: at most 10 MB of application/json'],
  ])('refuses %s: %s', async (name, fact) => {
    await file('notes.txt');
    await file('plain');
    await file('empty.csv', 0);
    await mkdir(join(folder.path, 'folder.csv'));
    await file('huge.csv', 90_000_001);
    await file('large.json', 10_000_001);
    const path = join(folder.path, name);
    const expected = { exitCode: 2, message: expect.stringContaining(`--file is "${path}": ${fact}`) };
    await expect(openIssueFile(path)).rejects.toMatchObject(expected);
  });

  it('takes files of exactly the allowed size', async () => {
    expect((await openIssueFile(await file('full.csv', 90_000_000))).content.size).toBe(90_000_000);
    expect((await openIssueFile(await file('full.json', 10_000_000))).content.size).toBe(10_000_000);
  });
});
