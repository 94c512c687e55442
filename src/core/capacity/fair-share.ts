import type { CapacityState, RunShare } from './state.ts';

/** A run that has not asked for so long does not hold others back. */
const ACTIVE_MS = 30_000;

/** Where a run stands in the fair queue. */
export interface Standing {
  /** Tokens granted, on the common clock of the queue. */
  readonly tag: number;
  /** Tokens by which it is ahead of the contender that had least; 0 without contenders. */
  readonly lead: number;
}

/** Whether a run asked lately and had to wait for the meters. */
export function isContending({ isDelayed, control, seenAtMs }: RunShare, nowMs: number): boolean {
  return isDelayed && control === 'go' && nowMs - seenAtMs < ACTIVE_MS;
}

/**
 * Start-time fair queueing on tokens: a run that comes, or comes back, begins where the queue stands, and has no claim to
 * the time before.
 *
 * Held back is who is ahead of a contender; a run that gets all it asks for holds nobody back, so no room stays unused.
 */
export function standingOf({ runs, servedTag, nowMs }: CapacityState, runId: string): Standing {
  const run = runs[runId];
  const tags = Object.entries(runs)
    .filter(([id, other]) => id !== runId && isContending(other, nowMs))
    .map(([, { tag }]) => tag);
  const least = tags.length === 0 ? servedTag : Math.min(...tags);
  const tag = run?.isDelayed ? run.tag : Math.max(run?.tag ?? 0, least);
  return { tag, lead: tags.length === 0 ? 0 : Math.max(0, tag - least) };
}
