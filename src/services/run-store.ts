import { odata } from '@azure/data-tables';
import { z } from 'zod';
import { RunInputSchema, RunSummarySchema } from '../core/contracts.ts';
import { nullOn, once, type Storage } from './storage.ts';

const RunRowSchema = RunInputSchema.extend({
  /** SHA-256 of the request, so that a repeated start is told from another one. */
  requestHash: z.string(),
  createdAtMs: z.number(),
  /** Signs the run's read-only links. */
  linkSecret: z.string(),
  /** Written with the report. */
  summary: RunSummarySchema.nullable(),
});

/** What is known of a run from its start on. */
export type RunRow = z.infer<typeof RunRowSchema>;

/** All runs. */
export interface RunStore {
  /**
   * Inserts a run.
   *
   * @returns null when it was inserted, else the run that has the id already
   */
  insert(row: RunRow): Promise<RunRow | null>;
  read(runId: string): Promise<RunRow | null>;
  /** Writes the summary into a run's row; writing again replaces. */
  finish(runId: string, summary: RunRow['summary']): Promise<void>;
  /** The newest runs first. */
  list(limit: number): Promise<RunRow[]>;
}

const PARTITION = 'runs';

interface Columns {
  row: string;
  summary?: string;
}

/** Runs in Table storage, one row each. */
export function createRunStore(storage: Storage): RunStore {
  const table = storage.table('FanfoldRuns');
  const ready = once(() => table.createTable());

  async function read(runId: string): Promise<RunRow | null> {
    await ready();
    const entity = await nullOn(404, table.getEntity<Columns>(PARTITION, runId));
    return entity && rowOf(entity);
  }

  return {
    read,

    async insert(row) {
      await ready();
      const entity = { partitionKey: PARTITION, rowKey: row.runId, row: JSON.stringify(row) };
      const inserted = await nullOn(409, table.createEntity(entity));
      return inserted ? null : read(row.runId);
    },

    async finish(runId, summary) {
      await ready();
      await table.updateEntity({ partitionKey: PARTITION, rowKey: runId, summary: JSON.stringify(summary) }, 'Merge');
    },

    async list(limit) {
      await ready();
      const rows: RunRow[] = [];
      const query = table.listEntities<Columns>({ queryOptions: { filter: odata`PartitionKey eq ${PARTITION}` } });
      for await (const entity of query) rows.push(rowOf(entity));
      return rows.sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, limit);
    },
  };
}

function rowOf({ row, summary }: Columns): RunRow {
  const stored = RunRowSchema.parse(JSON.parse(row));
  return summary ? { ...stored, summary: RunSummarySchema.parse(JSON.parse(summary)) } : stored;
}
