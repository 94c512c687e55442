import { reserve } from '../capacity/capacity.ts';
import { bufferOf } from '../capacity/learning.ts';
import { type BatchUse, type Bound, type Grant, NO_USE, type RunTerms } from '../capacity/messages.ts';
import type { CapacityState } from '../capacity/state.ts';
import { createLogNormal, type Distribution } from './log-normal.ts';

/** A batch under way. */
export interface Batch {
  readonly stream: number;
  readonly grant: Grant;
  /** Calls that have not ended. */
  open: number;
}

/** What a stream that asked for a batch is to do: begin it at an instant, ask again then, or end. */
export type Drawn =
  | { readonly kind: 'batch'; readonly atMs: number; readonly batch: Batch }
  | { readonly kind: 'later'; readonly atMs: number }
  | { readonly kind: 'end' };

/** How long streams waited, in milliseconds, by what held them back. */
export type WaitedMs = Readonly<Record<NonNullable<Bound>, number>>;

/** Where the streams of a forecast get the right to start calls. */
export interface Reservations {
  draw(stream: number, atMs: number): Drawn;
  /** A batch's last call has ended. */
  end(batch: Batch): void;
  /** Tokens granted, waits added up over streams, and the share of the limits that is kept free at the end, 0 to 1. */
  totals(): { readonly admissionTokens: number; readonly waitedMs: WaitedMs; readonly buffer: number };
}

const RUN_ID = 'forecast';
/** The mean distance from the mean, of values that are spread normally, over their standard deviation. */
const MEAN_DEVIATION = 0.8;

/**
 * Reservations by the rules of the capacity entity itself, on a copy of its state.
 *
 * Other runs are left out of it: their share is not known beforehand.
 *
 * @param options.terms - of the run, without caps
 * @param options.callCv - how much calls differ in size for admission: standard deviation over mean
 * @param options.callSeconds - of a call in the mean
 */
export function createReservations(
  known: CapacityState,
  options: {
    readonly terms: RunTerms;
    readonly batchSize: number;
    readonly promptCv: number;
    readonly callSeconds: number;
    readonly completionTokens: Distribution;
  },
): Reservations {
  const { terms, batchSize } = options;
  const answerTokens = createLogNormal(options.completionTokens);
  const used = new Map<number, BatchUse>();
  const waitedMs = { tokens: 0, requests: 0, service: 0, budget: 0, paused: 0 };
  let state: CapacityState = { ...known, runs: {}, grants: {}, gaps: [], gate: { ...known.gate, probe: null } };
  let [admissionTokens, answered, ended] = [0, 0, 0];

  const useOf = ({ granted: calls, maxCompletionTokens }: Grant): BatchUse => {
    const completions = Array.from({ length: calls }, () => Math.round(answerTokens(answered++)));
    // Prompts differ, and the room for the answer does not: by turns a batch is larger and smaller than reserved.
    const promptTokens = terms.promptTokensEach * calls;
    const deviation = (MEAN_DEVIATION * options.promptCv) / Math.sqrt(calls);
    const larger = promptTokens * deviation * (ended++ % 2 === 0 ? 1 : -1);
    return {
      ...NO_USE,
      calls,
      answered: calls,
      admittedTokens: Math.round(promptTokens + larger + calls * maxCompletionTokens),
      callCount: calls,
      callSeconds: calls * options.callSeconds,
      callSecondsSquared: calls * options.callSeconds ** 2,
      completions,
      promptTokens,
    };
  };

  return {
    draw(stream, atMs) {
      const message = { runId: RUN_ID, stream, nowMs: atMs, want: batchSize, fresh: true, terms };
      const { state: next, answer: grant } = reserve(state, { ...message, used: used.get(stream) ?? null });
      state = next;
      used.delete(stream);
      const startAtMs = Math.max(atMs, grant.startAtMs);
      if (grant.bound) waitedMs[grant.bound] += startAtMs - atMs;
      if (grant.granted === 0) return grant.left > 0 ? { kind: 'later', atMs: startAtMs } : { kind: 'end' };
      admissionTokens += grant.granted * (terms.promptTokensEach + grant.maxCompletionTokens);
      return { kind: 'batch', atMs: startAtMs, batch: { stream, grant, open: grant.granted } };
    },
    end: ({ stream, grant }) => void used.set(stream, useOf(grant)),
    totals: () => ({ admissionTokens, waitedMs, buffer: bufferOf(state, terms.bufferPercent) }),
  };
}
