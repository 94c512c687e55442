import { describe, expect, test } from 'vitest';
import { replayHazardsOf } from '../helpers/purity.ts';
import { readSources } from '../helpers/source-code.ts';

const files = readSources('src/orchestrators', 'src/entities');

function hazards(text: string, name = 'example.ts'): string[] {
  return replayHazardsOf({ path: `src/orchestrators/${name}`, text });
}

test('there are orchestrators and entities to check', () => {
  const paths = files.map(({ path }) => path);
  expect(paths).toContain('src/orchestrators/process-stream.ts');
  expect(paths).toContain('src/entities/capacity.ts');
});

test.each(files)('$path gives the same answer on every replay', file => {
  expect(replayHazardsOf(file)).toEqual([]);
});

describe('the check finds', () => {
  test.each([
    ['const now = Date.now();', 'the clock'],
    ['const now = new Date();', 'the clock'],
    ['const now = Date();', 'the clock'],
    ["const now = Date['now']();", 'the clock'],
    ['const { now } = Date;', 'the clock'],
    ['const Clock = Date; export { Clock };', 'the clock'],
    ['const at = performance.now();', 'the clock'],
    ['const n = Math.random();', 'chance'],
    ["const n = Math['random']();", 'chance'],
    ['const { random } = Math;', 'chance'],
    ['const id = crypto.randomUUID();', 'chance'],
    ["const x = process.env['X'];", 'the process'],
    ["const x = globalThis['Date'];", 'the process'],
    ["const fs = require('fs');", 'the process'],
    ["const page = fetch('https://example.com');", 'I/O'],
    ['setTimeout(() => {}, 5);', 'timers'],
    ['const after = [setImmediate];', 'timers'],
    ['export async function f() {}', 'promises'],
    ['const f = async () => 5;', 'promises'],
    ['const x = await f();', 'promises'],
    ['export {}; for await (const x of xs) f(x);', 'promises'],
    ['Promise.resolve(5);', 'promises'],
    ['const p = new Promise<void>(f);', 'promises'],
    ['context.df.Task.any(tasks);', 'Task.any or Task.all'],
    ['context.df.Task.all(tasks);', 'Task.any or Task.all'],
    ['const { Task } = context.df; Task.all(tasks);', 'Task.any or Task.all'],
    ['const { Task: T } = context.df;', 'Task.any or Task.all'],
  ])('%s', (text, what) => {
    expect(hazards(text)).toContain(`src/orchestrators/example.ts:1 uses ${what}`);
  });

  test.each([
    ["import { readFile } from 'node:fs/promises';", 'node:fs/promises'],
    ["import { randomUUID } from 'node:crypto';", 'node:crypto'],
    ["import { createBlobStore } from '../services/blobs.ts';", 'src/services/blobs.ts'],
    ["import { createLoadIssues } from '../activities/load-issues.ts';", 'src/activities/load-issues.ts'],
    ["export { z } from 'zod';", 'zod'],
    ["const blobs = import('../services/blobs.ts');", 'src/services/blobs.ts'],
    ['const x = import(name);', '(computed)'],
  ])('%s', (text, target) => {
    expect(hazards(text)).toContain(`src/orchestrators/example.ts:1 loads ${target}`);
  });
});

describe('the check lets pass', () => {
  test.each([
    'const at = new Date(context.df.currentUtcDateTime.getTime() + 5);',
    'const noon = Date.UTC(2026, 0, 1); const day = Date.parse(text);',
    'const most = Math.max(1, 2);',
    'const task: Task = context.df.callActivity(name); let when: Date; type P = Promise<string>;',
    "import type { Task } from 'durable-functions';",
    "import { RetryOptions } from 'durable-functions'; import { fold } from '../core/stream-state.ts';",
    'const timeouts = { fetch: 1, process: 2, Date: 3 }; const x = timeouts.fetch + timeouts.process;',
  ])('%s', text => {
    expect(hazards(text)).toEqual([]);
  });

  test('Task.all in all-settled.ts, and there only', () => {
    expect(hazards('context.df.Task.all(tasks);', 'all-settled.ts')).toEqual([]);
    expect(hazards('const now = Date.now();', 'all-settled.ts')).toHaveLength(1);
  });
});

test('a file that does not parse does not pass', () => {
  expect(() => hazards('const = 5;')).toThrow('src/orchestrators/example.ts does not parse');
});
