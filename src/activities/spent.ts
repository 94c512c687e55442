import type { ServiceLimits } from '../core/capacity/messages.ts';
import { FAILURES, handlingOf, type ModelCallError } from '../core/failures.ts';
import { NO_TIME, type SpentMs } from '../core/ledger.ts';
import { addCost, addUsage, costUsd, NO_USAGE, type Usage } from '../core/usage.ts';
import type { Completion } from '../services/azure-openai.ts';

/** What calls took, and what their answers told. */
export interface Spent {
  readonly calls: number;
  /** What the service counted for admission, over the calls that it admitted. */
  readonly admittedTokens: number;
  /** Calls that the service refused for its limits. */
  readonly throttled: number;
  /** The longest wait that it asked for, in milliseconds; null if it asked for none. */
  readonly retryAfterMs: number | null;
  /** The newest that it said of its limits. */
  readonly limits: ServiceLimits | null;
  readonly spentMs: SpentMs;
  readonly usage: Usage;
  readonly costUsd: number | null;
  /** Of the call that was answered last; null without one. */
  readonly lastUsage: Usage | null;
  readonly requestId: string | null;
  /** Time and end of the call that was answered last; null without one. */
  readonly callMs: number | null;
  readonly answeredAtMs: number | null;
  /** Whether a call that failed may have been billed. */
  readonly maybeBilled: boolean;
  /** Whether a call was begun after one that may have been billed. */
  readonly possiblyPaidTwice: boolean;
}

/** Before the first call. */
export const NOTHING_SPENT: Spent = {
  calls: 0,
  admittedTokens: 0,
  throttled: 0,
  retryAfterMs: null,
  limits: null,
  spentMs: NO_TIME,
  usage: NO_USAGE,
  costUsd: 0,
  lastUsage: null,
  requestId: null,
  callMs: null,
  answeredAtMs: null,
  maybeBilled: false,
  possiblyPaidTwice: false,
};

/** With one more call begun. */
export function withCall(spent: Spent): Spent {
  const possiblyPaidTwice = spent.possiblyPaidTwice || spent.maybeBilled;
  return { ...spent, calls: spent.calls + 1, possiblyPaidTwice };
}

/** With more time of a kind, in milliseconds. */
export function withTime(spent: Spent, kind: keyof SpentMs, durationMs: number): Spent {
  return { ...spent, spentMs: { ...spent.spentMs, [kind]: spent.spentMs[kind] + durationMs } };
}

/**
 * With what a call brought that was answered.
 *
 * @param call.admission - what the service counted for it on arrival, in tokens
 */
export function withAnswer(
  spent: Spent,
  { usage, model, requestId, limits }: Completion,
  call: { readonly admission: number; readonly callMs: number; readonly answeredAtMs: number },
): Spent {
  return {
    ...spent,
    admittedTokens: spent.admittedTokens + call.admission,
    limits: limits ?? spent.limits,
    usage: addUsage(spent.usage, usage),
    costUsd: addCost(spent.costUsd, costUsd(usage, model)),
    lastUsage: usage,
    requestId,
    callMs: call.callMs,
    answeredAtMs: call.answeredAtMs,
  };
}

/**
 * With what a call told that failed. What was refused at the door, or never came there, was not admitted.
 *
 * @param admission - what the service counts on arrival, in tokens
 */
export function withFailure(spent: Spent, error: ModelCallError, admission: number): Spent {
  const { code, requestId, retryAfterMs, limits } = error;
  const handling = handlingOf(code);
  const isThrottle = handling === 'defer';
  const isAdmitted = !isThrottle && handling !== 'stop' && code !== 'connection_failed';
  return {
    ...spent,
    admittedTokens: spent.admittedTokens + (isAdmitted ? admission : 0),
    throttled: spent.throttled + (isThrottle ? 1 : 0),
    retryAfterMs: retryAfterMs === null ? spent.retryAfterMs : Math.max(spent.retryAfterMs ?? 0, retryAfterMs),
    limits: limits ?? spent.limits,
    requestId: requestId ?? spent.requestId,
    maybeBilled: spent.maybeBilled || (handling === 'retry' && FAILURES[code].maybeBilled),
  };
}
