import type { HttpHandler } from '@azure/functions';
import * as df from 'durable-functions';
import { RunIdSchema, streamInstanceId } from '../core/names.ts';
import { parseInput } from '../core/problems.ts';
import { isUnderWay } from '../core/run-status.ts';
import type { RunCleanup } from '../services/run-cleanup.ts';
import type { RunRow, RunStore } from '../services/run-store.ts';
import { statusOf } from './instances.ts';
import { allowQuery, switchQuery } from './request-body.ts';
import { route } from './responses.ts';
import { announce, type Speaker } from './run-announcement.ts';
import { hasRootEnded, inGroups, type Sleep, stillUnderWay, terminateRun } from './run-termination.ts';

interface Services {
  readonly runs: Pick<RunStore, 'entry' | 'setControl' | 'control' | 'remove'>;
  readonly cleanup: RunCleanup;
  readonly sleep: Sleep;
}

/** Until no worker begins a call any more: they look at what their run was told every two seconds. */
const STOPPING_MS = 3_000;
const ADVICE = 'wait for its end, or delete it with ?force=true';

/**
 * `DELETE /api/runs/{runId}`: removes all that is kept of a run, but not the upload it was made of, nor answers that other
 * runs may use.
 *
 * The row goes last, so that a repeated request finishes what an interrupted one left. A run that is not there is as good
 * as deleted, but what cannot be an id is refused. One that is under way is refused, or with `?force=true` terminated
 * first. An activity that goes on all the same looks for the row after it has written: what it wrote until the row was
 * gone is removed here once more, and what it writes later it removes itself.
 */
export function createRunDelete(services: Services): HttpHandler {
  const { runs, cleanup } = services;
  return route(async (request, context) => {
    allowQuery(request, ['force']);
    const isForced = switchQuery(request, 'force');
    const runId = parseInput(RunIdSchema, request.params['runId'] ?? '', 'runId');
    const client = df.getClient(context);
    const row = await stopped(services, { client, context }, runId, isForced);
    if (row) {
      await cleanup.remove(runId, row.plan.ledgerShards);
      await inGroups([...streamIdsOfAll(row), runId], id => client.purgeInstanceHistory(id));
      await runs.remove(runId);
      if (row.summary === null) await cleanup.remove(runId, row.plan.ledgerShards);
      context.log(`run ${runId} is deleted`);
    }
    return { status: 204 };
  });
}

/**
 * The run once nothing of it is under way; null where there is none.
 *
 * A run without a report may have left streams and queued issues behind: these are ended too. Since none of them reports
 * what it was granted, the capacity entity is told to give that to others; again before they are ended, as a request that
 * was interrupted may not have told it.
 */
async function stopped(
  { runs, sleep }: Services,
  speaker: Speaker,
  runId: string,
  isForced: boolean,
): Promise<RunRow | null> {
  const { client } = speaker;
  for (;;) {
    const entry = await runs.entry(runId);
    if (!entry) return null;
    const { row } = entry;
    const status = await statusOf(row, client);
    if (isUnderWay(status.status) && !isForced) throw stillUnderWay(status, ADVICE);
    if (row.summary === null) {
      const isNews = row.control !== 'cancelled';
      if (isNews && !(await runs.setControl(entry, 'cancelled'))) continue;
      await announce(runs, speaker, { ...row, control: 'cancelled' });
      if (isNews) {
        await sleep(STOPPING_MS);
        continue;
      }
    }
    const isOver = row.summary ? hasRootEnded(client, sleep, row) : terminateRun(client, sleep, row);
    if (!(await isOver)) throw stillUnderWay(status, ADVICE);
    return row;
  }
}

/** Every stream that an attempt of the run may have had. */
function streamIdsOfAll({ runId, plan, attempts }: RunRow): string[] {
  return attempts.flatMap(({ attempt }) =>
    Array.from({ length: plan.streams }, (_, stream) => streamInstanceId(runId, attempt, stream)),
  );
}
