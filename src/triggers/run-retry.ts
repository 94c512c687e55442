import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { RunInputSchema } from '../core/contracts.ts';
import { parseInput } from '../core/problems.ts';
import { isWorthRetrying, type RetryRequest, RetryRequestSchema, retriedPlan } from '../core/retry-request.ts';
import { isUnderWay } from '../core/run-status.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { rootOf, startOnce, statusOf } from './instances.ts';
import { readOptionalJson } from './request-body.ts';
import { noSuchRun } from './responses.ts';
import { acceptedReply, runLinks } from './run-links.ts';
import { hasRootEnded, type Sleep, stillUnderWay, terminateStreams } from './run-termination.ts';
import { statusReply } from './run-views.ts';

interface Services {
  readonly runs: Pick<RunStore, 'entry' | 'restart'>;
  readonly sleep: Sleep;
}

const INSTEAD = 'cancel it, then retry';

/**
 * Starts a run that has ended once more, under the same id: what is answered or skipped stays, the rest is done.
 *
 * A run of which nothing is left to do is answered with its status. Two retries at one moment make one new attempt, and so
 * does a repeated one whose first start was interrupted.
 *
 * @throws problems: 400 for caps that the run has used up, 404 for a run that there is not, 409 for one under way
 */
export async function retryRun(
  { runs, sleep }: Services,
  { request, context, runId }: { request: HttpRequest; context: InvocationContext; runId: string },
): Promise<HttpResponseInit> {
  const wanted = parseInput(RetryRequestSchema, await readOptionalJson(request));
  const client = df.getClient(context);
  for (let isJoining = false; ; isJoining = true) {
    const entry = await runs.entry(runId);
    if (!entry) throw noSuchRun(runId);
    const { row } = entry;
    const status = await statusOf(row, client);
    if (isUnderWay(status.status)) {
      if (await isInterrupted(client, row, wanted)) return start(client, row, { request, context });
      if (isJoining) return acceptedReply(request, client, row, { attempt: row.attempt });
      throw stillUnderWay(status, INSTEAD);
    }
    if (!isWorthRetrying(row.summary)) {
      const links = runLinks(request, runId);
      return statusReply(status, links, links.status);
    }
    const plan = retriedPlan(row.plan, wanted, row.summary);
    // The report is written a moment before the root ends.
    if (!(await hasRootEnded(client, sleep, row))) throw stillUnderWay(status, INSTEAD);
    const next = await runs.restart(entry, { plan, startedAtMs: Date.now() });
    // Somebody else has changed the run, most likely by the same request: it is looked at anew.
    if (!next) continue;
    if (row.summary === null) await terminateStreams(client, row);
    return start(client, next, { request, context });
  }
}

async function start(
  client: df.DurableClient,
  row: RunRow,
  { request, context }: { request: HttpRequest; context: InvocationContext },
): Promise<HttpResponseInit> {
  await startOnce(client, RunInputSchema.parse(row));
  context.log(`run ${row.runId} is started again, attempt ${row.attempt}`);
  return acceptedReply(request, client, row, { attempt: row.attempt });
}

/** Whether a retry was written into the row, but its orchestration was not started: this request may start it. */
async function isInterrupted(client: df.DurableClient, row: RunRow, wanted: RetryRequest): Promise<boolean> {
  if (row.attempt === 1 || (await rootOf(client, row)) !== null) return false;
  return JSON.stringify(retriedPlan(row.plan, wanted, null)) === JSON.stringify(row.plan);
}
