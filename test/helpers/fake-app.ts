import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { PlanReply } from '../../src/core/plan-reply.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { createReportBuilder, type Report, type ResultLine } from '../../src/core/report.ts';
import { isUnderWay, type RunStatus, runStatusOf } from '../../src/core/run-status.ts';
import { NOON_MS, planned, reportInput, resultLine } from './factories.ts';

/** A request that has come in. */
export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  /** Default: that of text for a text, else that of JSON. */
  readonly contentType?: string;
}

/** What a test answers in place of the fake: a status with a body, or a connection cut without an answer. */
export type Answer = Reply | 'cut';

/** An HTTP server with the app's interface; its runs are done after a number of polls. */
export interface FakeApp extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: SeenRequest[];
  /** Requests with that method and beginning. */
  seen(method: string, path: string): SeenRequest[];
  close(): Promise<void>;
}

/** How the fake behaves. */
export interface FakeAppOptions {
  readonly port?: number;
  /** The lines of every run. Default: three successes. */
  readonly lines?: readonly ResultLine[];
  readonly plan?: Partial<PlanReply>;
  /** Polls until a run is done; each shows one line more. Default: as many as lines. */
  readonly polls?: number;
  /** The end of every run. Default `completed`. */
  readonly end?: 'completed' | 'failed' | 'terminated';
  /** Looks at a request first; undefined leaves it to the fake. */
  readonly before?: (
    request: SeenRequest,
    earlier: readonly SeenRequest[],
  ) => Answer | undefined | Promise<Answer | undefined>;
}

/** Three successes. */
export const THREE_LINES: readonly ResultLine[] = [0, 1, 2].map(index => resultLine({ index, id: `APP-${index + 1}` }));

/** The report that the app would build of lines. */
export function reportOf(lines: readonly ResultLine[], runId = 'run-1'): Report {
  const builder = createReportBuilder(reportInput({ runId }), { rows: 'category', columns: 'priority' });
  for (const line of lines) builder.add(line);
  return builder.build().report;
}

/** A run's status after so many of its lines. */
export function statusOf(
  runId: string,
  lines: readonly ResultLine[],
  done: number,
  end?: FakeAppOptions['end'],
): RunStatus {
  const facts = { runId, analysis: 'triage', deployment: 'gpt-4o-mini', createdAtMs: NOON_MS, control: null };
  const row = { ...facts, attempt: 1, attempts: [{ attempt: 1, startedAtMs: NOON_MS, summary: null }] };
  if (end === 'completed') return runStatusOf({ ...row, summary: reportOf(lines, runId) }, null, [], NOON_MS);
  const runtimeStatus = end === undefined ? 'Running' : end === 'failed' ? 'Failed' : 'Terminated';
  const { succeeded, failed, skipped, cached, coalesced, calls, tokens, costUsd } = reportOf(lines.slice(0, done));
  const { totalTokens: _, ...usage } = tokens;
  const counts = { succeeded, failed, skipped, cached, coalesced, calls, usage, costUsd };
  const progress = { ...NO_PROGRESS, ...counts, batches: 1 };
  const root = { phase: 'analyzing', total: lines.length, units: lines.length, streams: 1, kept: NO_PROGRESS };
  const output = end === 'failed' ? 'the issues could not be stored' : null;
  return runStatusOf(
    { ...row, summary: null },
    { runtimeStatus, customStatus: root, output },
    [{ runtimeStatus, customStatus: { progress, resumeAtMs: 0, stopped: null }, output: null }],
    NOON_MS,
  );
}

const DEFAULT_PLAN = planned();

/** Starts a fake app on 127.0.0.1; `await using` closes it. */
export async function startFakeApp(options: FakeAppOptions = {}): Promise<FakeApp> {
  const requests: SeenRequest[] = [];
  const handle = createRoutes(options);
  const server = createServer(async (incoming, outgoing) => {
    const { method = '', url: path = '', headers } = incoming;
    const request = { method, path, headers, body: await text(incoming) };
    const earlier = [...requests];
    requests.push(request);
    const answer = (await options.before?.(request, earlier)) ?? handle(request);
    if (answer === 'cut') outgoing.destroy();
    else send(outgoing, answer);
  });
  server.listen(options.port ?? 0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    if (!server.listening) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    seen: (method, path) => requests.filter(request => request.method === method && request.path.startsWith(path)),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function send(outgoing: ServerResponse, { status, body, contentType }: Reply): void {
  const isText = typeof body === 'string';
  outgoing.writeHead(status, { 'content-type': contentType ?? (isText ? 'text/plain' : 'application/json') });
  outgoing.end(isText ? body : JSON.stringify(body));
}

/** An error document as the app writes it. */
export function problem(
  status: number,
  title: string,
  violation?: { field: string; value: string; allowed: string },
): Reply {
  const detail = violation ? `${violation.field} is ${violation.value}; allowed: ${violation.allowed}` : title;
  const violations = violation ? [violation] : [];
  return {
    status,
    body: { type: 'about:blank', title, status, detail, violations },
    contentType: 'application/problem+json',
  };
}

function createRoutes({ lines = THREE_LINES, plan = {}, polls = lines.length, end = 'completed' }: FakeAppOptions) {
  const runs = new Map<string, { runId: string; polls: number }>();
  const byId = (runId: string) => [...runs.values()].find(run => run.runId === runId);
  const noSuchRun = (runId: string) =>
    problem(404, 'No such run', { field: 'runId', value: `"${runId}"`, allowed: 'the id of a run' });

  function start({ headers }: SeenRequest): Answer {
    const key = String(headers['idempotency-key']);
    const known = runs.get(key);
    const run = known ?? { runId: `run-${runs.size + 1}`, polls: 0 };
    runs.set(key, run);
    return { status: 202, body: { runId: run.runId, replayed: known !== undefined, links: {}, management: {} } };
  }

  function view(run: { runId: string; polls: number }, kind: string | undefined, query: URLSearchParams): Answer {
    const isDone = run.polls >= polls;
    if (kind === undefined) {
      run.polls += 1;
      const status = statusOf(run.runId, lines, Math.min(run.polls - 1, lines.length), isDone ? end : undefined);
      return { status: isUnderWay(status.status) ? 202 : 200, body: { ...status, links: {} } };
    }
    if (!isDone || end !== 'completed') return problem(409, 'Not there yet');
    if (kind === 'report') return { status: 200, body: reportOf(lines, run.runId) };
    return results(query);
  }

  function results(query: URLSearchParams): Answer {
    const outcome = query.get('outcome');
    const found = lines.filter(line => outcome === null || line.outcome === outcome);
    if (query.get('format') === 'csv')
      return { status: 200, body: ['id', ...found.map(({ id }) => id)].map(row => `${row}\n`).join('') };
    return { status: 200, body: found.map(line => `${JSON.stringify(line)}\n`).join('') };
  }

  return (request: SeenRequest): Answer => {
    const { pathname, searchParams } = new URL(request.path, 'http://app');
    const [, , resource, runId, kind] = pathname.split('/');
    const isPost = request.method === 'POST';
    if (isPost && resource === 'uploads')
      return { status: 201, body: { uploadId: 'u.csv', format: 'csv', bytes: 9, issues: 3, distinct: 3 } };
    if (isPost && searchParams.get('plan') === 'true') return { status: 200, body: { ...DEFAULT_PLAN, ...plan } };
    if (isPost) return start(request);
    if (resource === 'health') return { status: 200, body: { status: 'ok', service: { simulator: true } } };
    if (!runId) return { status: 200, body: { runs: [...runs.values()].map(run => statusOf(run.runId, lines, 0)) } };
    const run = byId(decodeURIComponent(runId));
    return run ? view(run, kind, searchParams) : noSuchRun(runId);
  };
}
