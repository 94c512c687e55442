import type { CapacityState, Gap, OpenGrant } from './state.ts';

/** How long a batch that was told to stop may still begin calls, since workers look at the run's control now and then. */
const STOPPING_MS = 3_000;
const MINUTE_MS = 60_000;
/** Instants are sums of fractions: what differs by less is the same. */
const ROUNDING_MS = 1e-3;
/** A run that was not seen for so long has ended without a word. */
const FORGET_RUN_MS = 86_400_000;

/** The key of a stream's grant in the state. */
export function grantKey(runId: string, stream: number): string {
  return `${runId}/${stream}`;
}

/** Grants that nobody reported, and runs that ended without a word, are given up. */
export function withoutExpired(state: CapacityState): CapacityState {
  const gaps = state.gaps.filter(({ fromMs, toMs }) => toMs > state.nowMs && toMs > fromMs);
  const sizes = state.sizes.filter(({ atMs }) => atMs > state.nowMs - MINUTE_MS);
  const runs = Object.entries(state.runs).filter(([, run]) => state.nowMs - run.seenAtMs < FORGET_RUN_MS);
  // Before their runs are forgotten: a probe among them has failed to come.
  const known = givenUp({ ...state, gaps, sizes }, ({ expiresAtMs }) => expiresAtMs <= state.nowMs);
  return withRuns(known, Object.fromEntries(runs));
}

/** The state with no other runs than these, and without grants of others. */
export function withRuns(state: CapacityState, runs: CapacityState['runs']): CapacityState {
  const grants = Object.entries(state.grants).filter(([, { runId }]) => runId in runs);
  return { ...state, runs, grants: Object.fromEntries(grants) };
}

/** Some grants given up: what of their time lies ahead can be booked again, and a probe among them has failed to come. */
export function givenUp(state: CapacityState, isOver: (grant: OpenGrant) => boolean): CapacityState {
  const over = Object.entries(state.grants).filter(([, grant]) => !grant.isGivenUp && isOver(grant));
  const gaps = over
    .map(([, grant]) => {
      const { endAtMs: toMs, tokensEach } = grant;
      return { fromMs: freeFromMs(grant, state.nowMs), toMs, tokensEach };
    })
    .filter(({ fromMs, toMs }) => toMs > fromMs);
  const { probe } = state.gate;
  return {
    ...state,
    grants: {
      ...state.grants,
      ...Object.fromEntries(over.map(([key, grant]) => [key, { ...grant, isGivenUp: true }])),
    },
    gaps: joined([...state.gaps, ...gaps]),
    gate: { ...state.gate, probe: over.some(([key]) => key === probe) ? null : probe },
  };
}

/** In their order, and as one where calls of one size were booked back to back: so calls of another size find room. */
function joined(gaps: readonly Gap[]): Gap[] {
  const all: Gap[] = [];
  for (const gap of gaps.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = all.at(-1);
    const isNext = last?.tokensEach === gap.tokensEach && gap.fromMs - last.toMs < ROUNDING_MS;
    if (isNext) all.splice(-1, 1, { ...last, toMs: gap.toMs });
    else all.push(gap);
  }
  return all;
}

/** The instant of the first call that does not begin any more. */
function freeFromMs({ units, startAtMs, endAtMs }: OpenGrant, nowMs: number): number {
  if (endAtMs === startAtMs) return endAtMs;
  const spacingMs = (endAtMs - startAtMs) / units;
  const begun = Math.max(0, Math.ceil((nowMs + STOPPING_MS - startAtMs) / spacingMs));
  return startAtMs + begun * spacingMs;
}
