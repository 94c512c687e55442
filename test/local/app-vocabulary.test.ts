import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { buildApp } from '../../scripts/build-app.ts';
import { temporaryFolder } from '../helpers/cli-harness.ts';

test('the vocabulary of the tokenizer lies beside the bundle, which loads it when it is needed', async () => {
  await using folder = await temporaryFolder();
  const app = await buildApp(join(folder.path, 'app'));
  const bundle = await readFile(join(app.folder, 'index.cjs'), 'utf8');
  expect(bundle).toContain('import("./vocabulary.cjs")');
  expect(bundle).not.toContain('o200k_base.js');
  expect((await stat(join(app.folder, 'vocabulary.cjs'))).size).toBeGreaterThan(1_000_000);
  const { countTokens } = await import(pathToFileURL(join(app.folder, 'vocabulary.cjs')).href);
  expect(countTokens('hello world')).toBe(2);
});
