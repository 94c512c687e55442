import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { createCliHarness, type HarnessOptions, temporaryFolder } from './cli-harness.ts';
import { type FakeApp, type FakeAppOptions, startFakeApp } from './fake-app.ts';

/** The `run` command on a file of issues, with a folder and fake apps that are gone after each test of the calling file. */
export function useRunCommand() {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let apps: FakeApp[] = [];
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(async () => {
    await Promise.all(apps.map(app => app.close()));
    apps = [];
    await folder[Symbol.asyncDispose]();
  });
  return {
    /** The folder's path, below which results go to `out`. */
    path: (...names: readonly string[]) => join(folder.path, ...names),
    csv: () => folder.csv,
    async fakeApp(options: FakeAppOptions = {}): Promise<FakeApp> {
      const app = await startFakeApp(options);
      apps.push(app);
      return app;
    },
    /** Runs it in this process. */
    async run(app: Pick<FakeApp, 'url'>, args: readonly string[] = [], options: HarnessOptions = {}) {
      const cli = createCliHarness(options);
      const exitCode = await cli.run(
        'run',
        ...['--file', folder.csv],
        ...['--url', app.url],
        ...['--out', join(folder.path, 'out')],
        ...args,
      );
      return { ...cli, exitCode };
    },
  };
}
