import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { z } from 'zod';
import { type Host, startHost } from '../../local/host/host.ts';
import { setEnvironment } from '../../local/host/settings/app-settings.ts';
import { collectLog, fixtureApp, pollUntil } from './host-fixture.ts';

const statusSchema = z.looseObject({ runtimeStatus: z.string() });

/** An answer with its body read: parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** A host in this process, for each test of a file: closed after it, with a folder of its own for its state. */
export function useHost() {
  const { log, lines } = collectLog();
  let folder = '';
  let host: Host | undefined;
  let restoreEnvironment = () => {};
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'host-'));
    lines.length = 0;
  });
  afterEach(async () => {
    await host?.close();
    host = undefined;
    restoreEnvironment();
    await rm(folder, { recursive: true, force: true });
  });

  async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(new URL(path, host?.url), init);
    const { status, headers } = response;
    const isJson = headers.get('content-type')?.startsWith('application/json');
    return { status, headers, body: isJson ? await response.json() : await response.text() };
  }
  const post = (path: string, body?: unknown) =>
    ask(path, { method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) });
  const statusOf = async (id: string, query = '') =>
    statusSchema.parse((await ask(`/runtime/webhooks/durabletask/instances/${id}?${query}`)).body);

  return {
    lines,
    folder: () => folder,
    async start(appFolder = fixtureApp('durable'), port = 0): Promise<Host> {
      host = await startHost({ appFolder, port, stateFile: join(folder, 'deep/state.db'), log });
      return host;
    },
    close: async () => host?.close(),
    /** Sets environment variables until the test ends, or until the returned function is called. */
    setEnvironment(values: Readonly<Record<string, string>>): () => void {
      restoreEnvironment = setEnvironment(values);
      return restoreEnvironment;
    },
    /** A copy of a fixture app outside the project, which finds the same packages. */
    async copyOf(app: string): Promise<string> {
      const copy = join(folder, app);
      await cp(fixtureApp(app), copy, { recursive: true });
      await symlink(join(import.meta.dirname, '../../node_modules'), join(copy, 'node_modules'));
      return copy;
    },
    ask,
    post,
    /** Does a thing by the durable client of the app. */
    control: (action: string, id = '', body?: object) => post(`/api/control/${action}/${id}`, body),
    statusOf,
    statusWhen: (id: string, wanted: string) =>
      pollUntil(
        () => statusOf(id),
        ({ runtimeStatus }) => runtimeStatus === wanted,
      ),
  };
}
