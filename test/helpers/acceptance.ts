import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { z } from 'zod';
import { fixtureApp, pollUntil } from './host-fixture.ts';
import { type HostProcess, spawnHost } from './host-process.ts';

/** The root of the public management API. */
export const MANAGEMENT = '/runtime/webhooks/durabletask';

/** A time as the management API writes it: to the second. */
export const A_SECOND = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);

/** A time of a history row: an instant in UTC. */
export const AN_INSTANT = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);

const ENDED = ['Completed', 'Failed', 'Terminated', 'Canceled'];

const rowSchema = z.looseObject({ EventType: z.string() });
const statusSchema = z.looseObject({
  instanceId: z.string(),
  runtimeStatus: z.string(),
  output: z.unknown(),
  customStatus: z.unknown(),
  historyEvents: z.array(rowSchema).optional(),
});

/** The status of an instance. */
export type Status = z.infer<typeof statusSchema>;

/** A row of a history as the management API shows it. */
export type Row = z.infer<typeof rowSchema>;

/** An answer with its body read: parsed when it is JSON. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: unknown;
}

/** A new id for an instance, an entity or a journal. */
export const newId = (): string => `t-${randomUUID()}`;

/**
 * Talks to a host that runs the acceptance app, over HTTP alone.
 *
 * @param url - the host's
 * @param folder - where the app keeps its journals
 */
export function createAcceptanceClient(url: () => string, folder: () => string) {
  async function ask(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(new URL(path, url()), init);
    const { status, headers } = response;
    const isJson = headers.get('content-type')?.startsWith('application/json');
    return { status, headers, body: isJson ? await response.json() : await response.text() };
  }
  const post = (path: string, body?: unknown) =>
    ask(path, { method: 'POST', ...(body !== undefined && { body: JSON.stringify(body) }) });
  const status = async (id: string, query = ''): Promise<Status> =>
    statusSchema.parse((await ask(`${MANAGEMENT}/instances/${encodeURIComponent(id)}?${query}`)).body);
  const history = async (id: string): Promise<readonly Row[]> =>
    (await status(id, 'showHistory=true&showHistoryOutput=true')).historyEvents ?? [];
  const journal = async (key: string): Promise<readonly string[]> => {
    const text = await readFile(join(folder(), key, 'journal'), 'utf8').catch(() => '');
    return text.split('\n').filter(line => line !== '');
  };

  return {
    ask,
    post,
    /** Makes a request to the management API; a body is sent as JSON. */
    manage: (method: string, path: string, body?: unknown) =>
      ask(`${MANAGEMENT}/${path}`, {
        method,
        ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      }),
    /** Starts an orchestrator through the app; answers the instance's id. */
    async start(name: string, input?: unknown, id = newId()): Promise<string> {
      expect(await post(`/api/start/${name}/${id}`, input)).toMatchObject({ status: 202, body: { id } });
      return id;
    },
    /** Calls a method of the durable client within the app: what its promise came to. */
    client: async (method: string, args: object = {}) => (await post(`/api/client/${method}`, args)).body,
    status,
    history,
    /** Waits for a status. */
    statusWhen: (id: string, isReached: (status: Status) => boolean) => pollUntil(() => status(id), isReached),
    /** Waits for an instance's end, whichever it is. */
    ended: (id: string, timeoutMs?: number) =>
      pollUntil(
        () => status(id),
        ({ runtimeStatus }) => ENDED.includes(runtimeStatus),
        timeoutMs,
      ),
    /** Waits until the history has a row of the type that fits. */
    historyWith: (id: string, eventType: string, fits: (row: Row) => boolean = () => true) =>
      pollUntil(
        () => history(id),
        rows => rows.some(row => row.EventType === eventType && fits(row)),
      ),
    journal,
    /** Waits until the journal has as many lines. */
    journalOf: (key: string, lines: number) =>
      pollUntil(
        () => journal(key),
        found => found.length >= lines,
      ),
    /** Opens gates of the app. */
    async open(key: string, ...gates: readonly string[]): Promise<void> {
      await mkdir(join(folder(), key), { recursive: true });
      for (const gate of gates) await writeFile(join(folder(), key, gate), '');
    },
  };
}

/** A host process on the acceptance app, with its client; `await using` kills it. */
export interface AcceptanceHost extends ReturnType<typeof createAcceptanceClient>, AsyncDisposable {
  readonly process: HostProcess;
  /** What the host has logged about an instance so far: all of it, up to the moment of the call. */
  logOf(instanceId: string): Promise<readonly string[]>;
}

/**
 * Starts a host process on the acceptance app.
 *
 * @param folder - keeps its state and the app's journals
 * @param args - on top of app, state and port
 */
export async function startAcceptanceHost(folder: string, args: readonly string[] = []): Promise<AcceptanceHost> {
  const process = spawnHost(
    ['--app', fixtureApp('acceptance'), '--state', join(folder, 'state.db'), '--port', '0', ...args],
    { ACCEPTANCE_FOLDER: folder },
  );
  const url = await process.ready();
  const client = createAcceptanceClient(
    () => url,
    () => folder,
  );
  return {
    ...client,
    process,
    async logOf(instanceId) {
      // A line of our own: once it is there, so is everything before it.
      const mark = `mark ${randomUUID()}`;
      await client.ask('/api/say', { method: 'POST', body: mark });
      const text = await pollUntil(
        async () => process.output().stderr,
        written => written.includes(mark),
      );
      return text.split('\n').filter(line => line.includes(instanceId));
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** A folder for state and journals, for all tests of a file. */
export function useAcceptanceFolder(): () => string {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'acceptance-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return () => folder;
}

/** One host on the acceptance app for all tests of a file. */
export function useAcceptanceHost(args: readonly string[] = []): () => AcceptanceHost {
  const folder = useAcceptanceFolder();
  let host: AcceptanceHost | undefined;
  beforeAll(async () => {
    host = await startAcceptanceHost(folder(), args);
  });
  // Before the folder goes: hooks after all tests run in the reverse order.
  afterAll(() => host?.[Symbol.asyncDispose]());
  return () => {
    if (!host) throw new Error('The host is started before the first test.');
    return host;
  };
}
