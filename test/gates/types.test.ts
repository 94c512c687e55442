import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../helpers/source-code.ts';
import { runTsc, temporaryFolder } from '../helpers/tools.ts';

/** Faults that the compiler has to find: the option that finds it, the error, the text. */
const FAULTS: readonly [option: string, error: string, text: string][] = [
  ['strict-any', 'TS7006', 'export const f = value => value;'],
  ['strict-null', 'TS18047', 'export const f = (text: string | null) => text.length;'],
  ['no-unchecked-indexed-access', 'TS2532', 'export const f = (texts: string[]) => texts[0].length;'],
  ['exact-optional-property-types', 'TS2375', 'export const a: { b?: string } = { b: undefined };'],
  ['no-implicit-override', 'TS4114', 'class A { f() {} } export class B extends A { f() {} }'],
  ['no-implicit-returns', 'TS7030', 'export function f(n: number) { if (n > 0) return n; }'],
  [
    'no-fallthrough-cases',
    'TS7029',
    'export function f(n: number) { switch (n) { case 1: n += 1; case 2: n += 2; } return n; }',
  ],
  ['no-property-access-from-index', 'TS4111', 'export const f = (env: Record<string, string>) => env.HOME;'],
  ['no-unused-locals', 'TS6133', 'export function f() { const unused = 5; }'],
  ['no-unused-parameters', 'TS6133', 'export function f(unused: number) {}'],
  ['verbatim-module-syntax', 'TS1484', "import { Shape } from './good.ts'; export const a: Shape = { size: 5 };"],
  ['erasable-syntax-only', 'TS1294', 'export enum Color { Red }'],
  ['import-endings', 'TS2835', "export * from './good';"],
  ['no-browser', 'TS2584', 'export const title = document.title;'],
];

test.each(['tsconfig.json', 'src/tsconfig.json'])('the project passes %s', { timeout: 60_000 }, async config => {
  expect(await runTsc(join(ROOT, config))).toEqual({ exitCode: 0, output: '' });
});

test('each fault is found by its option, and a good file is left alone', async () => {
  const folder = temporaryFolder({
    'package.json': { type: 'module' },
    'tsconfig.json': {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
    },
    'good.ts': "import type { Stats } from 'node:fs';\nexport interface Shape { size: Stats['size'] }\n",
    ...Object.fromEntries(FAULTS.map(([option, , text]) => [`${option}.ts`, text])),
  });
  const { exitCode, output } = await runTsc(folder);
  const found = [...output.matchAll(/([\w-]+)\.ts\(\d+,\d+\): error (TS\d+)/g)].map(([, file, error]) => [file, error]);
  expect(exitCode).toBeGreaterThan(0);
  expect(found.toSorted()).toEqual(FAULTS.map(([option, error]) => [option, error]).toSorted());
});

test('src cannot reach what lies beside it', async () => {
  const folder = temporaryFolder({
    'package.json': { type: 'module' },
    'tsconfig.base.json': {
      extends: join(ROOT, 'tsconfig.base.json'),
      compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
    },
    'src/tsconfig.json': readFileSync(join(ROOT, 'src/tsconfig.json'), 'utf8'),
    'src/index.ts': "export * from '../local/host.ts';\n",
    'local/host.ts': 'export const port = 7071;\n',
  });
  const { exitCode, output } = await runTsc(join(folder, 'src'));
  expect(exitCode).toBeGreaterThan(0);
  expect(output).toContain('error TS6059');
});
