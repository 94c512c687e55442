import { glob, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { APP_FOLDER, buildApp } from '../scripts/build-app.ts';

const ROOT = resolve(import.meta.dirname, '..');
/** What goes into the built app, directly or by deciding how it is built. */
const INPUTS = ['src/**/*.*', 'host.json', 'package.json', 'package-lock.json', 'scripts/build-app.ts'];

/**
 * Builds the app when there is no built one, or one that is older than its sources.
 *
 * @param log - told before a build
 * @returns the folder of the built app
 * @throws when the sources cannot be bundled
 */
export async function ensureAppBuilt(log: (line: string) => void): Promise<string> {
  const builtAtMs = await modifiedAtMs(join(APP_FOLDER, 'package.json'));
  if (builtAtMs > (await newestInputAtMs())) return APP_FOLDER;
  log('Building the app ...');
  await buildApp();
  return APP_FOLDER;
}

async function newestInputAtMs(): Promise<number> {
  const files = await Array.fromAsync(glob(INPUTS, { cwd: ROOT }));
  return Math.max(...(await Promise.all(files.map(file => modifiedAtMs(join(ROOT, file))))));
}

async function modifiedAtMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch {
    return 0;
  }
}
