import { join } from 'node:path';
import type { Worker } from '../../local/engine/protocol/worker.ts';
import { createFunctionRoutes } from '../../local/host/http/function-routes.ts';
import { type HttpHandler, openHttpServer } from '../../local/host/http/http-server.ts';
import type { Log, LogLevel } from '../../local/host/log.ts';
import { createInProcessWorker } from '../../local/host/worker/in-process-worker.ts';
import { loadApp } from '../../local/host/worker/load-app.ts';

/** The folder of a fixture app. */
export const fixtureApp = (name: string) => join(import.meta.dirname, '../fixtures/apps', name);

/** A log that keeps its lines. */
export function collectLog(): { log: Log; lines: { level: LogLevel; source: string; message: string }[] } {
  const lines: { level: LogLevel; source: string; message: string }[] = [];
  return { lines, log: (level, source, message) => lines.push({ level, source, message }) };
}

/** Loads a fixture app behind a worker; `await using` unloads it. */
export async function openFixtureWorker(
  name: string,
  options: { durableClientJson?: string; disabled?: readonly string[] } = {},
): Promise<{ worker: Worker; lines: ReturnType<typeof collectLog>['lines'] } & AsyncDisposable> {
  const { log, lines } = collectLog();
  const app = await loadApp(fixtureApp(name), log);
  const { durableClientJson = '{}', disabled = [] } = options;
  const worker = createInProcessWorker({ app, durableClientJson, isDisabled: f => disabled.includes(f), log });
  return { worker, lines, [Symbol.asyncDispose]: () => app.close() };
}

/** Serves handlers on a port of its own; `await using` closes it. */
export async function serveHandlers(
  handlers: readonly HttpHandler[],
): Promise<{ url: string; lines: ReturnType<typeof collectLog>['lines'] } & AsyncDisposable> {
  const { log, lines } = collectLog();
  const server = await openHttpServer({ port: 0, log });
  server.serve(handlers);
  return { url: `http://127.0.0.1:${server.port}`, lines, [Symbol.asyncDispose]: () => server.close() };
}

/** Serves the HTTP functions of a fixture app without an engine. */
export async function serveFixture(name: string, options: { routePrefix?: string; disabled?: readonly string[] } = {}) {
  const { routePrefix = 'api', disabled = [] } = options;
  const { worker, lines, ...fixture } = await openFixtureWorker(name, { disabled });
  const log: Log = (level, source, message) => lines.push({ level, source, message });
  const server = await serveHandlers([createFunctionRoutes({ worker, routePrefix, log })]);
  return {
    url: server.url,
    lines,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await fixture[Symbol.asyncDispose]();
    },
  };
}

/** Asks again every 10 ms until `isDone`; throws with the last answer after `timeoutMs` (default 20 s). */
export async function pollUntil<T>(
  ask: () => Promise<T>,
  isDone: (answer: T) => boolean,
  timeoutMs = 20_000,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isDone(answer)) return answer;
    if (performance.now() > deadlineMs)
      throw new Error(`Still not done after ${timeoutMs} ms: ${JSON.stringify(answer)}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}
