import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { type RunAction, wishAfter } from '../core/run-control.ts';
import { isUnderWay } from '../core/run-status.ts';
import type { RunEntry, RunRow, RunStore } from '../services/run-store.ts';
import { statusOf } from './instances.ts';
import { allowQuery, switchQuery } from './request-body.ts';
import { HttpProblem, noSuchRun, RETRY_AFTER_SECONDS } from './responses.ts';
import { announce } from './run-announcement.ts';
import { runLinks } from './run-links.ts';
import { type Sleep, terminateRun } from './run-termination.ts';
import { statusReply } from './run-views.ts';

interface Services {
  readonly runs: Pick<RunStore, 'entry' | 'setControl' | 'control'>;
  readonly sleep: Sleep;
}

/**
 * Tells a run to stop, to wait or to go on, and answers where it stands; saying it again changes nothing.
 *
 * A run that has ended stays as it is. `?force=true` of a cancel also terminates root and streams: then no report is
 * written.
 *
 * @throws problems: 404 for a run that there is not, 409 for resuming a cancelled one, 503 where nobody could be told to
 *   go on
 */
export async function controlRun(
  services: Services,
  action: RunAction,
  { request, context, runId }: { request: HttpRequest; context: InvocationContext; runId: string },
): Promise<HttpResponseInit> {
  allowQuery(request, action === 'cancel' ? ['force'] : []);
  const client = df.getClient(context);
  const isForced = action === 'cancel' && switchQuery(request, 'force');
  const told = await tell(services, client, { action, isForced, runId });
  // Workers look at the row, but none of them could take back that the entity holds a run back.
  if (told && !(await announce(services.runs, { client, context }, told)) && action === 'resume') throw notTold(told);
  if (told && isForced) await terminateRun(client, services.sleep, told);
  const { row } = await found(services, runId);
  const links = runLinks(request, runId);
  return statusReply(await statusOf(row, client), links, links.status);
}

/**
 * Writes what a run is told into its row; whoever else writes meanwhile is heard first.
 *
 * @returns the run, or null where it has ended; one that ended without a report may have left streams behind, which can be
 *   forced to end
 */
async function tell(
  services: Services,
  client: df.DurableClient,
  { action, isForced, runId }: { action: RunAction; isForced: boolean; runId: string },
): Promise<RunRow | null> {
  for (;;) {
    const entry = await found(services, runId);
    const { row } = entry;
    const { status } = await statusOf(row, client);
    if (!isUnderWay(status) && !(isForced && row.summary === null)) return null;
    const wish = wishAfter(action, row.control);
    if (wish === 'refused') throw cannotResume(row);
    if (wish === row.control) return row;
    if (await services.runs.setControl(entry, wish)) return { ...row, control: wish };
  }
}

async function found({ runs }: Pick<Services, 'runs'>, runId: string): Promise<RunEntry> {
  const entry = await runs.entry(runId);
  if (!entry) throw noSuchRun(runId);
  return entry;
}

function cannotResume({ runId }: RunRow): HttpProblem {
  const detail = `Run ${runId} is cancelled, which is final: wait for its end, then retry it.`;
  return new HttpProblem(409, 'Cancelled', detail, { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
}

function notTold({ runId }: RunRow): HttpProblem {
  const detail = `Run ${runId} could not be told to go on; say it again.`;
  return new HttpProblem(503, 'Not told', detail, { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
}
