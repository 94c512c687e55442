import type { z } from 'zod';
import { PlanReplySchema } from '../src/core/plan-reply.ts';
import type { RetryRequest } from '../src/core/retry-request.ts';
import type { RunAction } from '../src/core/run-control.ts';
import type { RunRequestSchema } from '../src/core/run-request.ts';
import { type AppAnswer, type AppRequest, acceptedText, createAppFetch, jsonOf, parseReply } from './app-fetch.ts';
import type { Context } from './context.ts';
import type { IssueFile } from './issue-file.ts';
import {
  CacheClearedSchema,
  CacheStatsSchema,
  HealthSchema,
  ReportSchema,
  RetryReplySchema,
  RunListSchema,
  RunStatusSchema,
  StartReplySchema,
  UploadReplySchema,
} from './replies.ts';

/** The body of `POST /api/runs`, as a client writes it. */
export type RunBody = z.input<typeof RunRequestSchema>;

/** The app's HTTP interface, as the CLI uses it. */
export type ApiClient = ReturnType<typeof createApiClient>;

/** Forms in which results are answered as a whole. */
export type WholeFormat = 'ndjson' | 'csv';

/** What came of a retry. */
export interface RetryEnd {
  readonly attempt: number;
  /** False where nothing was left undone. */
  readonly isStarted: boolean;
  /** Whether the attempt was there already, by the same request. */
  readonly isReplayed: boolean;
}

const MINUTE_MS = 60_000;

const runPath = (runId: string, rest = '') => `runs/${encodeURIComponent(runId)}${rest}`;
const outcomeFilter = (outcome: string | null) => (outcome === null ? '' : `&outcome=${outcome}`);

function uploadOf({ contentType, content }: IssueFile): AppRequest {
  const headers = { 'content-type': contentType };
  return { method: 'POST', path: 'uploads', body: content, headers, timeoutMs: 15 * MINUTE_MS };
}

function post(path: string, body: RunBody | RetryRequest | null = null, moreHeaders = {}): AppRequest {
  const headers = { 'content-type': 'application/json', ...moreHeaders };
  return { method: 'POST', path, body: JSON.stringify(body ?? {}), headers, timeoutMs: 5 * MINUTE_MS };
}

function keyHeader(idempotencyKey: string | null) {
  return idempotencyKey === null ? {} : { 'idempotency-key': idempotencyKey };
}

/** What changes a run that was started. */
function runChanges(url: string, app: Pick<ReturnType<typeof createAppFetch>, 'send' | 'sendPatiently'>) {
  return {
    /** Tells a run to stop, to wait or to go on; may be said again. */
    async control(runId: string, action: RunAction, isForced: boolean) {
      const path = runPath(runId, `/${action}${isForced ? '?force=true' : ''}`);
      return parseReply(url, RunStatusSchema, acceptedText(url, await app.sendPatiently(post(path))));
    },

    /** Starts a run again, unless it left nothing undone; may be said again where the attempt has a number. */
    async retry(runId: string, body: RetryRequest): Promise<RetryEnd> {
      const send = body.attempt === undefined ? app.send : app.sendPatiently;
      const answer = await send(post(runPath(runId, '/retry'), body));
      const { attempt, replayed } = parseReply(url, RetryReplySchema, acceptedText(url, answer));
      return { attempt, isStarted: 'httpStatus' in answer && answer.httpStatus === 202, isReplayed: replayed };
    },

    /** Deletes a run; may be said again. */
    async remove(runId: string, isForced: boolean): Promise<void> {
      const path = runPath(runId, isForced ? '?force=true' : '');
      acceptedText(url, await app.sendPatiently({ method: 'DELETE', path, timeoutMs: 5 * MINUTE_MS }));
    },
  };
}

/**
 * A client for one app.
 *
 * All requests throw {@link CliError}: for an app that does not answer, a refusal (naming field, value and range), or an
 * answer that is not of this app.
 *
 * @param options.url - without `/api` and without a slash at the end
 * @param options.key - sent as x-functions-key; null = none
 */
export function createApiClient(context: Context, options: { readonly url: string; readonly key: string | null }) {
  const { url } = options;
  const app = createAppFetch(context, options);
  const json = async <T>(schema: z.ZodType<T>, answer: AppAnswer | Promise<AppAnswer>): Promise<T> =>
    parseReply(url, schema, acceptedText(url, await answer));

  return {
    url,

    upload: (file: IssueFile) => json(UploadReplySchema, app.send(uploadOf(file))),

    /** By the key of its start, the plan of a run that has ended counts what that has answered. */
    plan: (body: RunBody, idempotencyKey: string | null = null) =>
      json(PlanReplySchema, app.sendPatiently(post('runs?plan=true', body, keyHeader(idempotencyKey)))),

    /** Starts once, however often the request has to be sent: the key makes the app answer a repetition with the same run. */
    start: (body: RunBody, idempotencyKey: string) =>
      json(StartReplySchema, app.sendPatiently(post('runs', body, keyHeader(idempotencyKey)))),

    status: (runId: string) => json(RunStatusSchema, app.send({ path: runPath(runId) })),

    /** Like `status`, but an app that does not answer is data. */
    async statusIfReachable(runId: string) {
      const answer = await app.send({ path: runPath(runId) });
      return 'unreachable' in answer ? answer : { status: await json(RunStatusSchema, answer) };
    },

    ...runChanges(url, app),

    runs: async () => (await json(RunListSchema, app.send({ path: 'runs' }))).runs,

    /** The report, and the text it was parsed from. */
    async report(runId: string) {
      const text = acceptedText(url, await app.sendPatiently({ path: runPath(runId, '/report') }));
      return { report: parseReply(url, ReportSchema, text), text };
    },

    /** All results in one form, as they arrive. */
    results: (runId: string, format: WholeFormat, outcome: string | null) =>
      app.stream(runPath(runId, `/results?format=${format}${outcomeFilter(outcome)}`)),

    cacheStats: () => json(CacheStatsSchema, app.send({ path: 'cache', timeoutMs: 5 * MINUTE_MS })),

    /** Forgets answers, all or by some parameters of `DELETE /api/cache`, and tells how many. */
    async clearCache(filter: Readonly<Record<string, string>>): Promise<number> {
      const query = new URLSearchParams(filter);
      const path = query.size === 0 ? 'cache' : `cache?${query}`;
      const answer = app.send({ method: 'DELETE', path, timeoutMs: 5 * MINUTE_MS });
      return (await json(CacheClearedSchema, answer)).removed;
    },

    /** Whether the app's model calls go to a simulator; null where it does not say. */
    async isSimulated(): Promise<boolean | null> {
      const answer = await app.send({ path: 'health' });
      return 'unreachable' in answer
        ? null
        : (HealthSchema.safeParse(jsonOf(answer.text)).data?.service.simulator ?? null);
    },
  };
}
