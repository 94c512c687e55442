import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { analysisNamed } from '../core/analyses.ts';
import { RunIdSchema } from '../core/names.ts';
import type { Outcome, ResultLine } from '../core/report.ts';
import { isUnderWay, type RunStatus } from '../core/run-status.ts';
import type { csvOf, ResultsStore } from '../services/results.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { statusOf } from './instances.ts';
import { integerQuery, wordQuery } from './request-body.ts';
import { HttpProblem, noSuchRun, RETRY_AFTER_SECONDS } from './responses.ts';
import { type RunLinks, runLinks } from './run-links.ts';

interface Services {
  readonly runs: Pick<RunStore, 'read' | 'list'>;
  readonly results: Pick<ResultsStore, 'read' | 'readReport' | 'lines'>;
  readonly csvOf: typeof csvOf;
}

/** One way to look at a run. */
export type RunView = (
  row: RunRow,
  request: HttpRequest,
  client: DurableClient,
  links: RunLinks,
) => Promise<HttpResponseInit>;

const OUTCOMES: readonly Outcome[] = ['succeeded', 'failed', 'skipped', 'not_started'];
const MAX_PAGE = 1_000;

/**
 * The asynchronous pattern of HTTP: 202 with `Location` and `Retry-After` while the run is under way, 200 at its end, also
 * if issues failed.
 *
 * @param location - where to ask again
 */
export function statusReply(status: RunStatus, links: RunLinks, location: string): HttpResponseInit {
  const jsonBody = { ...status, links };
  if (!isUnderWay(status.status)) return { status: 200, jsonBody };
  return { status: 202, headers: { Location: location, 'Retry-After': RETRY_AFTER_SECONDS }, jsonBody };
}

/** What there is to see of a run: its status, its results, its report; shared by all routes that show them. */
export function createRunViews({ runs, results, csvOf }: Services) {
  const status: RunView = async (row, request, client, links) => {
    return statusReply(await statusOf(row, client), links, request.url);
  };

  const report: RunView = async (row, _request, client) => {
    await refuseWhileRetried(row, client, 'report');
    const content = await results.readReport(row.runId);
    if (!content) throw notReady(await statusOf(row, client), 'report');
    return { headers: { 'Content-Type': 'application/json' }, body: content };
  };

  const resultsView: RunView = async (row, request, client) => {
    const format = wordQuery(request, 'format', ['json', 'ndjson', 'csv']) ?? 'json';
    const outcome = wordQuery(request, 'outcome', OUTCOMES);
    const offset = integerQuery(request, 'offset', 0, { min: 0, max: 1_000_000 });
    const limit = integerQuery(request, 'limit', format === 'json' ? 100 : 0, { min: 1, max: MAX_PAGE });
    await refuseWhileRetried(row, client, 'results');
    if (!row.summary && !(await results.readReport(row.runId))) throw notReady(await statusOf(row, client), 'results');
    const headers = { 'Content-Type': CONTENT_TYPES[format] };
    if (format !== 'json' && outcome === null && offset === 0 && limit === 0) {
      return { headers, body: (await results.read(row.runId, format)) ?? '' };
    }
    const page = await pageOf(results.lines(row.runId), outcome, offset, limit || Number.POSITIVE_INFINITY);
    if (format === 'csv')
      return { headers, body: csvOf(page.lines, Object.keys(analysisNamed(row.plan.analysis).wireSchema.shape)) };
    if (format === 'ndjson') return { headers, body: page.lines.map(line => `${JSON.stringify(line)}\n`).join('') };
    const nextOffset = page.total > offset + limit ? offset + limit : null;
    return { jsonBody: { runId: row.runId, total: page.total, offset, limit, nextOffset, results: page.lines } };
  };

  return {
    views: { status, results: resultsView, report },
    /** @throws a 404 problem */
    async find(runId: string): Promise<RunRow> {
      const row = RunIdSchema.safeParse(runId).success ? await runs.read(runId) : null;
      if (!row) throw noSuchRun(runId);
      return row;
    },
    /** The newest runs first. */
    async list(request: HttpRequest, client: DurableClient): Promise<HttpResponseInit> {
      const limit = integerQuery(request, 'limit', 50, { min: 1, max: MAX_PAGE });
      const rows = await runs.list(limit);
      const bodies = await Promise.all(
        rows.map(async row => ({ ...(await statusOf(row, client)), links: runLinks(request, row.runId) })),
      );
      return { jsonBody: { runs: bodies } };
    },
  };
}

const CONTENT_TYPES = { json: 'application/json', ndjson: 'application/x-ndjson', csv: 'text/csv; charset=utf-8' };

/** What is there while a run is retried is that of the attempt before. */
async function refuseWhileRetried(row: RunRow, client: DurableClient, what: string): Promise<void> {
  if (row.attempt === 1 || row.summary !== null) return;
  const status = await statusOf(row, client);
  if (isUnderWay(status.status)) throw notReady(status, what);
}

function notReady({ runId, status, progress }: RunStatus, what: string): HttpProblem {
  if (!isUnderWay(status)) {
    return new HttpProblem(
      409,
      'Never written',
      `Run ${runId} is ${status}: it ended before its ${what} could be written.`,
    );
  }
  const done = `${progress.done} of ${progress.total ?? '?'} issues are done`;
  const detail = `Run ${runId} is ${status}, ${done}; its ${what} can be had at its end.`;
  return new HttpProblem(409, 'Not there yet', detail, { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
}

async function pageOf(lines: AsyncIterable<ResultLine>, outcome: Outcome | null, offset: number, limit: number) {
  const page: ResultLine[] = [];
  let total = 0;
  for await (const line of lines) {
    if (outcome !== null && line.outcome !== outcome) continue;
    if (total >= offset && page.length < limit) page.push(line);
    total += 1;
  }
  return { total, lines: page };
}
