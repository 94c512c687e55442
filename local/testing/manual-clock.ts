import type { Clock } from '../engine/clock.ts';

/** A clock that stands still until it is told otherwise. */
export interface ManualClock extends Clock {
  /** Goes to the instant, calling back on the way whatever is due, in the order of instants. */
  advanceTo(instantMs: number): void;
  advanceBy(lengthMs: number): void;
  /** The earliest call that is outstanding. */
  nextCallAtMs(): number | undefined;
}

/** @param startMs - milliseconds since 1970 */
export function createManualClock(startMs: number): ManualClock {
  let nowMs = startMs;
  const calls = new Set<{ readonly instantMs: number; readonly callback: () => void }>();
  const earliest = () => [...calls].sort((a, b) => a.instantMs - b.instantMs)[0];
  const clock: ManualClock = {
    nowMs: () => nowMs,
    callAt(instantMs, callback) {
      const call = { instantMs, callback };
      calls.add(call);
      return () => calls.delete(call);
    },
    advanceTo(instantMs) {
      for (let call = earliest(); call && call.instantMs <= instantMs; call = earliest()) {
        nowMs = Math.max(nowMs, call.instantMs);
        calls.delete(call);
        call.callback();
      }
      nowMs = Math.max(nowMs, instantMs);
    },
    advanceBy: lengthMs => clock.advanceTo(nowMs + lengthMs),
    nextCallAtMs: () => earliest()?.instantMs,
  };
  return clock;
}
