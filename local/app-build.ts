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
  if (await isUpToDate(join(APP_FOLDER, 'package.json'), ROOT, INPUTS)) return APP_FOLDER;
  log('Building the app ...');
  await buildApp();
  return APP_FOLDER;
}

/** Whether a built file is there and newer than each of the inputs, given as patterns below a folder. */
export async function isUpToDate(builtFile: string, folder: string, inputs: readonly string[]): Promise<boolean> {
  const files = await Array.fromAsync(glob(inputs, { cwd: folder }));
  const inputsAtMs = await Promise.all(files.map(file => modifiedAtMs(join(folder, file))));
  return (await modifiedAtMs(builtFile)) > Math.max(...inputsAtMs);
}

async function modifiedAtMs(file: string): Promise<number> {
  try {
    return (await stat(file)).mtimeMs;
  } catch {
    return 0;
  }
}
