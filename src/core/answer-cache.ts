import type { Analysis } from './analysis.ts';
import { factsOf, type LedgerFacts, type LedgerRow, NO_FACTS, type SettledRow } from './ledger.ts';
import { NO_PROGRESS, type Progress } from './progress.ts';
import type { Usage } from './usage.ts';

/** What two answers must have in common, beside the content, for one to stand for the other. */
export interface AnswerFamily {
  readonly analysis: string;
  /** It stands for the instructions and the schemas: they change together. */
  readonly version: number;
  readonly deployment: string;
  readonly maxCompletionTokens: number;
}

/** An answer as the cache keeps it: nothing of the issue, and not whose it was. */
export interface CachedAnswer {
  /** The hash of {@link questionOf}. */
  readonly fingerprint: string;
  readonly answer: unknown;
  /** When it was bought, in milliseconds since 1970. */
  readonly storedAtMs: number;
  /** Of the issue that it was bought for. */
  readonly usage: Usage;
}

/** The family of an analysis' answers by a deployment. */
export function familyOf({ name, version, maxCompletionTokens }: Analysis, deployment: string): AnswerFamily {
  return { analysis: name, version, deployment, maxCompletionTokens };
}

/** Canonical text of a family; different families have different texts. */
export function familyText({ analysis, version, deployment, maxCompletionTokens }: AnswerFamily): string {
  return JSON.stringify([analysis, version, deployment, maxCompletionTokens]);
}

/**
 * The row of an issue that was answered from the cache: no call, no tokens, no cost.
 *
 * @param earlier - the row of an earlier attempt of the run, whose calls and costs stay; null if there is none
 */
export function cachedRow(answer: unknown, attempt: number, earlier: LedgerRow | null): SettledRow {
  return {
    ...(earlier ? factsOf(earlier) : NO_FACTS),
    attempt,
    failedAttempts: 0,
    state: 'settled',
    outcome: 'succeeded',
    code: null,
    answer,
    cached: true,
    callMs: null,
    answeredAtMs: null,
    requestId: null,
  };
}

/** Whether an issue's outcome stays when its run is tried again; what failed is done anew. */
export function isKept(row: LedgerRow | null): row is SettledRow {
  return row?.state === 'settled' && row.outcome !== 'failed';
}

/** What the calls of a row took, whatever came of them. */
export function progressOfCalls({ calls, admittedTokens, usage, costUsd }: LedgerFacts): Progress {
  return { ...NO_PROGRESS, calls, admittedTokens, usage, costUsd };
}

/** What a settled issue and its copies come to, as streams count it. */
export function progressOfRow(row: SettledRow, copies: number): Progress {
  const { outcome, cached } = row;
  const isSuccess = outcome === 'succeeded';
  return {
    ...progressOfCalls(row),
    [outcome]: 1 + copies,
    coalesced: isSuccess ? copies : 0,
    cached: isSuccess && cached ? 1 + copies : 0,
    withoutCall: isSuccess ? copies + (cached ? 1 : 0) : 0,
  };
}
