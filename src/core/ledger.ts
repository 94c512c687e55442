import type { FailureCode } from './failures.ts';
import { NO_USAGE, type Usage } from './usage.ts';

/** How an issue ended. `not_started` is never stored: it is the absence of an end. */
export type SettledOutcome = 'succeeded' | 'failed' | 'skipped';

/**
 * What the ledger knows of one issue of one run. Outcome and ledger are one row.
 *
 * - `claimed`: a worker is about to call, or is calling, until `untilMs`
 * - `released`: the call surely was not billed
 * - `unknown`: it may have been billed (timeout, lost connection, an error of the service)
 * - `settled`: final
 */
export type LedgerRow = LedgerFacts &
  (
    | { readonly state: 'claimed'; readonly workerId: string; readonly untilMs: number }
    | { readonly state: 'released' | 'unknown'; readonly code: FailureCode }
    | ({ readonly state: 'settled' } & Settlement)
  );

/** A row in its final state. */
export type SettledRow = Extract<LedgerRow, { state: 'settled' }>;

/** What every row carries, whatever its state; all of it adds up over attempts. */
export interface LedgerFacts {
  /** Attempts that failed so far; a deferral is none. */
  readonly failedAttempts: number;
  /** True when a call was begun while an earlier one may have been billed. */
  readonly possiblyPaidTwice: boolean;
  /** Requests sent, and for each attempt whose worker was lost one, whose tokens nobody counted. */
  readonly calls: number;
  readonly usage: Usage;
  /** US dollars; null once a model without a known price answered. */
  readonly costUsd: number | null;
}

/** The facts of an issue that no worker has come to. */
export const NO_FACTS: LedgerFacts = {
  failedAttempts: 0,
  possiblyPaidTwice: false,
  calls: 0,
  usage: NO_USAGE,
  costUsd: 0,
};

/** The final part of a row. */
export interface Settlement {
  readonly outcome: SettledOutcome;
  /** A failure code, or the reason of a skip; null for a success. */
  readonly code: FailureCode | 'empty_issue' | null;
  /** The checked answer; null unless succeeded. */
  readonly answer: unknown;
  /** From sending the first request of the last attempt to its end, in milliseconds; null if there was no request. */
  readonly latencyMs: number | null;
  readonly requestId: string | null;
}

/** What a worker that comes to an issue has to do. */
export type LedgerDecision =
  | { readonly action: 'use'; readonly row: SettledRow }
  | { readonly action: 'wait'; readonly untilMs: number }
  | { readonly action: 'give_up'; readonly facts: LedgerFacts; readonly code: FailureCode }
  | { readonly action: 'claim'; readonly facts: LedgerFacts };

/**
 * Decides what to do with an issue, from its row alone.
 *
 * A live claim of another worker is waited for; a dead one is taken over and counts as a failed attempt, so that an
 * issue which kills its worker cannot do so for ever. Taking over `claimed` or `unknown` sets `possiblyPaidTwice`.
 *
 * @param isGone - whether the claiming worker is known to have ended, before its claim has run out
 */
export function decide(
  row: LedgerRow | null,
  context: { readonly nowMs: number; readonly maxAttempts: number; readonly isGone: (workerId: string) => boolean },
): LedgerDecision {
  if (row === null) return { action: 'claim', facts: NO_FACTS };
  const { failedAttempts, possiblyPaidTwice, calls, usage, costUsd } = row;
  const facts = { failedAttempts, possiblyPaidTwice, calls, usage, costUsd };
  const claimOrGiveUp = (code: FailureCode, taken: LedgerFacts): LedgerDecision =>
    taken.failedAttempts < context.maxAttempts
      ? { action: 'claim', facts: taken }
      : { action: 'give_up', code, facts: { ...taken, possiblyPaidTwice } };
  switch (row.state) {
    case 'settled':
      return { action: 'use', row };
    case 'released':
      return claimOrGiveUp(row.code, facts);
    case 'unknown':
      return claimOrGiveUp(row.code, { ...facts, possiblyPaidTwice: true });
    case 'claimed':
      if (row.untilMs > context.nowMs && !context.isGone(row.workerId)) return { action: 'wait', untilMs: row.untilMs };
      return claimOrGiveUp('worker_lost', {
        ...facts,
        failedAttempts: failedAttempts + 1,
        possiblyPaidTwice: true,
        calls: calls + 1,
      });
  }
}
