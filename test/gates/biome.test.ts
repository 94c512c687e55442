import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/source-code.ts';
import { runBiome, temporaryFolder } from '../helpers/tools.ts';

/** Faults that format and lint have to find, by the rule that finds them. */
const FAULTS: Readonly<Record<string, string>> = {
  format: 'export const a   = 5\n',
  'assist/source/organizeImports': "import z from 'zod';\nimport a from 'a';\n\nexport { a, z };\n",
  'lint/style/useImportType': "import { Task } from 'durable-functions';\n\nexport type T = Task;\n",
  'lint/style/useNodejsImportProtocol': "import fs from 'fs';\n\nexport { fs };\n",
  'lint/style/noNonNullAssertion': 'export const first = (list: number[]) => list[0]!;\n',
  'lint/style/useConst': 'let a = 5;\nexport { a };\n',
  'lint/style/useTemplate': "export const greet = (name: string) => 'Hello ' + name + '!';\n",
  'lint/style/noDefaultExport': 'export default 5;\n',
  'lint/suspicious/noExplicitAny': 'export const a: any = 5;\n',
  'lint/suspicious/noAssignInExpressions': 'let a = 5;\nexport const b = (a = 6);\nexport const c = () => a;\n',
  'lint/correctness/noUnusedVariables': 'const a = 5;\nexport const b = 6;\n',
  'lint/correctness/noUnusedImports': "import fs from 'node:fs';\n\nexport const b = 6;\n",
};

const nameOf = (rule: string) => `${rule.replaceAll('/', '-').toLowerCase()}.ts`;

test('the project passes', { timeout: 60_000 }, async () => {
  const { exitCode, output } = await runBiome(ROOT, 'default');
  expect(exitCode, output).toBe(0);
  expect(Number(/Checked (\d+) files/.exec(output)?.[1])).toBeGreaterThan(100);
});

test('each fault is found by its rule, and a good file is left alone', async () => {
  const folder = temporaryFolder({
    'biome.json': { extends: [join(ROOT, 'biome.json')], vcs: { enabled: false } },
    'good.ts': 'export const a = 5;\n',
    ...Object.fromEntries(Object.entries(FAULTS).map(([rule, text]) => [nameOf(rule), text])),
  });
  const { exitCode, output } = await runBiome(folder, 'github');
  const found = [...output.matchAll(/^::error title=([\w/]+),file=[^,]*?([\w.-]+),/gm)].map(([, rule, file]) => [
    rule,
    file,
  ]);
  expect(exitCode).toBe(1);
  expect(found).toEqual(expect.arrayContaining(Object.keys(FAULTS).map(rule => [rule, nameOf(rule)])));
  expect(found.filter(([, file]) => file === 'good.ts')).toEqual([]);
});
