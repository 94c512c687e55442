import { describe, expect, test } from 'vitest';
import type { Grant } from '../../src/core/capacity/messages.ts';
import type { AnalyzeOutput, StreamState } from '../../src/core/contracts.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import {
  FRESH_STREAM,
  fold,
  historyEventsOf,
  type NextStep,
  nextStep,
  take,
  waited,
} from '../../src/core/stream-state.ts';
import { deferred, failedWith, NOON_MS, sawAnswer, seen, settled } from '../helpers/factories.ts';

const stream = (changes: Partial<StreamState> = {}): StreamState => ({ ...FRESH_STREAM, ...changes });
const putBack = (unit: number, inMs: number) => ({ unit, notBeforeMs: NOON_MS + inMs });
const sawNothing = seen({ calls: 0, admittedTokens: 0 });
const notStarted: AnalyzeOutput = { kind: 'not_started', reason: 'cancelled', seen: sawNothing };

function grant(changes: Partial<Grant> = {}): Grant {
  const [startAtMs, spacingMs, maxCompletionTokens] = [NOON_MS, 0, 1_200];
  return {
    granted: 3,
    from: 40,
    left: 7,
    startAtMs,
    spacingMs,
    maxCompletionTokens,
    control: 'go',
    bound: null,
    ...changes,
  };
}

/** How a batch is folded, with a pause after it until so many milliseconds after noon. */
const until = (inMs: number) => ({ nextAtMs: NOON_MS + inMs, deployment: 'gpt-4o-mini' });

/** Folds batches, each of units 0, 1, 2 and so on. */
function folded(...batches: (AnalyzeOutput | null)[][]): StreamState {
  return batches.reduce((state, results) => fold(state, [...results.keys()], results, until(0)), FRESH_STREAM);
}

test('a fresh stream has done nothing, may start at once, and expects work', () => {
  expect(FRESH_STREAM).toEqual({
    deferred: [],
    resumeAtMs: 0,
    hasMore: true,
    used: null,
    stopsInRow: 0,
    stopped: null,
    progress: NO_PROGRESS,
  });
});

describe('the next step', () => {
  const wait = (inMs: number): NextStep => ({ kind: 'wait', untilMs: NOON_MS + inMs });
  const reserve = (fresh: boolean, want: number): NextStep => ({ kind: 'reserve', fresh, want });
  test.each<[string, Partial<StreamState>, NextStep]>([
    ['new units', {}, reserve(true, 20)],
    ['the end', { hasMore: false }, { kind: 'end' }],
    ['the end, though the pause is not over', { hasMore: false, resumeAtMs: NOON_MS + 900 }, { kind: 'end' }],
    ['to wait for the end of the pause', { resumeAtMs: NOON_MS + 900, deferred: [putBack(3, 0)] }, wait(900)],
    ['what was put back and is due', { deferred: [putBack(3, 0), putBack(4, 1), putBack(5, -9)] }, reserve(false, 2)],
    [
      'what was put back, a batch of it',
      { deferred: Array.from({ length: 25 }, (_, n) => putBack(n, 0)) },
      reserve(false, 20),
    ],
    ['new units while none that was put back is due', { deferred: [putBack(3, 1)] }, reserve(true, 20)],
    ['to wait for the first that is due', { hasMore: false, deferred: [putBack(3, 80), putBack(4, 70)] }, wait(70)],
  ])('is %s', (_, changes, expected) => {
    expect(nextStep(stream(changes), 20, NOON_MS)).toEqual(expected);
  });
});

describe('a grant', () => {
  test('of new units is a run of numbers', () => {
    expect(take(stream({ deferred: [putBack(3, 0)] }), true, grant(), NOON_MS)).toEqual({
      units: [40, 41, 42],
      state: stream({ deferred: [putBack(3, 0)] }),
    });
  });

  test('for what was put back takes as many as it allows of those that are due', () => {
    const own = [putBack(9, 0), putBack(8, 1), putBack(7, -1), putBack(6, -1)];
    expect(take(stream({ deferred: own }), false, grant({ granted: 2 }), NOON_MS)).toEqual({
      units: [9, 7],
      state: stream({ deferred: [putBack(8, 1), putBack(6, -1)] }),
    });
  });

  test('of none takes none', () => {
    const state = stream({ deferred: [putBack(9, 0)] });
    expect(take(state, false, grant({ granted: 0 }), NOON_MS)).toEqual({ units: [], state });
    expect(take(state, true, grant({ granted: 0 }), NOON_MS).units).toEqual([]);
  });

  test('shows that the last batch was told, and whether units are left', () => {
    const { used } = folded([settled()]);
    expect(used).not.toBeNull();
    expect(take(stream({ used }), true, grant({ left: 0 }), NOON_MS).state).toMatchObject({
      used: null,
      hasMore: false,
    });
    expect(take(stream({ hasMore: false }), true, grant({ left: 1 }), NOON_MS).state.hasMore).toBe(true);
  });
});

describe('waits', () => {
  test('add up by what held the stream back', () => {
    const state = (['tokens', 'service', 'tokens', 'paused'] as const).reduce(
      (before, bound, n) => waited(before, bound, 10 ** n),
      FRESH_STREAM,
    );
    expect(state.progress).toEqual({
      ...NO_PROGRESS,
      waitedMs: { tokens: 101, requests: 0, service: 10, budget: 0, paused: 1_000 },
    });
  });

  test('that nothing held back are none', () => {
    expect(waited(FRESH_STREAM, null, 500)).toBe(FRESH_STREAM);
  });
});

describe('fold', () => {
  test('counts outcomes with their copies, calls, tokens, cost, and what was seen', () => {
    const results = [
      settled({ copies: 2 }),
      settled({
        copies: 1,
        cached: true,
        callMs: null,
        seen: sawNothing,
      }),
      failedWith('content_filter'),
      settled({
        outcome: 'skipped',
        code: 'empty_issue',
        copies: 1,
        seen: sawNothing,
      }),
      null,
      deferred(NOON_MS + 7_000, 'rate_limited', {
        ...sawAnswer(),
        admittedTokens: 0,
        throttled: 1,
        retryAfterMs: 7_000,
      }),
      notStarted,
    ];
    expect(fold(FRESH_STREAM, [10, 11, 12, 13, 14, 15, 16], results, until(0))).toMatchObject({
      deferred: [{ unit: 15, notBeforeMs: NOON_MS + 7_000 }],
      progress: {
        succeeded: 5,
        failed: 2,
        skipped: 2,
        coalesced: 3,
        cached: 2,
        withoutCall: 4,
        deferrals: 1,
        batches: 1,
        calls: 3,
        admittedTokens: 2_600,
        throttled: 1,
        longestRetryAfterMs: 7_000,
        usage: { promptTokens: 200, completionTokens: 20, cachedTokens: 0 },
        costUsd: 0.002,
        storage: { operations: 18, ms: 54 },
        waitedMs: NO_PROGRESS.waitedMs,
      },
    });
  });

  test('adds to what was done and put back before, and pauses', () => {
    const before = fold(stream({ deferred: [putBack(3, 5)] }), [0, 1], [settled(), deferred(NOON_MS)], until(1_000));
    const after = fold(before, [2], [settled()], until(2_000));
    expect(after.deferred).toEqual([putBack(3, 5), putBack(1, 0)]);
    expect(after.progress).toMatchObject({ succeeded: 2, batches: 2, calls: 3, deferrals: 1 });
    expect([before.resumeAtMs, after.resumeAtMs]).toEqual([NOON_MS + 1_000, NOON_MS + 2_000]);
  });
});

describe('a batch that was put back as a whole', () => {
  const turnedAway = (inMs: number) => deferred(NOON_MS + inMs, 'breaker_open', { calls: 0, throttled: 0 });
  const resumesAt = (...results: (AnalyzeOutput | null)[]) =>
    fold(FRESH_STREAM, [...results.keys()], results, until(1_000)).resumeAtMs - NOON_MS;

  test('without a call makes the stream wait until the first of it may be tried again', () => {
    expect(resumesAt(turnedAway(10_000), turnedAway(9_000))).toBe(9_000);
    expect(resumesAt(turnedAway(500))).toBe(1_000);
  });

  test('after a call does not, nor one of which any issue came to an end', () => {
    expect(resumesAt(turnedAway(10_000), deferred(NOON_MS + 10_000))).toBe(1_000);
    expect(resumesAt(turnedAway(10_000), null)).toBe(1_000);
  });
});

describe('a stream stops', () => {
  const wrongKey = failedWith('unauthorized');
  const noDeployment = failedWith('deployment_not_found');

  test('after three failures in a row that are the same for every issue', () => {
    expect(folded([wrongKey, wrongKey]).stopped).toBeNull();
    expect(folded([wrongKey, wrongKey, wrongKey])).toMatchObject({
      stopped: { reason: 'fatal', code: 'unauthorized' },
      used: { fatal: 'unauthorized' },
    });
  });

  test('across batches, with the code of the third', () => {
    const fatal = { reason: 'fatal', code: 'deployment_not_found' };
    expect(folded([wrongKey], [wrongKey], [noDeployment]).stopped).toEqual(fatal);
    expect(folded([noDeployment, noDeployment, noDeployment, wrongKey]).stopped).toEqual(fatal);
  });

  test.each<[string, AnalyzeOutput | null]>([
    ['a success', settled()],
    ['another failure', failedWith('timeout')],
    ['a failure of a later version', failedWith('not_yet_invented')],
    ['a skip', settled({ outcome: 'skipped', code: 'empty_issue' })],
    ['a throw', null],
    ['a deferral', deferred(0)],
  ])('not if %s comes between', (_, between) => {
    const { stopped, used } = folded([wrongKey, wrongKey, between, wrongKey, wrongKey]);
    expect([stopped, used?.fatal]).toEqual([null, null]);
  });

  test('when an issue says that the run was told to', () => {
    expect(folded([settled(), notStarted, notStarted])).toMatchObject({
      stopped: { reason: 'cancelled', code: null },
      used: { fatal: null },
      progress: { succeeded: 1 },
    });
  });

  test('for the first reason that it meets, and stays stopped', () => {
    expect(folded([wrongKey, wrongKey, wrongKey, notStarted, settled()]).stopped?.reason).toBe('fatal');
    expect(folded([notStarted, wrongKey, wrongKey, wrongKey]).stopped?.reason).toBe('cancelled');
  });
});

describe('historyEventsOf', () => {
  test.each<[string, number[], number]>([
    ['nothing', [], 0],
    ['three tasks', [0, 0, 0], 12],
    ['a task with three retries', [3], 28],
    ['tasks with and without', [0, 4, 1], 52],
  ])('%s', (_, retries, expected) => {
    expect(historyEventsOf(retries)).toBe(expected);
  });
});
