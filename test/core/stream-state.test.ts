import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layoutOf, unitsOfBatch } from '../../src/core/batch-plan.ts';
import { type AnalyzeOutput, type StreamState, StreamStateSchema } from '../../src/core/contracts.ts';
import { doneIn, NO_PROGRESS } from '../../src/core/progress.ts';
import { draw, FRESH_STREAM, fold, historyEventsOf } from '../../src/core/stream-state.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import { deferred, failedWith, settled } from '../helpers/factories.ts';

const LAYOUT = layoutOf(10, { batchSize: 2, streams: 2 });

describe('draw', () => {
  test('takes own batches in order, then nothing', () => {
    let state = FRESH_STREAM;
    const drawn: number[][] = [];
    for (let n = 0; n < 4; n += 1) {
      const next = draw(LAYOUT, 0, state);
      drawn.push(next.units);
      state = next.state;
    }
    expect(drawn).toEqual([[0, 1], [4, 5], [8, 9], []]);
  });

  test('takes what was put back first, alone, and once', () => {
    const first = draw(LAYOUT, 1, { ...FRESH_STREAM, nextBatch: 1, deferred: [3] });
    expect(first.units).toEqual([3]);
    expect(first.state).toMatchObject({ deferred: [], nextBatch: 1 });
    expect(draw(LAYOUT, 1, first.state).units).toEqual([6, 7]);
  });
});

describe('fold', () => {
  test('counts outcomes with their copies, calls, tokens and cost', () => {
    const results = [
      settled({ copies: 2, calls: 1 }),
      failedWith('content_filter'),
      settled({ outcome: 'skipped', code: 'empty_issue', copies: 1, calls: 0, usage: NO_USAGE, costUsd: 0 }),
      null,
      deferred(0),
    ];
    const { progress, deferred: putBack } = fold(FRESH_STREAM, [0, 1, 2, 3, 4], results, 0);
    expect(putBack).toEqual([4]);
    expect(progress).toEqual({
      succeeded: 3,
      failed: 2,
      skipped: 2,
      coalesced: 2,
      cached: 0,
      deferrals: 1,
      batches: 1,
      calls: 2,
      usage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
      costUsd: 0.001,
    });
  });

  test('adds to what was done before', () => {
    const once = fold(FRESH_STREAM, [0], [settled()], 0);
    expect(fold(once, [1], [settled()], 0).progress).toMatchObject({ succeeded: 2, batches: 2, calls: 2 });
  });

  test('resumes after the pause, or when the service wants it, whichever is later', () => {
    const resumeAt = (...results: (AnalyzeOutput | null)[]) => fold(FRESH_STREAM, [0, 1], results, 5_000).resumeAtMs;
    expect(resumeAt(settled(), null)).toBe(5_000);
    expect(resumeAt(deferred(4_000), settled())).toBe(5_000);
    expect(resumeAt(deferred(6_000), deferred(9_000))).toBe(9_000);
  });

  describe('stops', () => {
    const wrongKey = failedWith('unauthorized');
    const noDeployment = failedWith('deployment_not_found');
    const stopOf = (...batches: (AnalyzeOutput | null)[][]) =>
      batches.reduce(
        (state: StreamState, results) =>
          fold(
            state,
            results.map((_, unit) => unit),
            results,
            0,
          ),
        FRESH_STREAM,
      ).stopped;

    test('after three failures in a row that are the same for every issue', () => {
      expect(stopOf([wrongKey, wrongKey])).toBeNull();
      expect(stopOf([wrongKey, wrongKey, wrongKey])).toEqual({ reason: 'fatal', code: 'unauthorized' });
    });

    test('across batches, with the code of the third', () => {
      expect(stopOf([wrongKey], [wrongKey], [noDeployment])).toEqual({ reason: 'fatal', code: 'deployment_not_found' });
      expect(stopOf([wrongKey, wrongKey, wrongKey, noDeployment])).toEqual({ reason: 'fatal', code: 'unauthorized' });
    });

    test.each<[string, AnalyzeOutput | null]>([
      ['a success', settled()],
      ['another failure', failedWith('timeout')],
      ['a skip', settled({ outcome: 'skipped', code: 'empty_issue' })],
      ['a throw', null],
      ['a deferral', deferred(0)],
    ])('not if %s comes between', (_, between) => {
      expect(stopOf([wrongKey, wrongKey, between, wrongKey, wrongKey])).toBeNull();
    });

    test('and stays stopped', () => {
      expect(stopOf([wrongKey, wrongKey, wrongKey, settled()])?.reason).toBe('fatal');
    });
  });
});

const anyResult: fc.Arbitrary<AnalyzeOutput | null> = fc.oneof(
  fc.constantFrom(null, settled(), settled({ copies: 3 }), failedWith('timeout'), failedWith('refused')),
  fc.nat(10_000).map(notBeforeMs => deferred(notBeforeMs)),
);

describe('a stream over any sequence of results', () => {
  const shapes = fc.record({
    units: fc.integer({ min: 1, max: 60 }),
    batchSize: fc.integer({ min: 1, max: 7 }),
    streams: fc.integer({ min: 1, max: 4 }),
  });

  test('settles each of its units exactly once; what was put back comes first', () => {
    fc.assert(
      fc.property(shapes, fc.infiniteStream(anyResult), (shape, someResults) => {
        const layout = layoutOf(shape.units, shape);
        const settledUnits: number[] = [];
        let [state, issues, putBack] = [FRESH_STREAM, 0, [] as readonly number[]];
        for (let round = 0; ; round += 1) {
          const drawn = draw(layout, 0, state);
          if (putBack.length > 0) expect(drawn.units).toEqual(putBack);
          if (drawn.units.length === 0) break;
          // After 200 rounds the service always answers, so that the stream comes to an end.
          const results = drawn.units.map(() => (round < 200 ? (someResults.next().value ?? null) : settled()));
          state = fold(drawn.state, drawn.units, results, 0);
          putBack = drawn.units.filter((_, i) => results[i]?.kind === 'deferred');
          settledUnits.push(...drawn.units.filter(unit => !putBack.includes(unit)));
          for (const result of results) {
            if (result?.kind !== 'deferred') issues += 1 + (result?.copies ?? 0);
          }
        }
        const own = Array.from({ length: layout.units }, (_, n) => unitsOfBatch(layout, 0, n)).flat();
        expect(settledUnits.toSorted((a, b) => a - b)).toEqual(own);
        expect(doneIn(state.progress)).toBe(issues);
        expect(StreamStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
      }),
    );
  });
});

test('a fresh stream has done nothing and may start at once', () => {
  expect(FRESH_STREAM).toEqual({
    nextBatch: 0,
    deferred: [],
    resumeAtMs: 0,
    stopsInRow: 0,
    stopped: null,
    progress: NO_PROGRESS,
  });
});

describe('historyEventsOf', () => {
  test.each<[string, (AnalyzeOutput | null)[], number]>([
    ['nothing', [], 0],
    ['two tasks', [settled(), deferred(0)], 8],
    ['a task with three retries', [settled({ failedAttempts: 3 })], 28],
    ['a task that threw to the end, after four retries', [null], 36],
  ])('%s', (_, results, expected) => {
    expect(historyEventsOf(results)).toBe(expected);
  });
});
