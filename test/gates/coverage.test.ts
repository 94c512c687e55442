import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ROOT } from '../helpers/source-code.ts';

const SUM = 'export const sum = (a: number, b: number) => (a > 100 ? a : a + b);\n';
const SUM_TEST = (numbers: string) => `
import { expect, test } from 'vitest';
import { sum } from '../src/core/sum.ts';

test('sum', () => {
  for (const [a, b, c] of [${numbers}]) expect(sum(a, b)).toBe(c);
});
test.skip('another day', () => {});
`;

/** Runs the project's own test command over a small project with the project's own configuration. */
async function testCommand(numbers: string): Promise<{ exitCode: number; lastLine: string }> {
  const parent = join(ROOT, '.vitest');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'coverage-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const path of ['src/core', 'test']) mkdirSync(join(folder, path), { recursive: true });
  cpSync(join(ROOT, 'vitest.config.ts'), join(folder, 'vitest.config.ts'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'src/core/sum.ts'), SUM);
  writeFileSync(join(folder, 'test/sum.test.ts'), SUM_TEST(numbers));
  return new Promise(resolve => {
    const child = execFile(process.execPath, [join(ROOT, 'scripts/test.ts')], { cwd: folder }, (_, stdout) =>
      resolve({ exitCode: child.exitCode ?? 1, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' }),
    );
  });
}

test('a core that is covered passes, and the last line counts', { timeout: 60_000 }, async () => {
  expect(await testCommand('[1, 2, 3], [101, 2, 101]')).toEqual({
    exitCode: 0,
    lastLine: '1 passed, 0 failed, 1 skipped',
  });
});

test('a branch of the core that no test takes is a failure', { timeout: 60_000 }, async () => {
  expect(await testCommand('[1, 2, 3]')).toEqual({ exitCode: 1, lastLine: '1 passed, 1 failed, 1 skipped' });
});

test('a failing test is a failure', { timeout: 60_000 }, async () => {
  expect(await testCommand('[1, 2, 4]')).toEqual({ exitCode: 1, lastLine: '0 passed, 1 failed, 1 skipped' });
});
