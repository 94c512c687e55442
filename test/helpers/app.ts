import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { startHostProcess } from '../../local/host-process.ts';
import type { OpenAiSimulatorOptions } from '../../local/simulators/openai-options.ts';
import { type RunningOpenAiSimulator, startOpenAiSimulator } from '../../local/simulators/openai-server.ts';
import type { RunStatus } from '../../src/core/run-status.ts';
import { CEILING_VARIABLE } from '../../src/core/settings.ts';
import type { RunLinks } from '../../src/triggers/run-links.ts';
import { pollUntil } from './host-fixture.ts';

/** The built app in a host process of its own, over the shared storage and a simulator of its own. */
export interface TestApp extends AsyncDisposable {
  readonly url: string;
  readonly stateFile: string;
  readonly simulator: RunningOpenAiSimulator;
  readonly hostLines: readonly string[];
  call(
    method: string,
    path: string,
    body?: string | Uint8Array | object | null,
    headers?: Record<string, string>,
  ): Promise<Reply>;
  /** Starts a run and answers its id. */
  startRun(request: object): Promise<string>;
  /** Waits for a run's end. */
  finished(runId: string, timeoutMs?: number): Promise<RunStatus & { links: RunLinks }>;
  /** Kills the host process at once, as a crash would. */
  killHost(): Promise<void>;
  /** Starts the host again on the same state and port. */
  restartHost(): Promise<void>;
  stopHost(): Promise<void>;
}

/** An answer of the app, with its body parsed as JSON where it is JSON. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly json: any;
}

/** Starts app and simulator; `await using` ends both. */
export async function startApp(
  options: { simulator?: OpenAiSimulatorOptions; env?: Record<string, string> } = {},
): Promise<TestApp> {
  const folder = await mkdtemp(join(tmpdir(), 'fanfold-test-'));
  const stateFile = join(folder, 'state.db');
  const simulator = await startOpenAiSimulator({ latencyMs: 0, ...options.simulator, port: 0 });
  const hostLines: string[] = [];
  const env = {
    PATH: process.env['PATH'] ?? '',
    AzureWebJobsStorage: inject('storage'),
    AZURE_OPENAI_ENDPOINT: simulator.url,
    AZURE_OPENAI_DEPLOYMENT: 'gpt-4o-mini',
    AZURE_OPENAI_API_KEY: 'simulator',
    STORAGE_TABLE_SHARDS: '16',
    // Tests share the storage: a run must not be answered by what another one bought.
    CACHE_TTL_SECONDS: '0',
    [CEILING_VARIABLE]: '10',
    ...options.env,
  };
  const startOn = (port: number) =>
    startHostProcess({ appFolder: inject('appFolder'), port, stateFile, env, onLine: line => hostLines.push(line) });
  let host = await startOn(0);
  const url = host.ready;

  const call: TestApp['call'] = async (method, path, body = null, headers = {}) => {
    const isPlain = body !== null && Object.getPrototypeOf(body) === Object.prototype;
    const init = isPlain
      ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } }
      : { body: body as string | Uint8Array<ArrayBuffer> | null, headers };
    const response = await fetch(path.startsWith('http') ? path : `${url}/api${path}`, { method, ...init });
    const text = await response.text();
    const isJson = /(?<!nd)json$/.test(response.headers.get('content-type')?.split(';')[0] ?? '');
    return { status: response.status, headers: response.headers, text, json: isJson ? JSON.parse(text) : null };
  };

  return {
    url,
    stateFile,
    simulator,
    hostLines,
    call,
    async startRun(request) {
      const { status, text, json } = await call('POST', '/runs', { runId: randomUUID(), ...request });
      if (status !== 202) throw new Error(`Start answered ${status}: ${text}`);
      return json.runId;
    },
    async finished(runId, timeoutMs = 60_000) {
      const { json } = await pollUntil(
        () => call('GET', `/runs/${runId}`),
        ({ status }) => status === 200,
        timeoutMs,
      );
      return json;
    },
    async killHost() {
      process.kill(host.pid, 'SIGKILL');
      await host.ended;
    },
    async restartHost() {
      host = await startOn(Number(new URL(url).port));
    },
    stopHost: () => host.stop(),
    async [Symbol.asyncDispose]() {
      await host.stop();
      await simulator.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Issues with texts of their own: `count` of them, or one for each text. */
export function someIssues(
  count: number,
  textOf = (n: number) => `The export of page ${n} fails with error ${n * 7}.`,
): object[] {
  return Array.from({ length: count }, (_, n) => ({
    key: `T-${n + 1}`,
    title: `Export ${n + 1} fails`,
    description: textOf(n + 1),
  }));
}
