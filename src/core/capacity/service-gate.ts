import type { BatchUse } from './messages.ts';

/**
 * Whether the service is to be called: a circuit breaker for all instances together.
 *
 * Closed to callers after failures in a row, or because the service asked for a long wait; then one probe goes through,
 * and its answer opens the gate again.
 */
export interface ServiceGate {
  /** Failures since the last answer. */
  readonly failures: number;
  /** Times in a row that it was closed; decides for how long. */
  readonly closings: number;
  /** No call before, in milliseconds since 1970; 0 = open. It stays until an answer comes. */
  readonly closedUntilMs: number;
  /** The grant that may try. */
  readonly probe: string | null;
}

/** A service of which nothing bad is known. */
export const OPEN_GATE: ServiceGate = { failures: 0, closings: 0, closedUntilMs: 0, probe: null };

const FAILURES_TO_CLOSE = 5;
const FIRST_CLOSING_MS = 15_000;
const LONGEST_CLOSING_MS = 60_000;
/** A wait that the service asks for is looked at again so soon: quotas are raised, and some waits are absurd. */
const LONGEST_WAIT_MS = 600_000;
/** A shorter wait is a matter of pace. */
const SHORT_WAIT_MS = 5_000;
const PROBE_RECHECK_MS = 5_000;

/** What a caller may do: go on, go on with one call, or come back. */
export type Passage = { readonly kind: 'open' | 'probe' } | { readonly kind: 'wait'; readonly untilMs: number };

/** Asks to pass. */
export function passage({ closedUntilMs, probe }: ServiceGate, nowMs: number): Passage {
  if (closedUntilMs === 0) return { kind: 'open' };
  if (nowMs < closedUntilMs) return { kind: 'wait', untilMs: closedUntilMs };
  return probe === null ? { kind: 'probe' } : { kind: 'wait', untilMs: nowMs + PROBE_RECHECK_MS };
}

/** The gate after a batch, of which `grant` was the right to start. */
export function afterBatch(gate: ServiceGate, grant: string, use: BatchUse, nowMs: number): ServiceGate {
  const isProbe = gate.probe === grant;
  const probe = isProbe ? null : gate.probe;
  const waitMs = (use.retryAtMs ?? 0) - nowMs;
  if (use.throttled > 0 && waitMs > SHORT_WAIT_MS) {
    const untilMs = nowMs + Math.min(waitMs, LONGEST_WAIT_MS);
    return { ...gate, failures: 0, probe, closedUntilMs: Math.max(gate.closedUntilMs, untilMs) };
  }
  if (use.answered > 0) return isProbe || gate.closedUntilMs <= nowMs ? OPEN_GATE : { ...gate, failures: 0 };
  const failures = gate.failures + use.failed;
  if (use.failed === 0 || (!isProbe && failures < FAILURES_TO_CLOSE)) return { ...gate, failures, probe };
  if (!isProbe && gate.closedUntilMs > nowMs) return { ...gate, failures };
  const lengthMs = Math.min(LONGEST_CLOSING_MS, FIRST_CLOSING_MS * 2 ** gate.closings);
  return { failures, closings: gate.closings + 1, closedUntilMs: nowMs + lengthMs, probe };
}
