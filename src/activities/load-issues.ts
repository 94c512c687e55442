import { analysisNamed } from '../core/analyses.ts';
import { type Analysis, estimatedPromptTokens, messagesFor, questionOf } from '../core/analysis.ts';
import { cachedRow, familyOf, isKept, progressOfCalls, progressOfRow } from '../core/answer-cache.ts';
import { CONTRACTS, type Loaded, type RunInput } from '../core/contracts.ts';
import type { LedgerRow, SettledRow } from '../core/ledger.ts';
import { addProgress, NO_PROGRESS, type Progress } from '../core/progress.ts';
import type { AnswerCache } from '../services/answer-cache.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { IssuePages } from '../services/issue-pages.ts';
import type { IssueSource } from '../services/issue-source.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import { defineActivity } from './define-activity.ts';
import { type DeletionServices, unlessDeleted } from './unless-deleted.ts';

interface Services extends DeletionServices {
  readonly blobs: Pick<BlobStore, 'chunks'>;
  readonly pages: Pick<IssuePages, 'write' | 'writeOpen'>;
  readonly source: Pick<IssueSource, 'readIssues' | 'placeIssues'>;
  /** The ledger over that many tables. */
  readonly ledger: (shards: number) => Pick<LedgerStore, 'openReader' | 'openWriter'>;
  readonly cache: Pick<AnswerCache, 'find'>;
  readonly nowMs: () => number;
}

/**
 * Reads a run's source, finds equal issues, stores all of it page by page, and finds out what is still to be done: what
 * an earlier attempt of the run has answered stays, and what the cache answers is settled here, a hundred rows a request.
 *
 * A second delivery writes the same pages over the first one's, but a list of its own of what is open: by then the cache
 * may answer more, and the streams go by the list of the delivery that the run went on with. Of a run that was deleted
 * meanwhile nothing stays.
 */
export function createLoadIssues(services: Services) {
  return defineActivity(CONTRACTS.loadIssues, input => unlessDeleted(services, input, () => load(services, input)));
}

async function load(services: Services, input: RunInput): Promise<Loaded> {
  const { runId, attempt, plan } = input;
  const analysis = analysisNamed(plan.analysis);
  const work = await store(services, input, analysis);
  if (attempt > 1) await keepAnswered(services, input, work);
  if (plan.useCache) await settleCached(services, input, analysis, work);
  const { total, indexes, promptTokens, isDone, earlier } = work;
  const kept = [...earlier.values()].map(progressOfCalls).reduce(addProgress, work.kept);
  const open = [...indexes.keys()].filter(unit => isDone[unit] !== 1);
  const openList = open.length === indexes.length ? null : await services.pages.writeOpen(runId, open);
  const sum = open.reduce((tokens, unit) => tokens + (promptTokens[unit] ?? 0), 0);
  const promptTokensMost = open.reduce((most, unit) => Math.max(most, promptTokens[unit] ?? 0), 0);
  const promptTokensEach = open.length === 0 ? 0 : sum / open.length;
  return { total, units: open.length, openList, kept, promptTokensEach, promptTokensMost };
}

/** What a run has to do: lists by the number of the distinct issue, as lean as a hundred thousand of them ask for. */
interface Work {
  /** Rows of the source. */
  readonly total: number;
  /** Places in the input. */
  readonly indexes: readonly number[];
  readonly fingerprints: readonly string[];
  readonly promptTokens: readonly number[];
  /** By place in the input, where there are any. */
  readonly copies: ReadonlyMap<number, number>;
  /** 1 for what has its outcome. */
  readonly isDone: Uint8Array;
  /** Rows of an earlier attempt of the run that do not stay, where there are any. */
  readonly earlier: Map<number, LedgerRow>;
  /** What the done ones come to. */
  kept: Progress;
}

function keep(work: Work, unit: number, row: SettledRow): void {
  work.isDone[unit] = 1;
  work.earlier.delete(unit);
  const copies = work.copies.get(work.indexes[unit] ?? -1) ?? 0;
  work.kept = addProgress(work.kept, progressOfRow(row, copies));
}

async function store(
  { blobs, pages, source: { readIssues, placeIssues } }: Services,
  { runId, source, plan }: RunInput,
  analysis: Analysis,
): Promise<Work> {
  const [indexes, fingerprints, promptTokens]: [number[], string[], number[]] = [[], [], []];
  const issues = readIssues(source.format, blobs.chunks(source.blob));
  const placed = placeIssues(issues, issue => questionOf(analysis, plan.deployment, issue), source.limit);
  const { total, copies } = await pages.write(runId, placed, ({ index, sameAs, fingerprint, issue }) => {
    if (sameAs !== null) return;
    indexes.push(index);
    fingerprints.push(fingerprint);
    promptTokens.push(estimatedPromptTokens(messagesFor(analysis, issue)));
  });
  const isDone = new Uint8Array(indexes.length);
  return { total, indexes, fingerprints, promptTokens, copies, isDone, earlier: new Map(), kept: NO_PROGRESS };
}

/** Keeps what earlier attempts of the run have answered or skipped. */
async function keepAnswered({ ledger }: Services, { runId, plan }: RunInput, work: Work): Promise<void> {
  const rowAt = ledger(plan.ledgerShards).openReader(runId);
  for (const [unit, index] of work.indexes.entries()) {
    const row = await rowAt(index);
    if (isKept(row)) keep(work, unit, row);
    else if (row) work.earlier.set(unit, row);
  }
}

/** Settles what the cache answers; an answer that does not pass the analysis' check counts as missing. */
async function settleCached(
  { ledger, cache, nowMs }: Services,
  { runId, attempt, plan }: RunInput,
  analysis: Analysis,
  work: Work,
): Promise<void> {
  const wanted = new Map<string, number>();
  for (const [unit, fingerprint] of work.fingerprints.entries()) if (!work.isDone[unit]) wanted.set(fingerprint, unit);
  const writer = ledger(plan.ledgerShards).openWriter(runId);
  const storedFromMs = nowMs() - plan.cacheTtlMs;
  for await (const { fingerprint, answer } of cache.find(familyOf(analysis, plan.deployment), wanted, storedFromMs)) {
    const unit = wanted.get(fingerprint);
    const index = unit === undefined ? undefined : work.indexes[unit];
    const checked = analysis.checkSchema.safeParse(answer);
    if (unit === undefined || index === undefined || work.isDone[unit] || !checked.success) continue;
    const row = cachedRow(checked.data, attempt, work.earlier.get(unit) ?? null);
    await writer.add(index, row);
    keep(work, unit, row);
  }
  await writer.close();
}
