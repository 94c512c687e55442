/** How fast a run goes, from what was seen of late. */
export interface Pace {
  /** Null until two different counts have been seen. */
  readonly perSecond: number | null;
  /** Time to the end at this rate, in milliseconds; null while the rate or the total is unknown. */
  readonly etaMs: number | null;
}

const WINDOW_MS = 30_000;

/**
 * Measures a rate over the last 30 s, so that it follows what happens now rather than the mean since the start.
 *
 * A run counts its issues batch by batch. Only the instants at which the count moved tell the rate; between them the rate
 * stays, and the time to the end runs down, to 0 where the next move is late.
 *
 * @returns a function that takes the instant, how many are done and how many there are
 */
export function createPaceMeter(): (nowMs: number, done: number, total: number | null) => Pace {
  let moves: { readonly atMs: number; readonly done: number }[] = [];
  let perSecond: number | null = null;
  return (nowMs, done, total) => {
    const last = moves.at(-1);
    if (last?.done !== done) {
      moves = moves.filter(move => move.atMs >= nowMs - WINDOW_MS || move === last);
      moves.push({ atMs: nowMs, done });
      perSecond = rateOf(moves) ?? perSecond;
    }
    const movedAtMs = moves.at(-1)?.atMs ?? nowMs;
    const etaMs =
      perSecond === null || total === null
        ? null
        : Math.max(((total - done) * 1_000) / perSecond - (nowMs - movedAtMs), 0);
    return { perSecond, etaMs };
  };
}

function rateOf(moves: readonly { readonly atMs: number; readonly done: number }[]): number | null {
  const [first, last] = [moves[0], moves.at(-1)];
  if (!first || !last || last.done <= first.done || last.atMs <= first.atMs) return null;
  return ((last.done - first.done) * 1_000) / (last.atMs - first.atMs);
}
