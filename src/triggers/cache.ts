import type { HttpHandler, HttpRequest } from '@azure/functions';
import { invalid } from '../core/problems.ts';
import type { AnswerCache, CacheFilter } from '../services/answer-cache.ts';
import type { AnswerMemory } from '../services/answer-memory.ts';
import { allowQuery, integerQuery } from './request-body.ts';
import { route } from './responses.ts';

/** `GET /api/cache`: how many answers are kept, how large they are, and of what. */
export function createCacheGet({ cache }: { readonly cache: Pick<AnswerCache, 'stats'> }): HttpHandler {
  return route(async () => ({ jsonBody: await cache.stats() }));
}

/**
 * `DELETE /api/cache`: forgets answers; by `analysis`, `deployment` and `olderThanSeconds` only some.
 *
 * The memory of this process is emptied too, those of others run out by their own time. An unknown parameter is refused,
 * so that a slip of the pen does not forget everything.
 */
export function createCacheDelete(services: {
  readonly cache: Pick<AnswerCache, 'clear'>;
  readonly answers: Pick<AnswerMemory, 'clear'>;
}): HttpHandler {
  const { cache, answers } = services;
  return route(async (request, context) => {
    const removed = await cache.clear(filterOf(request));
    answers.clear();
    context.log(`${removed} answers are forgotten`);
    return { jsonBody: { removed } };
  });
}

const FILTERS = ['analysis', 'deployment', 'olderThanSeconds'];
const HUNDRED_YEARS_S = 3_153_600_000;

function filterOf(request: HttpRequest): CacheFilter {
  allowQuery(request, FILTERS);
  const olderThanSeconds = integerQuery(request, 'olderThanSeconds', -1, { min: 0, max: HUNDRED_YEARS_S });
  return {
    analysis: nameQuery(request, 'analysis'),
    deployment: nameQuery(request, 'deployment'),
    storedBeforeMs: olderThanSeconds === -1 ? null : Date.now() - olderThanSeconds * 1_000,
  };
}

function nameQuery(request: HttpRequest, name: string): string | null {
  const text = request.query.get(name);
  if (text === '') throw invalid(name, text, 'a name, or no such parameter');
  return text;
}
