import { analysisNamed } from '../core/analyses.ts';
import { type Analysis, estimatedPromptTokens, messagesFor, questionOf } from '../core/analysis.ts';
import { cachedRow, familyOf, isKept, progressOfRow } from '../core/answer-cache.ts';
import { CONTRACTS, type RunInput } from '../core/contracts.ts';
import type { LedgerRow, SettledRow } from '../core/ledger.ts';
import { addProgress, NO_PROGRESS, type Progress } from '../core/progress.ts';
import type { AnswerCache } from '../services/answer-cache.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { IssuePages } from '../services/issue-pages.ts';
import type { IssueSource } from '../services/issue-source.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import { defineActivity } from './define-activity.ts';

interface Services {
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
 * A second delivery writes the same over the first one's.
 */
export function createLoadIssues(services: Services) {
  return defineActivity(CONTRACTS.loadIssues, async input => {
    const { runId, attempt, plan } = input;
    const analysis = analysisNamed(plan.analysis);
    const work = await store(services, input, analysis);
    if (attempt > 1) await keepAnswered(services, input, work);
    if (plan.useCache) await settleCached(services, input, analysis, work);
    const open = [...work.open.keys()];
    await services.pages.writeOpen(runId, attempt, open.length === work.distinct ? null : open);
    const promptTokens = [...work.open.values()].reduce((sum, unit) => sum + unit.promptTokens, 0);
    const promptTokensEach = open.length === 0 ? 0 : promptTokens / open.length;
    return { total: work.total, units: open.length, kept: work.kept, promptTokensEach };
  });
}

/** A distinct issue that has no outcome yet. */
interface OpenUnit {
  readonly index: number;
  readonly fingerprint: string;
  readonly promptTokens: number;
  readonly copies: number;
  /** Its row of an earlier attempt of the run, which does not stay. */
  earlier: LedgerRow | null;
}

/** What a run has to do, and what it need not. */
interface Work {
  readonly total: number;
  readonly distinct: number;
  /** By number, ascending. */
  readonly open: Map<number, OpenUnit>;
  kept: Progress;
}

/** Takes a unit off the work: it has its outcome. */
function keep(work: Work, number: number, { copies }: OpenUnit, row: SettledRow): void {
  work.open.delete(number);
  work.kept = addProgress(work.kept, progressOfRow(row, copies));
}

async function store(
  { blobs, pages, source: { readIssues, placeIssues } }: Services,
  { runId, source, plan }: RunInput,
  analysis: Analysis,
): Promise<Work> {
  const found: Omit<OpenUnit, 'copies'>[] = [];
  const issues = readIssues(source.format, blobs.chunks(source.blob));
  const placed = placeIssues(issues, issue => questionOf(analysis, plan.deployment, issue), source.limit);
  const { total, copies } = await pages.write(runId, placed, ({ index, sameAs, fingerprint, issue }) => {
    if (sameAs !== null) return;
    found.push({
      index,
      fingerprint,
      promptTokens: estimatedPromptTokens(messagesFor(analysis, issue)),
      earlier: null,
    });
  });
  const open = new Map(found.map((unit, n) => [n, { ...unit, copies: copies.get(unit.index) ?? 0 }]));
  return { total, distinct: found.length, open, kept: NO_PROGRESS };
}

/** Keeps what earlier attempts of the run have answered or skipped. */
async function keepAnswered({ ledger }: Services, { runId, plan }: RunInput, work: Work): Promise<void> {
  const rowAt = ledger(plan.ledgerShards).openReader(runId);
  for (const [number, unit] of work.open) {
    const row = await rowAt(unit.index);
    if (isKept(row)) keep(work, number, unit, row);
    else unit.earlier = row;
  }
}

/** Settles what the cache answers; an answer that does not pass the analysis' check counts as missing. */
async function settleCached(
  { ledger, cache, nowMs }: Services,
  { runId, attempt, plan }: RunInput,
  analysis: Analysis,
  work: Work,
): Promise<void> {
  const wanted = new Map([...work.open].map(([number, { fingerprint }]) => [fingerprint, number]));
  const writer = ledger(plan.ledgerShards).openWriter(runId);
  const storedFromMs = nowMs() - plan.cacheTtlMs;
  for await (const { fingerprint, answer } of cache.find(familyOf(analysis, plan.deployment), wanted, storedFromMs)) {
    const number = wanted.get(fingerprint) ?? -1;
    const unit = work.open.get(number);
    const checked = analysis.checkSchema.safeParse(answer);
    if (!unit || !checked.success) continue;
    const row = cachedRow(checked.data, attempt, unit.earlier);
    await writer.add(unit.index, row);
    keep(work, number, unit, row);
  }
  await writer.close();
}
