import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** The quick gates: what each is called, and the project's tool with its arguments. */
const GATES: readonly (readonly [name: string, script: string, ...args: string[]])[] = [
  ['format and lint', '@biomejs/biome/bin/biome', 'check'],
  ['types of the app alone', 'typescript/bin/tsc', '-p', 'src/tsconfig.json'],
  ['types of everything', 'typescript/bin/tsc', '-p', 'tsconfig.json'],
  ['rules', 'vitest/vitest.mjs', 'run', '--project', 'unit', 'test/gates', 'test/architecture.test.ts'],
];

const failed = GATES.filter(([name, script, ...args]) => {
  console.log(`\n${name}: ${script.split('/').at(-1)} ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  return status !== 0;
}).map(([name]) => name);

console.log(failed.length === 0 ? '\nAll gates pass.' : `\nFailed: ${failed.join(', ')}.`);
process.exitCode = failed.length === 0 ? 0 : 1;
