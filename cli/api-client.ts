import type { z } from 'zod';
import type { RunRequestSchema } from '../src/core/run-request.ts';
import { type AppAnswer, type AppRequest, acceptedText, createAppFetch, jsonOf, parseReply } from './app-fetch.ts';
import type { Context } from './context.ts';
import type { IssueFile } from './issue-file.ts';
import {
  HealthSchema,
  PlanReplySchema,
  ReportSchema,
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

const runPath = (runId: string, rest = '') => `runs/${encodeURIComponent(runId)}${rest}`;
const outcomeFilter = (outcome: string | null) => (outcome === null ? '' : `&outcome=${outcome}`);

function uploadOf({ contentType, content }: IssueFile): AppRequest {
  const headers = { 'content-type': contentType };
  return { method: 'POST', path: 'uploads', body: content, headers, timeoutMs: 15 * MINUTE_MS };
}

function runPost(path: string, body: RunBody, moreHeaders: Readonly<Record<string, string>> = {}): AppRequest {
  const headers = { 'content-type': 'application/json', ...moreHeaders };
  return { method: 'POST', path, body: JSON.stringify(body), headers, timeoutMs: 5 * MINUTE_MS };
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

    plan: (body: RunBody) => json(PlanReplySchema, app.sendPatiently(runPost('runs?plan=true', body))),

    /** Starts once, however often the request has to be sent: the key makes the app answer a repetition with the same run. */
    start: (body: RunBody, idempotencyKey: string) =>
      json(StartReplySchema, app.sendPatiently(runPost('runs', body, { 'idempotency-key': idempotencyKey }))),

    status: (runId: string) => json(RunStatusSchema, app.send({ path: runPath(runId) })),

    /** Like `status`, but an app that does not answer is data. */
    async statusIfReachable(runId: string) {
      const answer = await app.send({ path: runPath(runId) });
      return 'unreachable' in answer ? answer : { status: await json(RunStatusSchema, answer) };
    },

    runs: async () => (await json(RunListSchema, app.send({ path: 'runs' }))).runs,

    /** The report, and the text it was parsed from. */
    async report(runId: string) {
      const text = acceptedText(url, await app.sendPatiently({ path: runPath(runId, '/report') }));
      return { report: parseReply(url, ReportSchema, text), text };
    },

    /** All results in one form, as they arrive. */
    results: (runId: string, format: WholeFormat, outcome: string | null) =>
      app.stream(runPath(runId, `/results?format=${format}${outcomeFilter(outcome)}`)),

    /** Whether the app's model calls go to a simulator; null where it does not say. */
    async isSimulated(): Promise<boolean | null> {
      const answer = await app.send({ path: 'health' });
      return 'unreachable' in answer
        ? null
        : (HealthSchema.safeParse(jsonOf(answer.text)).data?.service.simulator ?? null);
    },
  };
}
