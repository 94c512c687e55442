import type { TestProject } from 'vitest/node';
import { ensureAppBuilt } from '../../local/app-build.ts';
import { startAzurite } from '../../local/azurite.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of a storage emulator that keeps everything in memory. */
    storage: string;
    /** The built function app. */
    appFolder: string;
  }
}

/** Builds the app and starts one storage emulator for all test files of the project `app`. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [appFolder, azurite] = await Promise.all([ensureAppBuilt(() => {}), startAzurite({ folder: null })]);
  project.provide('appFolder', appFolder);
  project.provide('storage', azurite.connectionString);
  return azurite.stop;
}
