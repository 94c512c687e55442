import { createAdmission } from '../../local/simulators/admission.ts';
import { type AdmissionFigures, createAdmissionMeter } from '../../local/simulators/meters.ts';
import type { Call } from './workload.ts';

/** How a computed caller goes about its calls. */
export interface Caller {
  /** Calls at one time. */
  readonly concurrency: number;
  /** After a 429: waits as long as the service says, or makes no call at all for a fixed time. */
  readonly afterThrottle: 'retry-after' | { readonly pauseMs: number };
}

/** What a caller comes to. */
export interface Computed {
  readonly makespanMs: number;
  readonly throttled: number;
  readonly admitted: AdmissionFigures;
}

type Limits = Parameters<typeof createAdmission>[0];

/**
 * Lets a caller work off calls in no time at all: the simulator's own door, drawn latencies, no network, no processor. Each
 * call is tried until it is let in.
 *
 * @param startMs - when it begins, by the clock that the limits go by
 */
export function compute(calls: readonly Call[], limits: Limits, caller: Caller, startMs: number): Computed {
  const { concurrency, afterThrottle } = caller;
  const [admission, meter] = [createAdmission(limits), createAdmissionMeter(limits)];
  const freeAtMs = Array.from({ length: concurrency }, () => startMs);
  let [notBeforeMs, endMs, throttled] = [startMs, startMs, 0];
  for (let next = 0; next < calls.length; ) {
    const call = calls[next] as Call;
    const place = freeAtMs.indexOf(Math.min(...freeAtMs));
    const nowMs = Math.max(freeAtMs[place] as number, notBeforeMs);
    const { limitedBy, retryAfterMs } = admission.admit(nowMs, call.tokens);
    if (limitedBy === undefined) {
      meter.admitted(nowMs, call.tokens);
      freeAtMs[place] = nowMs + call.latencyMs;
      endMs = Math.max(endMs, nowMs + call.latencyMs);
      next += 1;
      continue;
    }
    throttled += 1;
    if (afterThrottle === 'retry-after') freeAtMs[place] = nowMs + retryAfterMs;
    else notBeforeMs = nowMs + afterThrottle.pauseMs;
  }
  return { makespanMs: endMs - startMs, throttled, admitted: meter.figures() };
}
