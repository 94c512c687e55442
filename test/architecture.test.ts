import { describe, expect, test } from 'vitest';
import manifest from '../package.json' with { type: 'json' };
import {
  dependencyBreaches,
  environmentBreaches,
  IMPORT_RULES,
  importBreaches,
  limitBreaches,
} from './helpers/architecture-rules.ts';
import { impuritiesOf, stepHazardsOf } from './helpers/purity.ts';
import { readSources, type SourceFile } from './helpers/source-code.ts';

const app = readSources('src', 'local', 'cli');
const core = app.filter(({ path }) => path.startsWith('src/core/'));
/** The steps of the local engine: from state, messages and time to what is to be stored. */
const steps = app.filter(({ path }) => /^local\/engine\/(protocol|replay|step)\//.test(path));

const example = (path: string, ...lines: string[]): SourceFile => ({ path, text: lines.join('\n') });

describe('imports', () => {
  test('stay within what their folder may know', () => {
    expect(importBreaches(app)).toEqual([]);
  });

  test('are checked in every folder', () => {
    const places = new Set(app.map(({ path }) => path.split('/').slice(0, 2).join('/')));
    for (const place of ['src/core', 'src/services', 'src/index.ts', 'local/engine', 'local/host', 'cli/main.ts']) {
      expect(places).toContain(place);
    }
    expect(IMPORT_RULES.filter(({ of }) => of === 'src/core/')).toHaveLength(1);
  });

  test.each([
    ['src/core/a.ts', "import { createHash } from 'node:crypto';"],
    ['src/core/a.ts', "import type { Task } from 'durable-functions';"],
    ['src/core/a.ts', "import type { BlobStore } from '../services/blobs.ts';"],
    ['src/core/a.ts', "type Store = import('../services/blobs.ts').BlobStore;"],
    ['src/core/a.ts', "export { createBlobStore } from '../services/blobs.ts';"],
    ['src/core/a.ts', "export * from '../orchestrators/process-stream.ts';"],
    ['src/core/a.ts', "export type { Task } from 'durable-functions';"],
    ['src/core/a.ts', "const blobs = await import('../services/blobs.ts');"],
    ['src/core/a.ts', "const fs = require('node:fs');"],
    ['src/core/a.ts', "import '../index.ts';"],
    ['src/orchestrators/a.ts', "import { createBlobStore } from '../services/blobs.ts';"],
    ['src/orchestrators/a.ts', "import type { BlobStore } from '../services/blobs.ts';"],
    ['src/orchestrators/a.ts', "import { createLoadIssues } from '../activities/load-issues.ts';"],
    ['src/entities/a.ts', "import { z } from 'zod';"],
    ['src/activities/a.ts', "import { createBlobStore } from '../services/blobs.ts';"],
    ['src/activities/a.ts', "import { type BlobStore } from '../services/blobs.ts';"],
    ['src/activities/a.ts', "import { setTimeout } from 'node:timers/promises';"],
    ['src/activities/a.ts', "import OpenAI from 'openai';"],
    ['src/services/a.ts', "import { createBlobStore } from './blobs.ts';"],
    ['src/services/a.ts', "import { createLoadIssues } from '../activities/load-issues.ts';"],
    ['src/services/a.ts', "import { startAzurite } from '../../local/azurite.ts';"],
    ['src/triggers/a.ts', "import { createBlobStore } from '../services/blobs.ts';"],
    ['src/triggers/a.ts', "import { z } from 'zod';"],
    ['src/triggers/a.ts', "import { readFile } from 'node:fs/promises';"],
    ['src/index.ts', "import { createHost } from '../local/host/host.ts';"],
    ['src/index.ts', "import { buildApp } from '../scripts/build-app.ts';"],
    ['src/index.ts', "import { plan } from '../test/helpers/factories.ts';"],
    ['src/index.ts', "import { main } from '../cli/main.ts';"],
    ['src/somewhere/a.ts', ''],
    ['local/engine/a.ts', "import type { Log } from '../host/log.ts';"],
    ['local/engine/a.ts', "import { seeded } from '../simulators/seeded.ts';"],
    ['local/host/a.ts', "import { seeded } from '../simulators/seeded.ts';"],
    ['local/host/a.ts', 'const app = await import(name);'],
    ['local/simulators/a.ts', "import { createEngine } from '../engine/engine.ts';"],
    ['local/testing/a.ts', "import { createHost } from '../host/host.ts';"],
    ['local/testing/a.ts', "import { createLineLog } from '../host/log.ts';"],
    ['local/host/a.ts', "import { createTestHub } from '../testing/test-hub.ts';"],
    ['local/a.ts', "import { processIssues } from '../src/orchestrators/process-issues.ts';"],
    ['local/a.ts', "import type { BlobStore } from '../src/services/blobs.ts';"],
    ['local/a.ts', "import { check } from '../scripts/check.ts';"],
    ['local/a.ts', "import { main } from '../cli/main.ts';"],
    ['cli/a.ts', "import { startLocalEnvironment } from '../local/start.ts';"],
    ['cli/commands/run.ts', "const local = await import('../../local/start.ts');"],
    ['cli/commands/run.ts', "import { startLocally } from '../local-app.ts';"],
    ['cli/local-app.ts', "import { startLocalEnvironment } from '../local/start.ts';"],
    ['cli/a.ts', "import { createBlobStore } from '../src/services/blobs.ts';"],
  ])('%s: %s is refused', (path, text) => {
    expect(importBreaches([example(path, text)])).toHaveLength(1);
  });

  test.each([
    ['src/core/a.ts', "import { z } from 'zod'; import { draw } from './stream-state.ts';"],
    ['src/activities/a.ts', "import type { BlobStore } from '../services/blobs.ts';"],
    ['src/services/a.ts', "import OpenAI from 'openai/index'; import { text } from 'node:stream/consumers';"],
    ['src/services/a.ts', "import type { BlobStore } from './blobs.ts';"],
    ['local/host/worker/load-app.ts', 'const app = await import(name);'],
    ['local/testing/a.ts', "import type { Log } from '../host/log.ts'; import * as df from 'durable-functions';"],
    ['cli/local-app.ts', "const local = await import('../local/start.ts');"],
    ['cli/commands/demo.ts', "import { startLocally } from '../local-app.ts';"],
  ])('%s: %s is allowed', (path, text) => {
    expect(importBreaches([example(path, text)])).toEqual([]);
  });
});

describe('steps of the engine', () => {
  test('lie in three folders', () => {
    const folders = new Set(steps.map(({ path }) => path.slice(0, path.lastIndexOf('/'))));
    expect([...folders].sort()).toEqual(['local/engine/protocol', 'local/engine/replay', 'local/engine/step']);
  });

  test.each(steps)('$path is pure and waits for nothing', file => {
    expect(stepHazardsOf(file)).toEqual([]);
  });

  test.each([
    "import { readFile } from 'node:fs';",
    "import { randomUUID } from 'node:crypto';",
    "import { openSqliteStore } from '../store/sqlite-store.ts';",
    "import type { Clock } from '../clock.ts';",
  ])('%s is refused', text => {
    expect(importBreaches([example('local/engine/step/a.ts', text)])).toHaveLength(1);
  });

  test.each(['const at = Date.now();', 'const f = async () => {};', 'setImmediate(f);'])('%s is refused', text => {
    expect(stepHazardsOf(example('local/engine/step/a.ts', text))).toHaveLength(1);
  });
});

describe('core', () => {
  test.each(core)('$path takes nothing from the air', file => {
    expect(impuritiesOf(file)).toEqual([]);
  });

  test.each([
    'const now = Date.now();',
    'const now = new Date();',
    'const n = Math.random();',
    "const x = process.env['X'];",
    "const page = fetch('https://example.com');",
    'setTimeout(f, 5);',
    'console.log(5);',
  ])('%s is refused', text => {
    expect(impuritiesOf(example('src/core/a.ts', text))).toHaveLength(1);
  });

  test('a date of a given instant is allowed', () => {
    expect(impuritiesOf(example('src/core/a.ts', 'const at = new Date(5).toISOString();'))).toEqual([]);
  });
});

describe('packages', () => {
  test('are declared where they belong', () => {
    expect(dependencyBreaches(app, manifest)).toEqual([]);
  });

  test('undeclared, misplaced and unused ones are refused', () => {
    const files = [
      example('src/a.ts', "import { z } from 'zod';", "import sub from '@scope/name/sub';"),
      example('cli/a.ts', "import dev from 'dev-tool';"),
      example('local/a.ts', "import dev from 'dev-tool';", "import fs from 'node:fs';"),
    ];
    const declared = { dependencies: { zod: '1', 'left-pad': '1' }, devDependencies: { 'dev-tool': '1' } };
    expect(dependencyBreaches(files, declared)).toEqual([
      'src/a.ts:2 uses @scope/name, which is not declared for it',
      'cli/a.ts:1 uses dev-tool, which is not declared for it',
      'left-pad is a dependency that nothing uses',
    ]);
  });
});

describe('the environment', () => {
  test('is read by src/index.ts alone', () => {
    expect(environmentBreaches(app)).toEqual([]);
  });

  test.each(["const key = process.env['KEY'];", 'const { env } = process;', "const key = process['env'];"])(
    'read elsewhere is refused: %s',
    text => {
      const files = ['src/services/a.ts', 'src/index.ts', 'cli/a.ts'].map(path => example(path, text));
      expect(environmentBreaches(files)).toEqual(['src/services/a.ts:1 uses the environment']);
    },
  );

  test('is not the process id', () => {
    expect(environmentBreaches([example('src/services/a.ts', 'const id = process.pid;')])).toEqual([]);
  });
});

describe('house limits', () => {
  test('hold', () => {
    expect(limitBreaches([...app, ...readSources('scripts')])).toEqual([]);
  });

  const blankLines = (count: number) => Array.from({ length: count }, () => '');

  test.each<[string, SourceFile, string]>([
    ['a name in camelCase', example('src/core/runPlan.ts'), 'src/core/runPlan.ts is not named in kebab-case'],
    ['a folder in capitals', example('src/Core/a.ts'), 'src/Core/a.ts is not named in kebab-case'],
    ['a long file', example('src/a.ts', ...blankLines(300), 'f();'), 'src/a.ts has 301 lines; at most 300'],
    ['a long entry', example('src/index.ts', ...blankLines(80), 'f();'), 'src/index.ts has 81 lines; at most 80'],
    [
      'a long function',
      example('src/a.ts', 'const a = () => {', ...blankLines(59), '};'),
      'src/a.ts:1 is a function of 61 lines; at most 60',
    ],
    [
      'a barrel',
      example('src/a.ts', "export * from './b.ts';", "export { c } from './c.ts';"),
      'src/a.ts only re-exports',
    ],
  ])('refuse %s', (_, file, breach) => {
    expect(limitBreaches([file])).toEqual([breach]);
  });

  test('are as wide as they say', () => {
    const files = [
      example('src/process-stream2.ts', ...blankLines(299), 'f();'),
      example('src/index.ts', ...blankLines(79), 'f();'),
      example('src/a.ts', 'const a = () => {', ...blankLines(58), '};'),
      example('src/b.ts', "export * from './c.ts';", 'export const d = 5;'),
    ];
    expect(limitBreaches(files)).toEqual([]);
  });
});
