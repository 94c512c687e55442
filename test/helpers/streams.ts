import { termsOf } from '../../src/core/capacity/terms.ts';
import type { StreamInput } from '../../src/core/contracts.ts';
import { FRESH_STREAM } from '../../src/core/stream-state.ts';
import { NOON_MS, plan } from './factories.ts';
import { type Finished, loaded } from './replay.ts';

/** Input of a lone stream of `run-1` over so many units: in batches of three, with a pause of 1 s, for a day at most. */
export function streamInput(units: number, changes: Partial<StreamInput> = {}): StreamInput {
  const own = changes.plan ?? plan({ streams: 1, batchSize: 3 });
  return {
    runId: 'run-1',
    attempt: 1,
    stream: 0,
    plan: own,
    openList: null,
    terms: termsOf(own, loaded(units)),
    deadlineAtMs: NOON_MS + 86_400_000,
    state: FRESH_STREAM,
    ...changes,
  };
}

/** Each executed unit with the milliseconds since the start. */
export function timetable(run: Finished): [unit: number, atMs: number][] {
  return run.calls.flatMap(({ name, input, atMs }): [number, number][] =>
    name === 'analyzeIssue' ? [[input.unit, atMs - NOON_MS]] : [],
  );
}

/** 0 to `count` - 1. */
export function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n);
}
