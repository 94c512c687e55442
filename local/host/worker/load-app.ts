import { glob, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import type { Log } from '../log.ts';
import { type CoreRegistry, createCoreRegistry, offerCoreModule } from './core-api.ts';

/** An app whose files have run and whose registration is closed. */
export interface LoadedApp {
  readonly folder: string;
  readonly registry: CoreRegistry;
  /** Runs the app's `appTerminate` hooks and forgets its CommonJS modules, so that a later load in this process runs them anew. */
  close(): Promise<void>;
}

const manifestSchema = z.object({ main: z.string().min(1).optional(), type: z.string().optional() });

/** The error's own text, for a message that names the file. */
const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

async function readManifest(folder: string): Promise<{ main: string; isEsm: boolean }> {
  const file = join(folder, 'package.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new Error(`No package.json in the app folder ${folder} (${messageOf(error)})`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON: ${messageOf(error)}`, { cause: error });
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  const { main, type } = parsed.data;
  if (!main) throw new Error(`${file} has no "main": it names the app's files, as a path or glob`);
  return { main, isEsm: type === 'module' };
}

async function filesOf(folder: string, main: string): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob(main, { cwd: folder })) files.push(file);
  if (files.length === 0)
    throw new Error(`"main" in ${join(folder, 'package.json')} is "${main}", which matches no file`);
  return files.sort().map(file => resolve(folder, file));
}

/** Runs one file. An error is told with the file's name: Node ≥ 20 workers refuse the whole app for it. */
async function runFile(file: string, isEsm: boolean): Promise<void> {
  try {
    if (file.endsWith('.mjs') || (isEsm && !file.endsWith('.cjs'))) await import(pathToFileURL(file).href);
    else createRequire(file)(file);
  } catch (error) {
    throw new Error(`The app could not be loaded: ${file} failed: ${messageOf(error)}`, { cause: error });
  }
}

/** Tells the library that registration is over, which also locks `app.setup`. */
async function lockSetup(registry: CoreRegistry): Promise<void> {
  const capabilities = await registry.programmingModel()?.getCapabilities?.({});
  if (capabilities?.['HttpUri']) {
    throw new Error('The app calls app.setup({ enableHttpStream: true }); this local host does not offer HTTP streams');
  }
}

/**
 * Runs the files of a function app, as the Functions worker does: every file that `main` of its package.json matches,
 * then its `appStart` hooks; after that nothing can be registered any more.
 *
 * One app at a time: packages keep the core module that they first got for as long as they stay loaded.
 *
 * @param folder - the app folder
 * @param log - gets what libraries say while loading
 * @throws when package.json is missing or has no `main`, when `main` matches no file, or when a file or hook throws
 */
export async function loadApp(folder: string, log: Log): Promise<LoadedApp> {
  const registry = createCoreRegistry(log);
  const { main, isEsm } = await readManifest(folder);
  const files = await filesOf(folder, main);
  const moduleCache = createRequire(import.meta.url).cache;
  const cachedBefore = new Set(Object.keys(moduleCache));
  const withdrawCoreModule = offerCoreModule(registry.coreModule);
  const forget = () => {
    withdrawCoreModule();
    for (const file of Object.keys(moduleCache)) if (!cachedBefore.has(file)) delete moduleCache[file];
  };
  try {
    for (const file of files) await runFile(file, isEsm);
    const { appHookData } = registry;
    await registry.runHooks('appStart', { hookData: {}, appHookData, functionAppDirectory: folder });
    await lockSetup(registry);
    registry.lock();
  } catch (error) {
    forget();
    throw error;
  }
  return {
    folder,
    registry,
    async close() {
      const { appHookData } = registry;
      await registry.runHooks('appTerminate', { hookData: {}, appHookData }).finally(forget);
    },
  };
}
