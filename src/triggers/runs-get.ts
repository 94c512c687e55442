import type { HttpHandler } from '@azure/functions';
import * as df from 'durable-functions';
import { HttpProblem, noSuchRun, route } from './responses.ts';
import { isValidToken, readToken, runLinks } from './run-links.ts';
import type { createRunViews } from './run-views.ts';

type RunViews = ReturnType<typeof createRunViews>;

/** `GET /api/runs`: the newest runs with their progress. */
export function createRunsGet({ list }: RunViews): HttpHandler {
  return route((request, context) => list(request, df.getClient(context)));
}

/** `GET /api/runs/{runId}`, `…/results` and `…/report`, for callers with a key. */
export function createRunGet({ views, find }: RunViews): HttpHandler {
  return route(async (request, context) => {
    const view = viewNamed(views, request.params['view']);
    const row = await find(request.params['runId'] ?? '');
    return view(row, request, df.getClient(context), runLinks(request, row.runId));
  });
}

/** `GET /api/links/{token}`, `…/results` and `…/report`: the same for whoever holds a run's signed link. */
export function createLinkGet({ views, find }: RunViews): HttpHandler {
  return route(async (request, context) => {
    const view = viewNamed(views, request.params['view']);
    const token = readToken(request.params['token'] ?? '');
    const row = token && (await find(token.runId).catch(hideMissingRun));
    if (!token || !row || !isValidToken(token, row.linkSecret, Date.now())) {
      throw new HttpProblem(403, 'Link not valid', 'This link is not one of ours, or its time is over.');
    }
    const status = `${new URL(request.url).origin}${new URL(request.url).pathname.replace(/(\/(results|report))?\/?$/, '')}`;
    return view(row, request, df.getClient(context), {
      status,
      results: `${status}/results`,
      report: `${status}/report`,
    });
  });
}

function viewNamed(views: RunViews['views'], name = '') {
  const view = new Map([
    ['', views.status],
    ['results', views.results],
    ['report', views.report],
  ]).get(name);
  if (!view)
    throw new HttpProblem(404, 'No such page', `A run has its status, "results" and "report", but no "${name}".`);
  return view;
}

/** A forged link must not tell which runs exist. */
function hideMissingRun(error: unknown): null {
  if (error instanceof HttpProblem && error.status === noSuchRun('').status) return null;
  throw error;
}
