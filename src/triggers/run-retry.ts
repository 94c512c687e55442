import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { RunInputSchema } from '../core/contracts.ts';
import { invalid, parseInput } from '../core/problems.ts';
import {
  isAskedAgain,
  isWorthRetrying,
  type RetryRequest,
  RetryRequestSchema,
  retriedPlan,
} from '../core/retry-request.ts';
import { isUnderWay, type RunStatus } from '../core/run-status.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { rootOf, startOnce, statusOf } from './instances.ts';
import { allowQuery, readOptionalJson } from './request-body.ts';
import { fieldProblem, type HttpProblem, noSuchRun } from './responses.ts';
import { announce, type Speaker } from './run-announcement.ts';
import { acceptedReply, runLinks } from './run-links.ts';
import { hasRootEnded, type Sleep, stillUnderWay, terminateStreams } from './run-termination.ts';
import { statusReply } from './run-views.ts';

interface Services {
  readonly runs: Pick<RunStore, 'entry' | 'restart' | 'control'>;
  readonly sleep: Sleep;
}

interface Asked {
  readonly request: HttpRequest;
  readonly context: InvocationContext;
}

/**
 * Starts a run that has ended once more, under the same id: what is answered or skipped stays, the rest is done.
 *
 * A run of which nothing is left to do is answered with its status. Retries at one moment make one new attempt, and so does
 * one that is sent again: the attempt that it made is answered as `replayed`, while it is under way, and later too where
 * the request says by its number which attempt it wants.
 *
 * @throws problems: 400 for caps that the run has used up and for a number that is not the present attempt or the next, 404
 *   for a run that there is not, 409 for one under way that was started otherwise, 422 for an attempt that was
 */
export async function retryRun(
  { runs, sleep }: Services,
  { request, context, runId }: Asked & { readonly runId: string },
): Promise<HttpResponseInit> {
  allowQuery(request, []);
  const wanted = parseInput(RetryRequestSchema, await readOptionalJson(request));
  const client = df.getClient(context);
  for (let attempt = wanted.attempt ?? null; ; ) {
    const entry = await runs.entry(runId);
    if (!entry) throw noSuchRun(runId);
    const { row } = entry;
    const status = await statusOf(row, client);
    attempt ??= attemptMeant(row, status);
    if (attempt === row.attempt) return replay(client, { row, status, wanted }, { request, context });
    if (attempt !== row.attempt + 1) throw invalid('attempt', attempt, attemptsThereMayBe(row));
    if (isUnderWay(status.status)) throw notEnded(status);
    if (!isWorthRetrying(row.summary)) {
      const links = runLinks(request, runId);
      return statusReply(status, links, links.status);
    }
    const plan = retriedPlan(row.plan, wanted, row.summary);
    // The report is written a moment before the root ends.
    if (!(await hasRootEnded(client, sleep, row))) throw notEnded(status);
    const next = await runs.restart(entry, { plan, startedAtMs: Date.now() });
    // Somebody else has changed the run, most likely by the same request: it is looked at anew.
    if (!next) continue;
    if (row.summary === null) await endLeftovers(runs, { client, context }, row);
    await start(client, next, context);
    return acceptedReply(request, client, next, { attempt, replayed: false });
  }
}

/** Streams that an attempt without a report may have left behind; what they were granted goes to others. */
async function endLeftovers(runs: Services['runs'], speaker: Speaker, row: RunRow): Promise<void> {
  await announce(runs, speaker, { ...row, control: 'cancelled' });
  await terminateStreams(speaker.client, row);
}

function notEnded(status: RunStatus): HttpProblem {
  const orCancel = status.status === 'cancelling' ? '' : ', or cancel it';
  return stillUnderWay(status, `wait for its end${orCancel}, then retry`);
}

/** The attempt of a request that does not say: one that is under way was most likely made by the same request. */
function attemptMeant({ attempt, control }: RunRow, { status }: RunStatus): number {
  return isUnderWay(status) && attempt > 1 && control !== 'cancelled' ? attempt : attempt + 1;
}

function attemptsThereMayBe({ attempt }: RunRow): string {
  return attempt === 1 ? '2, the next one' : `${attempt + 1}, the next one, or ${attempt}, the present one`;
}

/** Answers with the attempt that there is; where a retry was written into the row, but not started, it is started. */
async function replay(
  client: df.DurableClient,
  { row, status, wanted }: { readonly row: RunRow; readonly status: RunStatus; readonly wanted: RetryRequest },
  { request, context }: Asked,
): Promise<HttpResponseInit> {
  const { attempt } = row;
  if (!isAskedAgain(row.plan, wanted)) {
    if (isUnderWay(status.status)) throw notEnded(status);
    const allowed = `${attempt + 1}, or ${attempt} with the caps and the deadline that it was started with`;
    throw fieldProblem(422, 'Another retry made this attempt', { field: 'attempt', value: attempt, allowed });
  }
  if (row.summary === null && (await rootOf(client, row)) === null) await start(client, row, context);
  return acceptedReply(request, client, row, { attempt, replayed: true });
}

async function start(client: df.DurableClient, row: RunRow, context: InvocationContext): Promise<void> {
  await startOnce(client, RunInputSchema.parse(row));
  context.log(`run ${row.runId} is started again, attempt ${row.attempt}`);
}
