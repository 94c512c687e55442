import * as df from 'durable-functions';
import { newJobUrl } from './jobs.js';

const REQUEST_TIMEOUT_MS = 10_000;
const RETRY = new df.RetryOptions(1_000, 3);

const readJob = df.app.activity('readJob', {
  /** @param {{ jobUrl: string }} input */
  handler: async ({ jobUrl }) => {
    const response = await fetch(jobUrl, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`The job answers ${response.status}`);
    return response.json();
  },
});

/** Looks at a job at fixed intervals until it is done or its time is over. Between two looks nothing runs. */
df.app.orchestration('watchJob', function* (context) {
  /** @type {{ jobUrl: string, intervalMs: number, expiresAtMs: number }} */
  const { jobUrl, intervalMs, expiresAtMs } = context.df.getInput();
  for (let looks = 1; ; looks++) {
    const { isDone } = yield readJob({ jobUrl }).withRetry(RETRY);
    if (isDone) return { result: 'done', looks };

    // The clock of the orchestration: the same at each replay, unlike Date.now().
    const nextLookMs = context.df.currentUtcDateTime.getTime() + intervalMs;
    if (nextLookMs > expiresAtMs) return { result: 'expired', looks };
    context.df.setCustomStatus({ looks });
    yield context.df.createTimer(new Date(nextLookMs));
  }
});

/**
 * @param {import('@azure/functions').HttpRequest} request
 * @param {string} name
 * @returns milliseconds of a number of seconds in the query; NaN when there is none
 */
const queryMs = (request, name) => Number(request.query.get(name) ?? Number.NaN) * 1000;

df.app.client.http('startJob', {
  route: 'jobs',
  methods: ['POST'],
  authLevel: 'anonymous',
  handler: async (request, client) => {
    const takesMs = queryMs(request, 'takes');
    const intervalMs = queryMs(request, 'every');
    const withinMs = queryMs(request, 'within');
    if (!(takesMs >= 0 && intervalMs > 0 && withinMs > 0)) {
      return { status: 400, jsonBody: { error: 'The query has seconds, for example ?takes=5&every=1&within=60' } };
    }
    const input = { jobUrl: newJobUrl(request.url, takesMs), intervalMs, expiresAtMs: Date.now() + withinMs };
    return client.createCheckStatusResponse(request, await client.startNew('watchJob', { input }));
  },
});
