/** Numbers in one typed array that grows: a million take 8 MB. */
export interface Series {
  readonly add: (value: number) => void;
  /** What was added, in ascending order; a view that the next call of `add` makes stale. */
  readonly sorted: () => Float64Array;
}

const FIRST_ROOM = 256;

/** An empty series. */
export function createSeries(): Series {
  let [values, length] = [new Float64Array(FIRST_ROOM), 0];
  return {
    add(value) {
      if (length === values.length) {
        const larger = new Float64Array(length * 2);
        larger.set(values);
        values = larger;
      }
      values[length++] = value;
    },
    sorted: () => values.subarray(0, length).sort(),
  };
}

/**
 * The smallest value that at least `percent` of all do not exceed.
 *
 * @param sorted - ascending, at least one
 */
export function nearestRank(sorted: Float64Array, percent: number): number {
  return sorted[Math.max(1, Math.ceil((percent * sorted.length) / 100)) - 1] as number;
}

/** The mean of at least one value. */
export function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** How many intervals overlap. */
export interface Overlap {
  /** At one time, at most. */
  readonly most: number;
  /** In the mean over `overMs`. */
  readonly mean: number;
  /** From the first start to the last end. */
  readonly overMs: number;
}

/**
 * Counts overlapping intervals; one that starts where another ends does not overlap it.
 *
 * @param starts - ascending
 * @param ends - ascending, as many; which start an end belongs to does not matter
 */
export function overlapOf(starts: Float64Array, ends: Float64Array): Overlap {
  let [most, open, ended, sumMs] = [0, 0, 0, 0];
  for (const [i, start] of starts.entries()) {
    while (ended < i && (ends[ended] as number) <= start) {
      ended += 1;
      open -= 1;
    }
    open += 1;
    most = Math.max(most, open);
    sumMs += (ends[i] as number) - start;
  }
  const overMs = starts.length === 0 ? 0 : (ends.at(-1) as number) - (starts[0] as number);
  return { most, mean: overMs === 0 ? most : sumMs / overMs, overMs };
}
