import type { RunSummary } from '../../src/core/contracts.ts';
import { invalid } from '../../src/core/problems.ts';
import type { RunRow, RunStore } from '../../src/services/run-store.ts';

interface Stored {
  readonly row: RunRow;
  readonly summaries: ReadonlyMap<number, RunSummary>;
}

/** Runs in a map; the same contract test holds for it and for Table storage. */
export function createMemoryRunStore(...rows: readonly RunRow[]): RunStore {
  const entries = new Map<string, Stored & { readonly etag: string }>();
  const deleted = new Set<string>();
  let writes = 0;
  const set = (runId: string, stored: Stored) => void entries.set(runId, { ...stored, etag: String(++writes) });

  function entry(runId: string) {
    const found = entries.get(runId);
    if (!found) return null;
    const { row, summaries, etag } = found;
    const summaryOf = (attempt: number) => summaries.get(attempt) ?? null;
    const attempts = row.attempts.map(each => ({ ...each, summary: summaryOf(each.attempt) }));
    return { row: structuredClone({ ...row, attempts, summary: summaryOf(row.attempt) }), etag };
  }

  function change(runId: string, etag: string, changes: Partial<RunRow>): boolean {
    const found = entries.get(runId);
    if (found?.etag !== etag) return false;
    set(runId, { ...found, row: { ...found.row, ...changes } });
    return true;
  }

  const store: RunStore = {
    entry: async runId => entry(runId),
    read: async runId => entry(runId)?.row ?? null,
    async control(runId, attempt) {
      const row = entry(runId)?.row;
      return !row || attempt < row.attempt ? 'cancelled' : row.control;
    },
    async insert(row) {
      if (deleted.has(row.runId)) throw invalid('runId', row.runId, 'an id that no deleted run has had');
      const existing = entry(row.runId);
      if (!existing) set(row.runId, { row, summaries: new Map(row.summary ? [[row.attempt, row.summary]] : []) });
      return existing?.row ?? null;
    },
    setControl: async ({ row, etag }, control) => change(row.runId, etag, { control }),
    async restart({ row, etag }, { plan, startedAtMs }) {
      const attempt = row.attempt + 1;
      const attempts = [...row.attempts, { attempt, startedAtMs, summary: null }];
      const isOurs = change(row.runId, etag, { plan, attempt, attempts, control: null });
      return isOurs ? (entry(row.runId)?.row ?? null) : null;
    },
    async finish(runId, summary) {
      const found = entries.get(runId);
      if (!found) return;
      set(runId, { ...found, summaries: new Map([...found.summaries, [summary.attempt, summary]]) });
    },
    async remove(runId) {
      if (entries.delete(runId)) deleted.add(runId);
    },
    list: async limit =>
      [...entries.keys()]
        .flatMap(runId => entry(runId)?.row ?? [])
        .sort((a, b) => b.createdAtMs - a.createdAtMs)
        .slice(0, limit),
  };
  for (const row of rows) {
    set(row.runId, {
      row,
      summaries: new Map(row.attempts.flatMap(({ attempt, summary }) => (summary ? [[attempt, summary]] : []))),
    });
  }
  return store;
}
