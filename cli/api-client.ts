import type { z } from 'zod';
import type { RunRequestSchema } from '../src/core/run-request.ts';
import { type AppAnswer, createAppFetch } from './app-fetch.ts';
import type { Context } from './context.ts';
import { CliError } from './errors.ts';
import type { IssueFile } from './issue-file.ts';
import {
  HealthSchema,
  PlanReplySchema,
  ReportSchema,
  ResultsPageSchema,
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

const MINUTE_MS = 60_000;
const PAGE_SIZE = 1_000;

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
  const app = createAppFetch(context, options);

  async function json<T>(schema: z.ZodType<T>, answer: Promise<AppAnswer>): Promise<T> {
    return app.parse(schema, await app.accepted(await answer));
  }
  const runPath = (runId: string, rest = '') => `runs/${encodeURIComponent(runId)}${rest}`;
  const postRun = (path: string, body: RunBody, headers: Record<string, string> = {}) =>
    ({
      method: 'POST',
      path,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
      timeoutMs: 5 * MINUTE_MS,
    }) as const;

  return {
    url: options.url,

    upload({ contentType, content }: IssueFile) {
      const request = {
        method: 'POST',
        path: 'uploads',
        body: content,
        headers: { 'content-type': contentType },
        timeoutMs: 15 * MINUTE_MS,
      } as const;
      return json(UploadReplySchema, app.send(request));
    },

    plan: (body: RunBody) => json(PlanReplySchema, app.sendPatiently(postRun('runs?plan=true', body))),

    /** Starts once, however often the request has to be sent: the key makes the app answer a repetition with the same run. */
    start: (body: RunBody, idempotencyKey: string) =>
      json(StartReplySchema, app.sendPatiently(postRun('runs', body, { 'idempotency-key': idempotencyKey }))),

    status: (runId: string) => json(RunStatusSchema, app.send({ path: runPath(runId) })),

    /** Like `status`, but an app that does not answer is data. */
    async statusIfReachable(runId: string) {
      const answer = await app.send({ path: runPath(runId) });
      return 'unreachable' in answer ? answer : { status: await json(RunStatusSchema, Promise.resolve(answer)) };
    },

    runs: async () => (await json(RunListSchema, app.send({ path: 'runs' }))).runs,

    /** The report, and the text it was parsed from. */
    async report(runId: string) {
      const text = await app.accepted(await app.sendPatiently({ path: runPath(runId, '/report') }));
      return { report: app.parse(ReportSchema, text), text };
    },

    /** All results in one form, as they arrive. */
    results: (runId: string, format: WholeFormat, outcome: string | null) =>
      app.stream(runPath(runId, `/results?format=${format}${outcome === null ? '' : `&outcome=${outcome}`}`)),

    /** All results, page by page. */
    async *resultPages(runId: string, outcome: string | null) {
      const filter = outcome === null ? '' : `&outcome=${outcome}`;
      for (let offset: number | null = 0; offset !== null; ) {
        const path = runPath(runId, `/results?format=json&limit=${PAGE_SIZE}&offset=${offset}${filter}`);
        const page: z.infer<typeof ResultsPageSchema> = await json(ResultsPageSchema, app.sendPatiently({ path }));
        yield page.results;
        offset = page.nextOffset;
      }
    },

    /** Whether the app's model calls go to a simulator; null where it does not say. */
    async isSimulated(): Promise<boolean | null> {
      try {
        return (await json(HealthSchema, app.send({ path: 'health' }))).service.simulator;
      } catch (error) {
        if (error instanceof CliError) return null;
        throw error;
      }
    },
  };
}
