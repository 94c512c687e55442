import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ROOT } from './source-code.ts';

/** What a tool said. */
export interface ToolRun {
  readonly exitCode: number;
  /** Standard output and standard error. */
  readonly output: string;
}

/** Runs a tool of the project under the project's own Node. */
function runTool(script: string, args: readonly string[], cwd: string): Promise<ToolRun> {
  return new Promise(resolve => {
    const child = execFile(
      process.execPath,
      [join(ROOT, script), ...args],
      { cwd, maxBuffer: 2 ** 26 },
      (_, stdout, stderr) => resolve({ exitCode: child.exitCode ?? 1, output: stdout + stderr }),
    );
  });
}

/**
 * Checks format and lint of a folder by the configuration that lies there.
 *
 * @param reporter - `github` tells each fault in a line; `default` also counts the files
 */
export function runBiome(folder: string, reporter: 'github' | 'default'): Promise<ToolRun> {
  return runTool(
    'node_modules/@biomejs/biome/bin/biome',
    ['check', `--reporter=${reporter}`, '--max-diagnostics=none', '--colors=off'],
    folder,
  );
}

/** Checks the types of a project, given by its folder or its configuration. */
export function runTsc(project: string): Promise<ToolRun> {
  return runTool('node_modules/typescript/bin/tsc', ['--pretty', 'false', '-p', project], ROOT);
}

/**
 * A folder outside the project with these files, removed after the test.
 *
 * @param files - text by path; what is no text is written as JSON
 */
export function temporaryFolder(files: Readonly<Record<string, string | object>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'gate-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return folder;
}
