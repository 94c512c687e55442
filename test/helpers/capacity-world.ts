import { reserve } from '../../src/core/capacity/capacity.ts';
import { type BatchUse, type Grant, NO_USE, type RunTerms } from '../../src/core/capacity/messages.ts';
import { type CapacityState, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';

/** The terms of a run without caps or limits of its own: 1,000 units of 1,000 prompt tokens and room for 1,000 more. */
export function terms(changes: Partial<RunTerms> = {}): RunTerms {
  return {
    units: 1_000,
    analysis: 'triage',
    promptTokensEach: 1_000,
    promptTokensMost: 1_000,
    maxCompletionTokens: 1_000,
    price: null,
    maxTokens: null,
    maxCostUsd: null,
    spentTokens: 0,
    spentUsd: 0,
    tokensPerMinute: null,
    requestsPerMinute: null,
    bufferPercent: null,
    tokenSliceMs: 60_000,
    requestTimeoutMs: 60_000,
    probe: 4,
    ...changes,
  };
}

/** A batch in which nothing happened. */
export function use(changes: Partial<BatchUse> = {}): BatchUse {
  return { ...NO_USE, ...changes };
}

/** A deployment whose limits are known and whose service answers. */
export function known(perMinute: { tokens?: number; requests?: number }, error = 0.36): CapacityState {
  const { tokens, requests } = FRESH_CAPACITY;
  return {
    ...FRESH_CAPACITY,
    error,
    isProbed: true,
    tokens: { ...tokens, perMinute: perMinute.tokens ?? null },
    requests: { ...requests, perMinute: perMinute.requests ?? null },
  };
}

/** A run of a {@link playOut}. */
export interface Player {
  readonly runId: string;
  readonly terms: RunTerms;
  readonly streams: number;
  readonly batchSize: number;
  /** When its streams first ask. */
  readonly fromMs: number;
  /** Tokens that a call really takes for admission, beside what its terms say. */
  readonly tokensOf: (unit: number) => number;
  readonly latencyMs: (unit: number) => number;
}

/** A call that was made. */
export interface PlayedCall {
  readonly runId: string;
  readonly unit: number;
  readonly atMs: number;
  readonly tokens: number;
}

interface Stream {
  readonly player: Player;
  readonly stream: number;
  readonly atMs: number;
  readonly used: BatchUse | null;
}

/** Lets streams reserve, call and report in virtual time until all units are drawn, or until an instant. */
export function playOut(
  players: readonly Player[],
  first: CapacityState,
  untilMs = Number.POSITIVE_INFINITY,
): { readonly calls: readonly PlayedCall[]; readonly state: CapacityState; readonly grants: readonly Grant[] } {
  let state = first;
  const calls: PlayedCall[] = [];
  const grants: Grant[] = [];
  let waiting: Stream[] = players.flatMap(player =>
    Array.from({ length: player.streams }, (_, stream) => ({ player, stream, atMs: player.fromMs, used: null })),
  );
  while (waiting.length > 0) {
    waiting.sort((a, b) => a.atMs - b.atMs);
    const [next, ...others] = waiting as [Stream, ...Stream[]];
    if (next.atMs > untilMs) break;
    const { player, stream, atMs, used } = next;
    const message = { runId: player.runId, stream, nowMs: atMs, want: player.batchSize, fresh: true, used };
    const { state: after, answer } = reserve(state, { ...message, terms: player.terms });
    state = after;
    grants.push(answer);
    waiting = answer.left === 0 && answer.granted === 0 ? others : [...others, follow(next, answer, calls)];
  }
  return { calls, state, grants };
}

function follow({ player, stream, atMs }: Stream, grant: Grant, calls: PlayedCall[]): Stream {
  if (grant.granted === 0) return { player, stream, atMs: Math.max(grant.startAtMs, atMs + 1), used: null };
  const { runId, tokensOf, latencyMs } = player;
  const made = Array.from({ length: grant.granted }, (_, i) => {
    const unit = grant.from + i;
    return { runId, unit, atMs: Math.max(atMs, grant.startAtMs + i * grant.spacingMs), tokens: tokensOf(unit) };
  });
  calls.push(...made);
  const seconds = made.map(({ unit }) => latencyMs(unit) / 1_000);
  const used = use({
    calls: made.length,
    answered: made.length,
    admittedTokens: made.reduce((sum, { tokens }) => sum + tokens, 0),
    callCount: made.length,
    callSeconds: seconds.reduce((sum, value) => sum + value, 0),
    callSecondsSquared: seconds.reduce((sum, value) => sum + value ** 2, 0),
  });
  return { player, stream, used, atMs: Math.max(...made.map(call => call.atMs + latencyMs(call.unit))) };
}

/** The most of an amount that lies in any half-open window of a length. */
export function mostInWindow(
  calls: readonly { readonly atMs: number; readonly amount: number }[],
  lengthMs: number,
): number {
  const sorted = calls.toSorted((a, b) => a.atMs - b.atMs);
  let [most, sum, first] = [0, 0, 0];
  for (const { atMs, amount } of sorted) {
    sum += amount;
    // Instants are sums of fractions: what differs by less than a microsecond is the same.
    while ((sorted[first]?.atMs ?? atMs) <= atMs - lengthMs + 1e-3) sum -= sorted[first++]?.amount ?? 0;
    most = Math.max(most, sum);
  }
  return most;
}
