import { describe, expect, test } from 'vitest';
import { isContending, standingOf } from '../../../src/core/capacity/fair-share.ts';
import { type CapacityState, FRESH_CAPACITY, type RunShare } from '../../../src/core/capacity/state.ts';
import { START_MS } from '../../helpers/capacity-talk.ts';

/** A run that was made to wait by the meters just now. */
function share(changes: Partial<RunShare> = {}): RunShare {
  return {
    seenAtMs: START_MS,
    cursor: 0,
    control: 'go',
    tag: 0,
    isDelayed: true,
    tokensEach: 2_000,
    spentTokens: 0,
    spentUsd: 0,
    billed: { promptTokens: 0, calls: 0 },
    ...changes,
  };
}

const queue = (servedTag: number, runs: CapacityState['runs']): CapacityState => ({
  ...FRESH_CAPACITY,
  nowMs: START_MS,
  servedTag,
  runs,
});

describe('a run contends', () => {
  test.each<[string, boolean, Partial<RunShare>]>([
    ['while the meters make it wait', true, {}],
    ['if it asked less than 30 s ago', true, { seenAtMs: START_MS - 29_999 }],
    ['not when it was not heard of for 30 s', false, { seenAtMs: START_MS - 30_000 }],
    ['not when it gets what it asks for', false, { isDelayed: false }],
    ['not while it is paused', false, { control: 'paused' }],
  ])('%s', (_, expected, changes) => {
    expect(isContending(share(changes), START_MS)).toBe(expected);
  });
});

describe('where a run stands', () => {
  test('ahead of the contender that had least', () => {
    const runs = { a: share({ tag: 90_000 }), b: share({ tag: 50_000 }), c: share({ tag: 70_000 }) };
    expect(standingOf(queue(90_000, runs), 'a')).toEqual({ tag: 90_000, lead: 40_000 });
    expect(standingOf(queue(90_000, runs), 'b')).toEqual({ tag: 50_000, lead: 0 });
  });

  test('a run that comes begins with the contender that had least, and has no claim to the time before', () => {
    const runs = { b: share({ tag: 50_000 }), c: share({ tag: 70_000 }) };
    expect(standingOf(queue(70_000, runs), 'new')).toEqual({ tag: 50_000, lead: 0 });
    const idle = share({ tag: 10, isDelayed: false });
    expect(standingOf(queue(70_000, { ...runs, idle }), 'idle')).toEqual({ tag: 50_000, lead: 0 });
  });

  test('without contenders it is where the queue is, and ahead of nobody', () => {
    expect(standingOf(queue(70_000, {}), 'new')).toEqual({ tag: 70_000, lead: 0 });
    expect(standingOf(queue(70_000, { a: share({ tag: 90_000, isDelayed: false }) }), 'a')).toEqual({
      tag: 90_000,
      lead: 0,
    });
  });

  test('nobody waits for a run that gets all it asks for, or is not heard of', () => {
    const runs = {
      a: share({ tag: 90_000 }),
      modest: share({ tag: 10, isDelayed: false }),
      gone: share({ tag: 20, seenAtMs: START_MS - 30_000 }),
    };
    expect(standingOf(queue(90_000, runs), 'a').lead).toBe(0);
  });
});
