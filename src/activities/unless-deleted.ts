import type { RunInput } from '../core/contracts.ts';
import type { RunCleanup } from '../services/run-cleanup.ts';
import type { RunStore } from '../services/run-store.ts';

/** What {@link unlessDeleted} needs. */
export interface DeletionServices {
  readonly runs: Pick<RunStore, 'read'>;
  readonly cleanup: RunCleanup;
}

/**
 * Does work that writes texts of a run, which may be deleted meanwhile: a deletion cannot stop an activity under way.
 * What was written after the deletion's own cleanup is removed here, also where the work fails.
 *
 * @throws an error with the code `run_deleted` for a run that is gone
 */
export async function unlessDeleted<T>(
  { runs, cleanup }: DeletionServices,
  { runId, plan }: Pick<RunInput, 'runId' | 'plan'>,
  work: () => Promise<T>,
): Promise<T> {
  const [done] = await Promise.allSettled([work()]);
  if ((await runs.read(runId)) === null) {
    await cleanup.remove(runId, plan.ledgerShards);
    throw Object.assign(new Error(`Run ${runId} was deleted`), { code: 'run_deleted' });
  }
  if (done.status === 'rejected') throw done.reason;
  return done.value;
}
