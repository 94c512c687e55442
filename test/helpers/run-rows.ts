import type { RunRow } from '../../src/services/run-store.ts';
import { NOON_MS, plan } from './factories.ts';

/** The row of a run that was started at noon and has not ended. */
export function runRow(changes: Partial<RunRow> = {}): RunRow {
  return {
    runId: 'run-1',
    attempt: 1,
    source: { blob: 'run-1/source.json', format: 'json', limit: null },
    plan: plan(),
    requestHash: 'hash-1',
    createdAtMs: NOON_MS,
    linkSecret: 'secret',
    control: null,
    attempts: [{ attempt: 1, startedAtMs: NOON_MS, summary: changes.summary ?? null }],
    summary: null,
    ...changes,
  };
}

/** What activities that write texts are given of runs where nobody deletes one. */
export const UNDELETED = {
  runs: { read: async () => runRow(), finish: async () => {} },
  cleanup: { remove: () => Promise.reject(new Error('a run that was not deleted is cleaned up')) },
};
