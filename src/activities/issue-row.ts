import type { AnalyzeOutput, Seen } from '../core/contracts.ts';
import type { FailureCode } from '../core/failures.ts';
import {
  type CallCounts,
  type FactsInHand,
  type LedgerRow,
  NO_CALLS,
  type SettledRow,
  type Settlement,
} from '../core/ledger.ts';
import type { Unit } from '../services/issue-pages.ts';
import type { LedgerStore } from '../services/ledger-store.ts';
import type { Spent } from './spent.ts';

/** A ledger row in hand: what it was when it was read, and how to move it on. */
export interface OpenRow {
  readonly current: LedgerRow | null;
  /** Answers false when somebody else moved it first: then it is theirs. */
  move(row: LedgerRow): Promise<boolean>;
}

/** Reads the row of an issue. */
export async function openRow(
  ledger: Pick<LedgerStore, 'read' | 'write'>,
  runId: string,
  index: number,
): Promise<OpenRow> {
  const entry = await ledger.read(runId, index);
  let etag = entry?.etag ?? null;
  return {
    current: entry?.row ?? null,
    async move(row) {
      etag = await ledger.write(runId, index, row, etag);
      return etag !== null;
    },
  };
}

/** What a delivery without a call has seen of the service; storage is filled in at its end. */
export const NOTHING_SEEN: Seen = {
  ...NO_CALLS,
  retryAfterMs: null,
  limits: null,
  storage: { operations: 0, ms: 0 },
};

/** What the calls of a delivery have seen of the service. */
export function seenBy(spent: Spent): Seen {
  const { calls, admittedTokens, throttled, retryAfterMs, limits, usage, costUsd, lastUsage } = spent;
  return { ...NOTHING_SEEN, calls, admittedTokens, throttled, retryAfterMs, limits, usage, costUsd, lastUsage };
}

/** What an output tells that has all to tell that no other has told. */
export function seenWith(untold: CallCounts, own: Seen = NOTHING_SEEN): Seen {
  return { ...own, ...untold };
}

/** The answer for an issue that goes back to its stream. */
export function deferred(code: FailureCode, notBeforeMs: number, seen: Seen = NOTHING_SEEN): AnalyzeOutput {
  return { kind: 'deferred', code, notBeforeMs, seen };
}

const LOST_RACE_DEFERRAL_MS = 1_000;

/** The answer for an issue that another delivery has in hand. */
export function elsewhere(nowMs: number, seen: Seen = NOTHING_SEEN): AnalyzeOutput {
  return deferred('claimed_elsewhere', nowMs + LOST_RACE_DEFERRAL_MS, seen);
}

/**
 * Settles an issue, and answers so.
 *
 * @param when.own - what this delivery itself has seen; the facts include it
 */
export async function settle(
  { row, unit }: { readonly row: OpenRow; readonly unit: Unit },
  facts: FactsInHand,
  end: Pick<Settlement, 'outcome' | 'code'> & Partial<Settlement>,
  { nowMs, own = NOTHING_SEEN }: { readonly nowMs: number; readonly own?: Seen },
): Promise<AnalyzeOutput> {
  const nothing = { answer: null, cached: false, callMs: null, answeredAtMs: null, requestId: null };
  const settled: SettledRow = { ...facts, ...nothing, ...end, state: 'settled' };
  const isOurs = await row.move(settled);
  return isOurs ? settledOutput(settled, unit, seenWith(facts.untold, own)) : elsewhere(nowMs, own);
}

/** The answer for an issue that is settled. */
export function settledOutput(row: SettledRow, { copies }: Unit, seen: Seen): AnalyzeOutput {
  const { outcome, code, cached, failedAttempts, callMs } = row;
  return { kind: 'settled', outcome, code, cached, copies, failedAttempts, callMs, seen };
}
