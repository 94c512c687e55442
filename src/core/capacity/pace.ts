/** How calls of one size may follow each other under a limit. */
export interface Pace {
  /** From the start of one call to that of the next; 0 = all at once. */
  readonly spacingMs: number;
  /** How far a late caller may make up for the time that it lost; infinite without a limit. */
  readonly toleranceMs: number;
}

/** A limit as the service judges it. */
export interface Limit {
  /** Tokens or requests a minute; null = not known. */
  readonly perMinute: number | null;
  /** Share that stays unused, 0 to 1. */
  readonly buffer: number;
  /** A shorter window that admits its share of the minute's figure. */
  readonly sliceMs: number;
}

const MINUTE_MS = 60_000;
/** Calls reach the service a little before or after their instants, which a slice shows: it is taken for so much longer. */
const JITTER_MS = 40;
const NO_LIMIT: Pace = { spacingMs: 0, toleranceMs: Number.POSITIVE_INFINITY };

/**
 * The pace at which calls of a size stay within a limit, in every window of a minute and in every slice.
 *
 * Virtual scheduling (the generic cell rate algorithm): calls that start `spacingMs` apart, at most `toleranceMs` late,
 * put at most `rate * (window + tolerance) + largest` into any window. Of calls of one size, a window that begins with one
 * holds whole calls only, so that nothing has to be left for a last one. A slice that is smaller than one call admits one.
 *
 * @param size - of one call, in the unit of the limit
 * @param largest - of the calls that runs make side by side; null if all are of one size
 */
export function paceOf({ perMinute, buffer, sliceMs }: Limit, size: number, largest: number | null): Pace {
  if (perMinute === null || size === 0) return NO_LIMIT;
  const windows = [...new Set([MINUTE_MS, sliceMs])].map(lengthMs => ({
    lengthMs,
    holds: lengthMs === MINUTE_MS ? perMinute : Math.ceil((perMinute * lengthMs) / MINUTE_MS),
  }));
  const ratePerMs = Math.min(
    (perMinute * (1 - buffer)) / MINUTE_MS,
    ...windows.map(({ lengthMs, holds }) => fitting(holds, size, largest) / withJitter(lengthMs)),
  );
  const sparePerWindow = windows.map(({ lengthMs, holds }) => holds - (largest ?? size) - ratePerMs * lengthMs);
  return { spacingMs: size / ratePerMs, toleranceMs: Math.max(0, Math.min(...sparePerWindow)) / ratePerMs };
}

function fitting(holds: number, size: number, largest: number | null): number {
  return largest === null ? Math.max(1, Math.floor(holds / size)) * size : Math.max(size, holds - largest);
}

function withJitter(lengthMs: number): number {
  return lengthMs < MINUTE_MS ? lengthMs + JITTER_MS : lengthMs;
}
