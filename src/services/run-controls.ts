import { LRUCache } from 'lru-cache';

/** What a run was told: to wait, to stop, or nothing. */
export type RunControl = 'paused' | 'cancelled' | null;

/** What runs were told, not older than two seconds. */
export interface RunControls {
  /** @throws whatever reading throws, if the run was never read before */
  of(runId: string): Promise<RunControl>;
}

const MAX_AGE_MS = 2_000;
const REMEMBERED_RUNS = 100;

/**
 * Looks runs up, at most once in two seconds each; where that fails, what was read last still holds.
 *
 * @param read - what the run's row says
 */
export function createRunControls(
  read: (runId: string) => Promise<RunControl>,
  nowMs: () => number = Date.now,
): RunControls {
  const controls = new LRUCache<string, { readonly control: RunControl }>({
    max: REMEMBERED_RUNS,
    ttl: MAX_AGE_MS,
    ttlResolution: 0,
    perf: { now: nowMs },
    async fetchMethod(runId, stale) {
      try {
        return { control: await read(runId) };
      } catch (error) {
        if (stale) return stale;
        throw error;
      }
    },
  });
  return {
    of: async runId => (await controls.forceFetch(runId)).control,
  };
}
