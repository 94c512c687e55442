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
 * @returns a function that takes the instant, how many are done and how many there are
 */
export function createPaceMeter(): (nowMs: number, done: number, total: number | null) => Pace {
  let seen: { readonly atMs: number; readonly done: number }[] = [];
  return (nowMs, done, total) => {
    seen = seen.filter(({ atMs }, i) => atMs >= nowMs - WINDOW_MS || i === seen.length - 1);
    seen.push({ atMs: nowMs, done });
    const [first = { atMs: nowMs, done }] = seen;
    const perSecond =
      done > first.done && nowMs > first.atMs ? ((done - first.done) * 1_000) / (nowMs - first.atMs) : null;
    const etaMs = perSecond === null || total === null ? null : (Math.max(total - done, 0) * 1_000) / perSecond;
    return { perSecond, etaMs };
  };
}
