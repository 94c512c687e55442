import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../../helpers/source-code.ts';

const example = readFileSync(join(ROOT, 'test/local/testing/guide-example.test.ts'), 'utf8');
/** The example as it stands in an app with its tests in `test/`. */
const shown = example.replaceAll('../../../local/', '../local/');

test('the guide shows the example that is tested', () => {
  const guide = readFileSync(join(ROOT, 'docs/testing-orchestrators.md'), 'utf8');
  const [, block] = /<!-- example -->\n```ts\n(.*)```\n<!-- \/example -->/s.exec(guide) ?? [];
  expect(block).toBe(shown);
});

test('the example runs under Node’s own test runner too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guide-example-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'example.test.ts');
  const elsewhere = example
    .replaceAll('../../../local/', pathToFileURL(join(ROOT, 'local/')).href)
    .replace("'durable-functions'", `'${import.meta.resolve('durable-functions')}'`)
    .replace("'vitest'", "'node:test'");
  writeFileSync(file, elsewhere);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const run = spawnSync(process.execPath, ['--test', '--test-reporter=tap', file], { encoding: 'utf8', env });
  expect(run.stdout).toMatch(/^# pass 2$/m);
  expect(run.status).toBe(0);
});
