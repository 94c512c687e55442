import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import type { RunControlMessage } from '../core/capacity/messages.ts';
import { CAPACITY_ENTITY, capacityRunId } from '../core/names.ts';
import { type RunAction, type Wish, wishAfter } from '../core/run-control.ts';
import { isUnderWay } from '../core/run-status.ts';
import type { RunEntry, RunRow, RunStore } from '../services/run-store.ts';
import { statusOf } from './instances.ts';
import { allowQuery, switchQuery } from './request-body.ts';
import { HttpProblem, noSuchRun, RETRY_AFTER_SECONDS } from './responses.ts';
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
  if (told) await announce(services, { client, context }, action, told);
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

/**
 * Tells the capacity entity what the row says, until the row says no other thing: of two that tell a run at one moment,
 * the later to write is the last to be heard.
 *
 * Workers look at the row themselves, so an entity that cannot be told is no failure; but none of them could take back
 * that it holds a run back.
 */
async function announce(
  { runs }: Pick<Services, 'runs'>,
  { client, context }: { client: df.DurableClient; context: InvocationContext },
  action: RunAction,
  row: RunRow,
): Promise<void> {
  let told: Wish | undefined;
  try {
    for (let wish = row.control; wish !== told; wish = await runs.control(row.runId, row.attempt)) {
      await signal(client, row, wish);
      told = wish;
    }
  } catch (error) {
    context.warn(`the capacity of ${row.plan.deployment} was not told of run ${row.runId}`, error);
    if (action !== 'resume') return;
    const detail = `Run ${row.runId} could not be told to go on; say it again.`;
    throw new HttpProblem(503, 'Not told', detail, { headers: { 'Retry-After': RETRY_AFTER_SECONDS } });
  }
}

function signal(client: df.DurableClient, { runId, attempt, plan }: RunRow, wish: Wish): Promise<void> {
  const message: RunControlMessage = {
    runId: capacityRunId(runId, attempt),
    control: wish ?? 'go',
    nowMs: Date.now(),
  };
  return client.signalEntity(new df.EntityId(CAPACITY_ENTITY, plan.deployment), 'control', message);
}
