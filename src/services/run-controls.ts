import { LRUCache } from 'lru-cache';
import { capacityRunId } from '../core/names.ts';

/** What a run was told: to wait, to stop, or nothing. */
export type RunControl = 'paused' | 'cancelled' | null;

/** What runs were told, not older than two seconds. */
export interface RunControls {
  /**
   * What an attempt of a run was told. What an earlier attempt was told holds for that one alone: a run that is
   * cancelled and retried at once is not stopped again, and what is left of the earlier attempt does not go on.
   *
   * @throws whatever reading throws, if the attempt was never looked up before
   */
  of(runId: string, attempt: number): Promise<RunControl>;
}

const MAX_AGE_MS = 2_000;
const REMEMBERED_ATTEMPTS = 100;

/**
 * Looks attempts of runs up, at most once in two seconds each; where that fails, what was read last still holds.
 *
 * @param read - what the run's row says of an attempt
 */
export function createRunControls(
  read: (runId: string, attempt: number) => Promise<RunControl>,
  nowMs: () => number = Date.now,
): RunControls {
  const controls = new LRUCache<string, { readonly control: RunControl }, readonly [runId: string, attempt: number]>({
    max: REMEMBERED_ATTEMPTS,
    ttl: MAX_AGE_MS,
    ttlResolution: 0,
    perf: { now: nowMs },
    async fetchMethod(_key, stale, { context }) {
      try {
        return { control: await read(...context) };
      } catch (error) {
        if (stale) return stale;
        throw error;
      }
    },
  });
  return {
    of: async (runId, attempt) =>
      (await controls.forceFetch(capacityRunId(runId, attempt), { context: [runId, attempt] })).control,
  };
}
