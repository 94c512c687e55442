import { describe, expect, test } from 'vitest';
import { book, pacesOf, roomOf, type Slot } from '../../../src/core/capacity/booking.ts';
import type { RunTerms } from '../../../src/core/capacity/messages.ts';
import { type CapacityState, CapacityStateSchema, type RunShare } from '../../../src/core/capacity/state.ts';
import { START_MS } from '../../helpers/capacity-talk.ts';
import { known, terms } from '../../helpers/capacity-world.ts';

/** A run whose calls take 2,000 tokens each. */
const run: RunShare = {
  seenAtMs: START_MS,
  cursor: 0,
  control: 'go',
  tag: 0,
  isDelayed: false,
  tokensEach: 2_000,
  spentTokens: 0,
  spentUsd: 0,
  billed: { promptTokens: 0, calls: 0 },
};

/** A deployment that admits one of these calls a second, and nothing booked. */
function perSecond(changes: Partial<CapacityState> = {}): CapacityState {
  return { ...known({ tokens: 120_000 }), nowMs: START_MS, runs: { a: run }, ...changes };
}

const unlimited = (changes: Partial<CapacityState> = {}) => ({ ...known({}), nowMs: START_MS, ...changes });

function booked(state: CapacityState, units = 20, changes: Partial<RunTerms> = {}): Slot {
  return book(state, 'a', state.runs['a'] ?? run, terms({ bufferPercent: 0, ...changes }), units);
}

function free(slot: Slot): Extract<Slot, { kind: 'free' }> {
  if (slot.kind !== 'free') throw new Error(`Nothing is free before ${slot.atMs}`);
  return slot;
}

/** Bookings of 20 calls, one after the other. */
function inARow(count: number, first: CapacityState): Slot[] {
  const slots: Slot[] = [];
  for (let [n, state] = [0, first]; n < count; n += 1) {
    const slot = booked(state);
    slots.push(slot);
    if (slot.kind === 'free') state = slot.state;
  }
  return slots;
}

describe('without limits', () => {
  test('all start at once, now, and nothing is booked', () => {
    const slot = free(booked(unlimited()));
    expect(slot).toMatchObject({ units: 20, startAtMs: START_MS, spacingMs: 0, bound: null });
    expect(slot.state).toMatchObject({ tokens: { nextAtMs: 0 }, requests: { nextAtMs: 0 } });
  });

  test('time that another run gave back is of no use', () => {
    const gaps = [{ fromMs: START_MS + 3_000, toMs: START_MS + 9_000, tokensEach: 2_000 }];
    expect(free(booked(unlimited({ gaps })))).toMatchObject({ units: 20, startAtMs: START_MS, state: { gaps } });
  });

  test('the state can be stored', () => {
    const { state } = free(booked(unlimited()));
    expect(CapacityStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
  });
});

describe('under a limit', () => {
  test('a booking is of as many calls as start within 5 s, and the next follows it', () => {
    const [first, second] = inARow(2, perSecond());
    expect(first).toMatchObject({ units: 6, startAtMs: START_MS, spacingMs: 1_000, bound: null });
    expect(second).toMatchObject({ units: 6, startAtMs: START_MS + 6_000, spacingMs: 1_000, bound: 'tokens' });
    expect(booked(perSecond(), 3)).toMatchObject({ units: 3, state: { tokens: { nextAtMs: START_MS + 3_000 } } });
  });

  test('one call is booked however slow the pace is', () => {
    expect(booked(perSecond(), 20, { tokensPerMinute: 6_000 })).toMatchObject({ units: 1, spacingMs: 20_000 });
  });

  test('nothing is booked that would start later than in 30 s', () => {
    const slots = inARow(7, perSecond());
    expect(slots[5]).toMatchObject({ kind: 'free', startAtMs: START_MS + 30_000 });
    expect(slots[6]).toEqual({ kind: 'later', atMs: START_MS + 36_000, bound: 'tokens' });
  });

  test('the meter that is slower decides; both are booked', () => {
    const state = perSecond();
    const both = { ...state, requests: { ...state.requests, perMinute: 30 } };
    const slot = free(booked(both));
    expect(slot).toMatchObject({ units: 3, spacingMs: 2_000 });
    expect(slot.state.requests.nextAtMs).toBe(START_MS + 6_000);
    expect(slot.state.tokens.nextAtMs).toBe(START_MS + 5_000);
    expect(booked(slot.state)).toMatchObject({ startAtMs: START_MS + 6_000, bound: 'requests' });
  });

  test('limits that were set win over learned ones', () => {
    const { tokens, requests } = pacesOf(
      { ...perSecond(), requests: { ...perSecond().requests, perMinute: 30 } },
      terms({ bufferPercent: 0, tokensPerMinute: 60_000, requestsPerMinute: 60 }),
      2_000,
    );
    expect([tokens.spacingMs, requests.spacingMs]).toEqual([2_000, 1_040]);
  });

  test('a caller that comes late starts a little in the past, as far as the buffer allows', () => {
    const late = { ...perSecond(), tokens: { ...perSecond().tokens, nextAtMs: START_MS - 600_000 } };
    // Of 120,000 the pace takes 96,000 and the call itself 2,000; the rest is 13.75 s at 1,600 a second.
    expect(booked(late, 20, { bufferPercent: 20 })).toMatchObject({ startAtMs: START_MS - 13_750, bound: null });
    expect(booked(late)).toMatchObject({ startAtMs: START_MS });
  });
});

describe('time that was given back', () => {
  const gapOf = (fromMs: number, toMs: number, tokensEach = 2_000) => ({
    fromMs: START_MS + fromMs,
    toMs: START_MS + toMs,
    tokensEach,
  });
  const busy = (fromMs: number, toMs: number, tokensEach = 2_000) => {
    const last = { tokens: tokensEach, atMs: START_MS + 19_000 };
    const state = perSecond({ gaps: [gapOf(fromMs, toMs, tokensEach)], sizes: [last] });
    return { ...state, tokens: { ...state.tokens, nextAtMs: START_MS + 20_000 } };
  };

  test('is booked first, as many calls as fit; the end of the meter stays', () => {
    const slot = free(booked(busy(2_000, 5_500)));
    expect(slot).toMatchObject({ units: 3, startAtMs: START_MS + 2_000, spacingMs: 1_000 });
    expect(slot.state.tokens.nextAtMs).toBe(START_MS + 20_000);
    expect(slot.state.gaps).toEqual([gapOf(5_000, 5_500)]);
    expect(booked(slot.state)).toMatchObject({ startAtMs: START_MS + 20_000 });
  });

  test('counts from now on', () => {
    expect(booked(busy(-9_000, 2_500))).toMatchObject({ units: 2, startAtMs: START_MS });
    expect(booked(busy(-9_000, 900))).toMatchObject({ startAtMs: START_MS + 20_000 });
  });

  test('leaves other such times alone', () => {
    const [one, other] = [busy(2_000, 2_500), busy(8_000, 9_000)];
    const slot = free(booked({ ...one, gaps: [...one.gaps, ...other.gaps] }));
    expect(slot).toMatchObject({ units: 1, startAtMs: START_MS + 8_000 });
    expect(slot.state.gaps[0]).toEqual(one.gaps[0]);
  });

  test('sets the last instant of a size on, never back', () => {
    expect(free(booked(busy(2_000, 5_500))).state.sizes).toEqual([{ tokens: 2_000, atMs: START_MS + 19_000 }]);
    const beyond = { ...busy(22_000, 25_000), sizes: [{ tokens: 2_000, atMs: START_MS + 19_000 }] };
    expect(free(booked(beyond)).state.sizes).toEqual([{ tokens: 2_000, atMs: START_MS + 24_000 }]);
  });

  describe('by calls of another size', () => {
    /** Room for 5,000 tokens, at the pace that calls of several sizes have. */
    const ROOM_MS = 5_000 / (115_000 / 60_000);
    const SPACING_MS = 2_000 / (115_000 / 60_000);

    test('is used with room for the largest call before and after', () => {
      const slot = free(booked(busy(2_000, 12_000, 5_000)));
      expect(slot).toMatchObject({ units: 4, spacingMs: SPACING_MS });
      expect(slot.startAtMs).toBeCloseTo(START_MS + 2_000 + ROOM_MS, 6);
      const [rest] = slot.state.gaps;
      expect(rest?.tokensEach).toBe(2_000);
      expect(rest?.fromMs).toBeCloseTo(START_MS + 2_000 + ROOM_MS + 4 * SPACING_MS, 6);
      expect(rest?.toMs).toBeCloseTo(START_MS + 12_000 - ROOM_MS, 6);
    });

    test('counts from now on', () => {
      expect(free(booked(busy(-9_000, 12_000, 5_000))).startAtMs).toBeCloseTo(START_MS + ROOM_MS, 6);
    });

    test('leaves what follows at the end without their room: it comes with the first of them there', () => {
      const { state } = free(booked(busy(2_000, 12_000, 5_000)));
      expect(state.sizes).toEqual([{ tokens: 5_000, atMs: START_MS + 19_000 }]);
      const next = free(booked({ ...state, gaps: [] }));
      expect(next.startAtMs).toBeCloseTo(START_MS + 20_000 + ROOM_MS, 6);
    });

    test('is left alone where no call fits into it with that room', () => {
      const short = busy(2_000, 2_000 + 2 * ROOM_MS + SPACING_MS - 1, 5_000);
      const slot = free(booked(short));
      expect(slot.startAtMs).toBeCloseTo(START_MS + 20_000 + ROOM_MS, 6);
      expect(slot.state.gaps).toEqual(short.gaps);
    });

    test('needs no room where tokens have no limit', () => {
      const { requests, tokens } = known({ requests: 60 });
      const state = { ...busy(2_000, 12_000, 5_000), requests, tokens };
      expect(booked(state)).toMatchObject({ startAtMs: START_MS + 2_000, spacingMs: 1_040 });
    });
  });
});

describe('what earlier bookings were wrong by', () => {
  test('is made up for: more tokens by a slower pace', () => {
    const slot = free(booked(perSecond({ carriedTokens: 12_000 }), 6));
    expect(slot).toMatchObject({ units: 3, spacingMs: 2_000 });
    expect(slot.state.carriedTokens).toBe(6_000);
  });

  test('is made up for: fewer tokens by a faster one', () => {
    const slot = free(booked(perSecond({ carriedTokens: -6_000 }), 6));
    expect(slot).toMatchObject({ units: 6, spacingMs: 500 });
    expect(slot.state.carriedTokens).toBe(0);
  });

  test('changes the pace to a third or the double at most', () => {
    expect(free(booked(perSecond({ carriedTokens: 1e9 }))).spacingMs).toBe(3_000);
    expect(free(booked(perSecond({ carriedTokens: -1e9 }))).spacingMs).toBe(500);
  });

  test('makes no pace faster where the service judges slices', () => {
    const inSlices = (carriedTokens: number) => free(booked(perSecond({ carriedTokens }), 6, { tokenSliceMs: 10_000 }));
    expect(inSlices(-4_000).spacingMs).toBe(inSlices(0).spacingMs);
    expect(inSlices(-4_000).state.carriedTokens).toBe(-4_000);
    expect(inSlices(12_000).spacingMs).toBe(2 * inSlices(0).spacingMs);
  });
});

describe('the fair queue', () => {
  const contender: RunShare = { ...run, tag: 100_000, isDelayed: true };
  const ahead = (byTokens: number) =>
    perSecond({
      runs: { a: { ...run, tag: 100_000 + byTokens, isDelayed: true }, b: contender },
      servedTag: 100_000,
    });

  test('is moved on by what was booked', () => {
    const slot = free(booked(ahead(0)));
    expect(slot).toMatchObject({ tag: 112_000, state: { servedTag: 100_000 } });
  });

  test('lets a run book that is ahead by less than it may book', () => {
    expect(booked(ahead(10_000)).kind).toBe('free');
  });

  test('makes one that is further ahead ask again, after two seconds at most', () => {
    expect(booked(ahead(10_001))).toEqual({ kind: 'later', atMs: START_MS + 2_000, bound: 'tokens' });
    const fast = { ...ahead(60_000), tokens: { ...perSecond().tokens, perMinute: 1_200_000 } };
    expect(booked(fast).kind).toBe('free');
    const faster = { ...ahead(110_000), tokens: { ...perSecond().tokens, perMinute: 1_200_000 } };
    expect(booked(faster)).toMatchObject({ kind: 'later', atMs: START_MS + 2_000 });
  });

  test('holds nobody back where there is no limit', () => {
    expect(booked({ ...unlimited(), runs: ahead(1e9).runs }).kind).toBe('free');
  });
});

describe('calls that differ in size', () => {
  const withSizes = (...sizes: [tokens: number, agoMs: number][]) =>
    perSecond({ sizes: sizes.map(([tokens, agoMs]) => ({ tokens, atMs: START_MS - agoMs })) });

  test.each<[string, CapacityState, number]>([
    ['none before', withSizes(), 0],
    ['calls of the same size', withSizes([2_000, 1_000]), 0],
    ['calls of another size, and now room for the larger is needed', withSizes([5_000, 1_000]), 5_000],
    ['larger ones among several, for which there is room', withSizes([2_000, 1_000], [5_000, 1_000]), 0],
    ['smaller ones among several: only the difference is needed', withSizes([500, 1_000], [800, 1_000]), 1_200],
    ['others, a minute ago', withSizes([5_000, 60_000]), 0],
  ])('wait for room that is missing after %s', (_, state, missing) => {
    const { startAtMs, spacingMs } = free(booked(state));
    expect(startAtMs - START_MS).toBeCloseTo((missing / 2_000) * spacingMs, 6);
  });

  test('are remembered by the last instant of each size', () => {
    const { state } = free(booked(withSizes([5_000, 1_000], [2_000, 30_000]), 1));
    expect(state.sizes).toEqual([
      { tokens: 5_000, atMs: START_MS - 1_000 },
      { tokens: 2_000, atMs: START_MS },
    ]);
  });
});

describe('the room of a call', () => {
  test("is the analysis' own until its answers are known", () => {
    const answers = { triage: { '7': 300 }, other: { '7': 3 } };
    const state = perSecond({ answers });
    expect(roomOf(state, terms())).toBe(144);
    expect(roomOf(state, terms({ analysis: 'other' }))).toBe(1_000);
    expect(roomOf(state, terms({ analysis: 'new' }))).toBe(1_000);
  });
});
