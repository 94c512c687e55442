import { environmentReadsOf } from './purity.ts';
import { functionsIn, type ImportUse, importsOf, parse, type SourceFile } from './source-code.ts';

/** Names that stand for many targets. */
const ANY_PACKAGE = '(package)';
const ANY_BUILT_IN = '(built-in)';

/** What the files of a place may import; a target that ends in `/` is a folder. */
interface ImportRule {
  /** A folder, ending in `/`, or one file. */
  readonly of: string;
  readonly values: readonly string[];
  /** Also, as `import type`. */
  readonly types?: readonly string[];
  /** Also, by `import()`. */
  readonly lazily?: readonly string[];
}

const CORE = 'src/core/';
const OUTSIDE = [ANY_PACKAGE, ANY_BUILT_IN];

/** For each file the first rule holds that names its place. */
export const IMPORT_RULES: readonly ImportRule[] = [
  { of: CORE, values: [CORE, 'zod'] },
  { of: 'src/orchestrators/', values: [CORE, 'src/orchestrators/', 'durable-functions'] },
  { of: 'src/entities/', values: [CORE, 'src/entities/', 'durable-functions'] },
  {
    of: 'src/activities/',
    values: [CORE, 'src/activities/'],
    types: ['src/services/', 'durable-functions', 'zod'],
  },
  {
    of: 'src/services/',
    // Infrastructure that several services share; no service uses another one.
    values: [CORE, ...['storage', 'table-entities', 'lines'].map(name => `src/services/${name}.ts`), ...OUTSIDE],
    types: ['src/services/'],
  },
  {
    of: 'src/triggers/',
    values: [CORE, 'src/triggers/', '@azure/functions', 'durable-functions', 'node:crypto', 'node:buffer'],
    types: ['src/services/'],
  },
  { of: 'src/index.ts', values: ['src/', 'package.json', ...OUTSIDE] },
  { of: 'src/app-services.ts', values: [CORE, 'src/services/', ...OUTSIDE] },
  { of: 'local/engine/protocol/ids.ts', values: ['node:crypto'] },
  ...['protocol', 'replay', 'step'].map(folder => ({
    of: `local/engine/${folder}/`,
    values: ['local/engine/protocol/', 'local/engine/replay/', 'local/engine/step/', 'local/engine/store/store.ts'],
    types: ['local/engine/api.ts'],
  })),
  { of: 'local/engine/', values: [CORE, 'local/engine/', ...OUTSIDE] },
  {
    of: 'local/host/worker/load-app.ts',
    values: [CORE, 'local/engine/', 'local/host/', ...OUTSIDE],
    // The app's own files.
    lazily: ['(computed)'],
  },
  { of: 'local/host/', values: [CORE, 'local/engine/', 'local/host/', ...OUTSIDE] },
  {
    of: 'local/testing/',
    values: [
      'local/engine/',
      'local/host/worker/',
      'local/host/settings/',
      'local/host/durable/durable-status.ts',
      'local/testing/',
      ...OUTSIDE,
    ],
    types: ['local/host/log.ts'],
  },
  { of: 'local/simulators/', values: [CORE, 'local/simulators/', ...OUTSIDE] },
  { of: 'local/', values: [CORE, 'local/', 'scripts/build-app.ts', ...OUTSIDE] },
  // Only `start` and `demo` need the local environment: see LOCAL_APP below.
  { of: 'cli/local-app.ts', values: [CORE, 'cli/', ...OUTSIDE], types: ['local/'], lazily: ['local/'] },
  { of: 'cli/', values: [CORE, 'cli/', 'package.json', ...OUTSIDE], types: ['local/start.ts'] },
];

const LOCAL_APP = 'cli/local-app.ts';
const USERS_OF_LOCAL_APP = ['cli/commands/start.ts', 'cli/commands/demo.ts'];

function isWithin(target: string, allowed: readonly string[]): boolean {
  return allowed.some(place => {
    if (place === ANY_BUILT_IN) return target.startsWith('node:');
    if (place === ANY_PACKAGE) return isPackage(target);
    return place.endsWith('/') ? target.startsWith(place) : target === place;
  });
}

function isPackage(target: string): boolean {
  return /^(@[\w.-]+\/)?[\w.-]+$/.test(target) && !target.includes('.json');
}

function mayImport(rule: ImportRule, { target, kind }: ImportUse): boolean {
  if (isWithin(target, rule.values)) return true;
  if (kind === 'type') return isWithin(target, rule.types ?? []);
  return kind === 'lazy' && isWithin(target, rule.lazily ?? []);
}

/** Imports that leave the place of their file in a way that its rule does not allow. */
export function importBreaches(files: readonly SourceFile[]): string[] {
  return files.flatMap(file => {
    const rule = IMPORT_RULES.find(({ of }) => isWithin(file.path, [of]));
    if (!rule) return [`${file.path} lies in no known place`];
    return importsOf(file)
      .filter(use => !mayImport(rule, use) || (use.target === LOCAL_APP && !USERS_OF_LOCAL_APP.includes(file.path)))
      .map(({ target, kind, line }) => `${file.path}:${line} imports ${target} (${kind})`);
  });
}

/** The `dependencies` and `devDependencies` of a manifest. */
export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

/**
 * Packages that are used but not declared, or not declared where they belong: what `src` and `cli` load is a dependency,
 * what only `local` loads may be one of development, and a dependency that nothing loads is none.
 */
export function dependencyBreaches(files: readonly SourceFile[], manifest: Manifest): string[] {
  const dependencies = Object.keys(manifest.dependencies);
  const all = [...dependencies, ...Object.keys(manifest.devDependencies)];
  const used = new Set<string>();
  const undeclared = files.flatMap(file =>
    importsOf(file).flatMap(({ target, line }) => {
      if (!isPackage(target)) return [];
      used.add(target);
      const declared = file.path.startsWith('local/') ? all : dependencies;
      return declared.includes(target) ? [] : [`${file.path}:${line} uses ${target}, which is not declared for it`];
    }),
  );
  const unused = dependencies.filter(name => !used.has(name)).map(name => `${name} is a dependency that nothing uses`);
  return [...undeclared, ...unused];
}

/** Reads of the environment in `src`, which `src/index.ts` alone may do. */
export function environmentBreaches(files: readonly SourceFile[]): string[] {
  return files.filter(({ path }) => path.startsWith('src/') && path !== 'src/index.ts').flatMap(environmentReadsOf);
}

const MAX_LINES = { file: 300, function: 60, 'src/index.ts': 80 } as const;

/** What breaks the house limits: kebab-case names, 300 lines a file, 60 a function, 80 for the entry, no barrel. */
export function limitBreaches(files: readonly SourceFile[]): string[] {
  return files.flatMap(file => {
    const lines = file.text.trimEnd().split('\n').length;
    const mostLines = file.path === 'src/index.ts' ? MAX_LINES['src/index.ts'] : MAX_LINES.file;
    const body = parse(file)['body'];
    const statements = Array.isArray(body) ? body : [];
    const isBarrel = statements.length > 0 && statements.every(({ source, type }) => source && /^Export/.test(type));
    return [
      ...(/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(file.path)
        ? []
        : [`${file.path} is not named in kebab-case`]),
      ...(lines > mostLines ? [`${file.path} has ${lines} lines; at most ${mostLines}`] : []),
      ...(isBarrel ? [`${file.path} only re-exports`] : []),
      ...functionsIn(file)
        .filter(each => each.lines > MAX_LINES.function)
        .map(each => `${file.path}:${each.line} is a function of ${each.lines} lines; at most ${MAX_LINES.function}`),
    ];
  });
}
