import { odata, type TableClient } from '@azure/data-tables';
import { z } from 'zod';
import { analysisNamed } from '../core/analyses.ts';
import { RunInputSchema, type RunSummary, RunSummarySchema } from '../core/contracts.ts';
import { invalid } from '../core/problems.ts';
import { type Wish, WishSchema } from '../core/run-control.ts';
import { type RunPlan, RunPlanSchema } from '../core/run-request.ts';
import { RunAttemptSchema } from '../core/run-status.ts';
import { SETTINGS } from '../core/settings.ts';
import { priceOf } from '../core/usage.ts';
import { nullOn, once, type Storage } from './storage.ts';

const RunRowSchema = RunInputSchema.extend({
  /** Rows of version 0.1.0 lack what later plans have. */
  plan: z.preprocess(plan => withPlanDefaults(plan), RunPlanSchema),
  /** SHA-256 of the request, so that a repeated start is told from another one. */
  requestHash: z.string(),
  createdAtMs: z.number(),
  /** Signs the run's read-only links. */
  linkSecret: z.string(),
  /** What the run was told in its current attempt. */
  control: WishSchema.default(null),
  /** The current one last. */
  attempts: z.array(RunAttemptSchema).default([]),
  /** Of the current attempt, written with its report. */
  summary: RunSummarySchema.nullable(),
});

/** What is known of a run from its start on. */
export type RunRow = z.infer<typeof RunRowSchema>;

/** A run with the tag by which it may be changed. */
export interface RunEntry {
  readonly row: RunRow;
  readonly etag: string;
}

/** All runs. */
export interface RunStore {
  /**
   * Inserts a run.
   *
   * @returns null when it was inserted, else the run that has the id already
   * @throws {InvalidInputError} for the id of a deleted run: processes may still have issues of that one in memory
   */
  insert(row: RunRow): Promise<RunRow | null>;
  read(runId: string): Promise<RunRow | null>;
  /** Reads a run in order to change it. */
  entry(runId: string): Promise<RunEntry | null>;
  /**
   * What an attempt of a run was told. One that a later attempt has followed counts as cancelled, and so does a run
   * that was deleted. A small read, for those who look often.
   */
  control(runId: string, attempt: number): Promise<Wish>;
  /**
   * Tells a run.
   *
   * @returns false when somebody else changed the run in between: then nothing was written
   */
  setControl(entry: RunEntry, control: Wish): Promise<boolean>;
  /**
   * Begins the next attempt of a run that has ended; what it was told before no longer holds.
   *
   * @returns the run as it is then, or null when somebody else changed it in between: then nothing was written
   */
  restart(entry: RunEntry, next: { readonly plan: RunPlan; readonly startedAtMs: number }): Promise<RunRow | null>;
  /** Writes the summary of an attempt beside its run's row; writing again replaces. A run that is gone stays so. */
  finish(runId: string, summary: RunSummary): Promise<void>;
  /** Removes a run's row, if there is one; what stays is that its id was used. */
  remove(runId: string): Promise<void>;
  /** The newest runs first. */
  list(limit: number): Promise<RunRow[]>;
}

const PARTITION = 'runs';
const NEVER_DELETED = 'an id, or an Idempotency-Key, that no deleted run has had';

/**
 * The row as it was at its last start, and in columns of their own, so that no write loses another: what the run was told,
 * and the summary of each attempt.
 */
interface Columns {
  /** Missing for a run that was deleted. */
  readonly row?: string;
  /** Empty = nothing. */
  readonly control?: string;
  /** The one that was told; missing until the first retry in a row of an older version. */
  readonly attempt?: number;
  readonly [summary: string]: unknown;
}

/** Column of an attempt's summary. */
function summaryColumn(attempt: number): string {
  return attempt === 1 ? 'summary' : `summary${attempt}`;
}

/** Runs in Table storage, one row each. */
export function createRunStore(storage: Storage): RunStore {
  const table = storage.table('FanfoldRuns');
  const ready = once(() => table.createTable());

  async function entry(runId: string): Promise<RunEntry | null> {
    await ready();
    const entity = await nullOn(404, table.getEntity<Columns>(PARTITION, runId));
    const row = entity && rowOf(entity);
    return row && { row, etag: entity.etag };
  }

  const read = async (runId: string) => (await entry(runId))?.row ?? null;

  return {
    read,
    entry,

    async insert(row) {
      await ready();
      const entity = { partitionKey: PARTITION, rowKey: row.runId, row: JSON.stringify(row), attempt: row.attempt };
      const inserted = await nullOn(409, table.createEntity(entity));
      const existing = inserted ? null : await read(row.runId);
      if (!inserted && !existing) throw invalid('runId', row.runId, NEVER_DELETED);
      return existing;
    },

    async control(runId, attempt) {
      await ready();
      const select = { queryOptions: { select: ['control', 'attempt'] } };
      const entity = await nullOn(404, table.getEntity<Columns>(PARTITION, runId, select));
      return !entity || attempt < (entity.attempt ?? 1) ? 'cancelled' : controlOf(entity);
    },

    setControl: (found, control) => change(table, found, { control: control ?? '' }),

    async restart(found, next) {
      const row = nextAttempt(found.row, next);
      const columns = { row: JSON.stringify(storedOf(row)), attempt: row.attempt, control: '' };
      return (await change(table, found, columns)) ? row : null;
    },

    async finish(runId, summary) {
      const column = { [summaryColumn(summary.attempt)]: JSON.stringify(summary) };
      for (let found = await entry(runId); found; found = await entry(runId)) {
        if (await change(table, found, column)) return;
      }
    },

    async remove(runId) {
      await ready();
      const trace = { partitionKey: PARTITION, rowKey: runId, control: 'cancelled' };
      await nullOn(404, table.updateEntity(trace, 'Replace'));
    },

    async list(limit) {
      await ready();
      return newestOf(table, limit);
    },
  };
}

async function newestOf(table: TableClient, limit: number): Promise<RunRow[]> {
  const queryOptions = { filter: odata`PartitionKey eq ${PARTITION}` };
  const entities = await Array.fromAsync(table.listEntities<Columns>({ queryOptions }));
  const rows = entities.flatMap(entity => rowOf(entity) ?? []);
  return rows.sort((a, b) => b.createdAtMs - a.createdAtMs).slice(0, limit);
}

/** Writes over what was read; a run that is gone counts as changed. */
async function change(table: TableClient, { row, etag }: RunEntry, columns: Partial<Columns>): Promise<boolean> {
  const entity = { partitionKey: PARTITION, rowKey: row.runId, ...columns };
  return (await nullOn(404, nullOn(412, table.updateEntity(entity, 'Merge', { etag })))) !== null;
}

function nextAttempt(row: RunRow, { plan, startedAtMs }: Pick<RunRow, 'plan'> & { startedAtMs: number }): RunRow {
  const attempt = row.attempt + 1;
  const attempts = [...row.attempts, { attempt, startedAtMs, summary: null }];
  return { ...row, plan, attempt, attempts, control: null, summary: null };
}

function rowOf(columns: Columns): RunRow | null {
  if (columns.row === undefined) return null;
  const stored = RunRowSchema.parse(JSON.parse(columns.row));
  const { attempt, createdAtMs } = stored;
  const attempts = stored.attempts.length > 0 ? stored.attempts : [{ attempt, startedAtMs: createdAtMs }];
  return {
    ...stored,
    control: controlOf(columns),
    attempts: attempts.map(each => ({ ...each, summary: summaryOf(columns, each.attempt) })),
    summary: summaryOf(columns, attempt),
  };
}

/** A row without what has columns of its own. */
function storedOf(row: RunRow): RunRow {
  return { ...row, attempts: row.attempts.map(each => ({ ...each, summary: null })) };
}

function controlOf({ control }: Columns): Wish {
  return WishSchema.parse(control || null);
}

function summaryOf(columns: Columns, attempt: number): RunSummary | null {
  const text = columns[summaryColumn(attempt)];
  return text ? RunSummarySchema.parse(JSON.parse(String(text))) : null;
}

/** A plan of version 0.1.0 in today's form: no caps, limits learned, no cache. */
function withPlanDefaults(plan: unknown): unknown {
  const old = plan as Pick<RunPlan, 'analysis' | 'deployment'> & Partial<RunPlan>;
  if (old.concurrencyScope !== undefined) return old;
  return {
    ...old,
    concurrencyScope: 'process',
    maxCompletionTokens: analysisNamed(old.analysis).maxCompletionTokens,
    price: priceOf(old.deployment),
    maxTokens: null,
    maxCostUsd: null,
    useCache: false,
    cacheTtlMs: 0,
    tokensPerMinute: null,
    requestsPerMinute: null,
    bufferPercent: null,
    tokenSliceMs: SETTINGS.tokenSliceSeconds.fallback * 1_000,
  };
}
