import { copyFile, mkdir, mkdtemp, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BuildOptions, build, type Plugin, stop } from 'esbuild';
import manifest from '../package.json' with { type: 'json' };

const root = resolve(import.meta.dirname, '..');

/** The folder that is deployed: one bundle, the tokenizer's vocabulary, host.json and package.json. */
export const APP_FOLDER = join(root, 'dist/app');

const COMMON: BuildOptions = { bundle: true, platform: 'node', target: 'node22', format: 'cjs', logLevel: 'warning' };

/**
 * Lies beside the bundle and is loaded when a plan is asked for: 2 MB that each process would have to read at its start.
 */
const VOCABULARY = { package: 'gpt-tokenizer/encoding/o200k_base', file: 'vocabulary.cjs' };
const vocabularyApart: Plugin = {
  name: 'vocabulary-apart',
  setup({ onResolve }) {
    const filter = new RegExp(`^${VOCABULARY.package}$`);
    onResolve({ filter }, () => ({ path: `./${VOCABULARY.file}`, external: true }));
  },
};

/**
 * Bundles `src/index.ts` into a folder that the local host and Azure both load as a function app.
 *
 * `@azure/functions-core` stays outside, because the host's worker supplies it. Packages' ESM builds call
 * `createRequire(import.meta.url)`, which a CommonJS bundle lacks: the banner gives it. The folder is replaced by
 * renaming at the end, so that a host which starts meanwhile finds a whole app, and builds side by side do not meet.
 *
 * @param folder - where to write; default `dist/app`
 * @returns the folder, the bundle's size in bytes, the time taken in milliseconds
 * @throws when esbuild reports an error
 */
export async function buildApp(folder = APP_FOLDER): Promise<{ folder: string; bytes: number; durationMs: number }> {
  const startedMs = performance.now();
  await mkdir(dirname(folder), { recursive: true });
  const draft = await mkdtemp(`${folder}-`);
  const bundle = join(draft, 'index.cjs');
  await build({
    entryPoints: [join(root, 'src/index.ts')],
    outfile: bundle,
    ...COMMON,
    external: ['@azure/functions-core'],
    plugins: [vocabularyApart],
    define: { 'import.meta.url': '__importMetaUrl' },
    banner: { js: "const __importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  });
  await build({
    ...COMMON,
    stdin: { contents: `export { countTokens } from '${VOCABULARY.package}';`, resolveDir: root },
    outfile: join(draft, VOCABULARY.file),
    minifyWhitespace: true,
    charset: 'utf8',
  });
  await copyFile(join(root, 'host.json'), join(draft, 'host.json'));
  const { name, version, description, license } = manifest;
  const appManifest = { name, version, description, license, main: 'index.cjs' };
  await writeFile(join(draft, 'package.json'), `${JSON.stringify(appManifest, null, 2)}\n`);
  await stop();
  const { size } = await stat(bundle);
  await replaceFolder(folder, draft);
  return { folder, bytes: size, durationMs: Math.round(performance.now() - startedMs) };
}

/** Puts a folder in place of another; one that was built at the same time gives way. */
async function replaceFolder(folder: string, draft: string): Promise<void> {
  const old = await mkdtemp(`${folder}-old-`);
  for (;;) {
    await rename(folder, join(old, String(process.hrtime.bigint()))).catch(ignoreMissing);
    try {
      await rename(draft, folder);
      break;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  await rm(old, { recursive: true, force: true });
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
