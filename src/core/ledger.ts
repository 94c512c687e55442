import { type FailureCode, handlingOf } from './failures.ts';
import { addCost, addUsage, NO_USAGE, type Usage } from './usage.ts';

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
export type LedgerRow = LedgerFacts & {
  /**
   * Calls of this attempt of the run that no output has told of: those of deliveries that threw. In a settled row, what
   * the settling delivery told, in case that its output was lost. None, or not all of it, in a row of an older version.
   */
  readonly untold?: CallCounts;
} & (
    | { readonly state: 'claimed'; readonly workerId: string; readonly untilMs: number }
    | { readonly state: 'released' | 'unknown'; readonly code: FailureCode; readonly atMs: number }
    | ({ readonly state: 'settled' } & Settlement)
  );

/** A row in its final state. */
export type SettledRow = Extract<LedgerRow, { state: 'settled' }>;

/** What every row carries, whatever its state; all of it adds up over attempts. */
export interface LedgerFacts {
  /** The run's attempt in which the row was last moved; 1 for the first start. */
  readonly attempt: number;
  /** Attempts that failed so far in this attempt of the run; a deferral is none. */
  readonly failedAttempts: number;
  /** True when a call was begun while an earlier one may have been billed. */
  readonly possiblyPaidTwice: boolean;
  /** Requests sent, and for each attempt whose worker was lost one, whose tokens nobody counted. */
  readonly calls: number;
  /** Tokens that the service counted for admission. */
  readonly admittedTokens: number;
  readonly spentMs: SpentMs;
  readonly usage: Usage;
  /** US dollars; null once a model without a known price answered. */
  readonly costUsd: number | null;
}

/** The facts of an issue that a delivery has in hand. */
export interface FactsInHand extends LedgerFacts {
  readonly untold: CallCounts;
}

/** What calls took, as outputs tell it. */
export interface CallCounts {
  /** As in the facts of a row. */
  readonly calls: number;
  /** Tokens that the service counted for admission. */
  readonly admittedTokens: number;
  /** Calls that the service refused for its limits. */
  readonly throttled: number;
  readonly usage: Usage;
  /** US dollars; null once a model without a known price answered. */
  readonly costUsd: number | null;
  /** Of the call that was answered last, alone; null without one. */
  readonly lastUsage: Usage | null;
}

/** No call. */
export const NO_CALLS: CallCounts = {
  calls: 0,
  admittedTokens: 0,
  throttled: 0,
  usage: NO_USAGE,
  costUsd: 0,
  lastUsage: null,
};

/**
 * The sum of what calls took.
 *
 * @param b - the later ones
 */
export function addCalls(a: CallCounts, b: CallCounts): CallCounts {
  return {
    calls: a.calls + b.calls,
    admittedTokens: a.admittedTokens + b.admittedTokens,
    throttled: a.throttled + b.throttled,
    usage: addUsage(a.usage, b.usage),
    costUsd: addCost(a.costUsd, b.costUsd),
    lastUsage: b.lastUsage ?? a.lastUsage,
  };
}

/** Where an issue's time went, in milliseconds, added up over attempts. */
export interface SpentMs {
  /** From being handed out to the right to call: a permit, and a service that is not given up. */
  readonly queue: number;
  /** In calls, answered or not. */
  readonly model: number;
  /** Waiting because the service refused for its limits. */
  readonly throttle: number;
  /** Waiting before a failed call was made again, also while a failing service was left alone. */
  readonly retry: number;
}

/** No time. */
export const NO_TIME: SpentMs = { queue: 0, model: 0, throttle: 0, retry: 0 };

/** The facts of an issue that no worker has come to. */
export const NO_FACTS: LedgerFacts = {
  attempt: 1,
  failedAttempts: 0,
  possiblyPaidTwice: false,
  calls: 0,
  admittedTokens: 0,
  spentMs: NO_TIME,
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
  /** Whether the answer came without a call of this issue's own. */
  readonly cached: boolean;
  /** Time of the call that was answered last, in milliseconds; null without one. */
  readonly callMs: number | null;
  /** When that call was answered, in milliseconds since 1970; null without one. */
  readonly answeredAtMs: number | null;
  readonly requestId: string | null;
}

/** What a worker that comes to an issue has to do. */
export type LedgerDecision =
  | { readonly action: 'use'; readonly row: SettledRow }
  | { readonly action: 'wait'; readonly untilMs: number }
  | { readonly action: 'give_up'; readonly facts: FactsInHand; readonly code: FailureCode }
  | { readonly action: 'claim'; readonly facts: FactsInHand };

/** When and for which attempt of the run an issue came to a worker. */
export interface Delivery {
  readonly attempt: number;
  /** When the stream handed it out, in milliseconds since 1970; it may lie a little ahead. */
  readonly handedOutAtMs: number;
  readonly nowMs: number;
}

/**
 * Decides what to do with an issue, from its row alone.
 *
 * A live claim of another worker is waited for; a dead one is taken over and counts as a failed attempt, so that an
 * issue which kills its worker cannot do so for ever. Taking over `claimed` or `unknown` sets `possiblyPaidTwice`. What
 * failed in an earlier attempt of the run begins anew.
 *
 * @param context.isGone - whether the claiming worker is known to have ended, before its claim has run out
 */
export function decide(
  row: LedgerRow | null,
  context: Delivery & { readonly maxAttempts: number; readonly isGone: (workerId: string) => boolean },
): LedgerDecision {
  const { attempt, nowMs, maxAttempts } = context;
  if (row === null) return { action: 'claim', facts: { ...NO_FACTS, untold: NO_CALLS, attempt } };
  const isOld = row.attempt < attempt;
  const failedAttempts = isOld ? 0 : row.failedAttempts;
  const facts: FactsInHand = { ...factsOf(row), attempt, failedAttempts, untold: untoldOf(row, attempt) };
  // The time between two attempts of the run was no waiting.
  const backAtMs = isOld ? 0 : queuedSinceMs(row, context);
  const claimOrGiveUp = (code: FailureCode, taken: FactsInHand): LedgerDecision =>
    taken.failedAttempts < maxAttempts
      ? { action: 'claim', facts: taken }
      : { action: 'give_up', code, facts: { ...taken, possiblyPaidTwice: row.possiblyPaidTwice } };
  switch (row.state) {
    case 'settled':
      return isOld && row.outcome === 'failed' ? { action: 'claim', facts } : { action: 'use', row };
    case 'released':
      return claimOrGiveUp(row.code, waited(facts, row, backAtMs));
    case 'unknown':
      return claimOrGiveUp(row.code, { ...waited(facts, row, backAtMs), possiblyPaidTwice: true });
    case 'claimed':
      if (row.untilMs > nowMs && !context.isGone(row.workerId)) return { action: 'wait', untilMs: row.untilMs };
      return claimOrGiveUp('worker_lost', {
        ...facts,
        failedAttempts: facts.failedAttempts + 1,
        possiblyPaidTwice: true,
        calls: facts.calls + 1,
        untold: { ...facts.untold, calls: facts.untold.calls + 1 },
      });
  }
}

/** What an output of this attempt of the run has to tell of a row; of an earlier attempt's calls, nothing. */
export function untoldOf(row: LedgerRow, attempt: number): CallCounts {
  return row.attempt < attempt ? NO_CALLS : { ...NO_CALLS, ...row.untold };
}

/** What a row says of the past, whatever its state. */
export function factsOf(row: LedgerRow): LedgerFacts {
  const { attempt, failedAttempts, possiblyPaidTwice, calls, admittedTokens, spentMs, usage, costUsd } = row;
  return { attempt, failedAttempts, possiblyPaidTwice, calls, admittedTokens, spentMs, usage, costUsd };
}

/**
 * Since when an issue has been in the queue: since it was handed out.
 *
 * After a failure that was thrown, the durable policy brings the same hand-out again: then the queue begins with the
 * delivery, and the time before belongs to the failure.
 */
export function queuedSinceMs(row: LedgerRow | null, { attempt, handedOutAtMs, nowMs }: Delivery): number {
  if (row === null || row.attempt < attempt) return handedOutAtMs;
  return 'atMs' in row && row.atMs < handedOutAtMs ? handedOutAtMs : nowMs;
}

/** The time since a row was put back counts as what it was put back for. */
function waited(facts: FactsInHand, { code, atMs }: { code: FailureCode; atMs: number }, untilMs: number): FactsInHand {
  const kind = handlingOf(code) === 'defer' && code !== 'breaker_open' ? 'throttle' : 'retry';
  const waitMs = Math.max(0, untilMs - atMs);
  return { ...facts, spentMs: { ...facts.spentMs, [kind]: facts.spentMs[kind] + waitMs } };
}
