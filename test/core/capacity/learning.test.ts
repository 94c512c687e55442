import { describe, expect, test } from 'vitest';
import { bufferOf, corrected, learn, requestFigures, tokenFigures } from '../../../src/core/capacity/learning.ts';
import type { BatchUse, ServiceLimits } from '../../../src/core/capacity/messages.ts';
import { type CapacityState, FRESH_CAPACITY, type Meter } from '../../../src/core/capacity/state.ts';
import { terms, use } from '../../helpers/capacity-world.ts';

const NOW_MS = 1_000_000;
/** A grant of ten calls. */
const RESERVED = { units: 10, tokensEach: 2_000 };
const asReserved = (changes: Partial<BatchUse> = {}) =>
  use({ calls: 10, answered: 10, admittedTokens: 20_000, callCount: 10, ...changes });
const refused = asReserved({ answered: 9, admittedTokens: 18_000, throttled: 1 });

/** What is known after batches of `triage`, each for a grant of ten calls. */
function learned(batches: readonly BatchUse[], first: CapacityState = FRESH_CAPACITY, own = terms()): CapacityState {
  return batches.reduce((state, batch) => learn(state, batch, own, RESERVED), first);
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

describe('the buffer', () => {
  test('is 20 percent at first, and near 2 after some tens of batches as reserved', () => {
    expect(bufferOf(FRESH_CAPACITY, null)).toBeCloseTo(0.2, 9);
    expect(bufferOf(learned(times(10, asReserved())), null)).toBeCloseTo(0.083, 3);
    expect(bufferOf(learned(times(50, asReserved())), null)).toBeLessThan(0.021);
  });

  test('stays as wide as half the error', () => {
    const tenPercentLess = learned(times(100, asReserved({ admittedTokens: 18_000 })));
    expect(bufferOf(tenPercentLess, null)).toBeCloseTo(0.07, 4);
    const tenPercentMore = learned(times(100, asReserved({ admittedTokens: 22_000 })));
    expect(bufferOf(tenPercentMore, null)).toBeCloseTo(0.07, 4);
  });

  test('grows after refusals, to 20 percent at most', () => {
    const exact = learned(times(50, asReserved()));
    expect(bufferOf(learned([refused], exact), null)).toBeCloseTo(0.071, 3);
    expect(bufferOf(learned(times(50, refused), exact), null)).toBeCloseTo(0.2, 9);
  });

  test('that was set stays', () => {
    for (const batches of [[], times(50, asReserved()), times(50, refused)]) {
      expect(bufferOf(learned(batches), 5)).toBe(0.05);
      expect(bufferOf(learned(batches), 0)).toBe(0);
    }
  });

  test.each<[string, BatchUse]>([
    ['failing calls, which are not admitted', asReserved({ answered: 5, failed: 5, admittedTokens: 10_000 })],
    ['a batch without calls', use()],
  ])('learns nothing from %s', (_, batch) => {
    expect(learned(times(20, batch)).error).toBeCloseTo(FRESH_CAPACITY.error, 9);
  });

  test('learns nothing from a batch whose grant was given up', () => {
    expect(learn(FRESH_CAPACITY, asReserved(), terms(), null).error).toBe(FRESH_CAPACITY.error);
  });
});

describe('tokens that were reserved wrongly', () => {
  test('are made up for by the next bookings', () => {
    expect(learned([asReserved({ admittedTokens: 26_000 })]).carriedTokens).toBe(6_000);
    expect(learned([asReserved({ admittedTokens: 19_000 })]).carriedTokens).toBe(-1_000);
  });

  test('are made good for two calls at most: what was not used then is gone', () => {
    expect(learned(times(5, use())).carriedTokens).toBe(-4_000);
  });

  test('are gone where the service judges slices; those used beyond are made up for', () => {
    const inSlices = (...batches: BatchUse[]) =>
      learned(batches, FRESH_CAPACITY, terms({ tokenSliceMs: 59_000 })).carriedTokens;
    const [more, fewer] = [asReserved({ admittedTokens: 26_000 }), asReserved({ admittedTokens: 19_000 })];
    expect([inSlices(fewer), inSlices(use()), inSlices(more)]).toEqual([0, 0, 6_000]);
    expect([inSlices(fewer, more), inSlices(more, fewer)]).toEqual([6_000, 5_000]);
  });

  test('are none where the grant was given up, for its calls had their time', () => {
    expect(learn(FRESH_CAPACITY, asReserved(), terms(), null).carriedTokens).toBe(0);
  });
});

describe('figures of the service', () => {
  const limits: ServiceLimits = {
    atMs: NOW_MS,
    tokensPerMinute: 90_000,
    remainingTokens: 50_000,
    tokensResetMs: 10_000,
    requestsPerMinute: 540,
    remainingRequests: 400,
    requestsResetMs: 20_000,
  };

  test('are learned', () => {
    const { tokens, requests } = learned([asReserved({ limits })]);
    expect([tokens.perMinute, requests.perMinute]).toEqual([90_000, 540]);
    expect(tokenFigures(limits)).toEqual({ atMs: NOW_MS, remaining: 50_000, resetMs: 10_000 });
    expect(requestFigures(limits)).toEqual({ atMs: NOW_MS, remaining: 400, resetMs: 20_000 });
  });

  test('stay where later answers do not have them', () => {
    const without = { ...limits, tokensPerMinute: null, requestsPerMinute: null };
    const { tokens, requests } = learned([
      asReserved({ limits }),
      asReserved({ limits: without }),
      asReserved({ limits: null }),
    ]);
    expect([tokens.perMinute, requests.perMinute]).toEqual([90_000, 540]);
  });

  test('follow a quota that is raised', () => {
    const raised = { ...limits, tokensPerMinute: 180_000 };
    expect(learned([asReserved({ limits }), asReserved({ limits: raised })]).tokens.perMinute).toBe(180_000);
  });
});

describe('what is known of calls', () => {
  test('begins with the first answer', () => {
    expect(learned([use({ calls: 4, throttled: 4 })]).isProbed).toBe(false);
    expect(learned([use({ calls: 4, answered: 1 }), use()]).isProbed).toBe(true);
  });

  test('is how long they take and how long their answers are, by analysis', () => {
    const batch = asReserved({ callCount: 2, callSeconds: 5, callSecondsSquared: 13, completions: [100, 120] });
    const state = learn(learned([batch, batch]), batch, terms({ analysis: 'other' }), RESERVED);
    expect(state.calls).toEqual({ count: 6, seconds: 15, squares: 39 });
    expect(state.answers).toEqual({ triage: { '7': 2, '8': 2 }, other: { '7': 1, '8': 1 } });
  });

  test('counts half beyond 2,000 calls, so that newer ones soon decide', () => {
    const slow = asReserved({ callCount: 10, callSeconds: 100, callSecondsSquared: 1_000 });
    const { calls } = learned(times(500, slow), {
      ...FRESH_CAPACITY,
      calls: { count: 2_001, seconds: 2_001, squares: 2_001 },
    });
    expect(calls.count).toBeLessThan(2_020);
    expect(calls.seconds / calls.count).toBeGreaterThan(9);
  });
});

describe('calls of others', () => {
  const meter: Meter = { perMinute: 60_000, nextAtMs: NOW_MS, correction: { resetAtMs: 0, shiftMs: 0 } };
  /** Of one a millisecond. */
  const figures = (remaining: number | null, resetMs: number | null, atMs = NOW_MS) => ({ atMs, remaining, resetMs });

  test.each<[string, ReturnType<typeof figures>, number]>([
    ['remaining is not known', figures(null, 30_000), 1],
    ['the end of the window is not known', figures(0, null), 1],
    ['the deployment has no limit', figures(0, 30_000), 0],
    ['what remains is enough until the window ends', figures(30_000, 30_000), 1],
    ['what is missing is within two seconds of it', figures(28_000, 30_000), 1],
  ])('change nothing where %s', (_, seen, ratePerMs) => {
    expect(corrected(meter, seen, ratePerMs)).toBe(meter);
  });

  test('are waited for: for what is missing, beyond two seconds', () => {
    expect(corrected(meter, figures(10_000, 30_000), 1).nextAtMs).toBe(NOW_MS + 18_000);
    const idle = { ...meter, nextAtMs: NOW_MS - 500_000 };
    expect(corrected(idle, figures(10_000, 30_000), 1).nextAtMs).toBe(NOW_MS + 18_000);
  });

  test('are waited for once in a window', () => {
    const once = corrected(meter, figures(10_000, 30_000), 1);
    expect(corrected(once, figures(9_000, 29_000, NOW_MS + 1_000), 1)).toBe(once);
    // Five seconds later there is less by 3,000 than the wait has explained.
    const more = corrected(once, figures(2_000, 25_000, NOW_MS + 5_000), 1);
    expect(more.nextAtMs).toBe(once.nextAtMs + 3_000);
    expect(more.correction).toEqual({ resetAtMs: NOW_MS + 30_000, shiftMs: 21_000 });
  });

  test('are waited for again in the next window', () => {
    const once = corrected(meter, figures(10_000, 30_000), 1);
    const laterMs = NOW_MS + 40_000;
    const next = corrected(once, figures(10_000, 30_000, laterMs), 1);
    expect(next.nextAtMs).toBe(laterMs + 18_000);
  });

  test('are waited for a minute at most, whatever the service says of its window', () => {
    const dayMs = 86_400_000;
    const once = corrected(meter, figures(0, dayMs), 1);
    expect(once.nextAtMs).toBe(corrected(meter, figures(0, 60_000), 1).nextAtMs);
    expect(once.nextAtMs).toBe(NOW_MS + 58_000);
    expect(corrected(once, figures(0, dayMs - 10_000, NOW_MS + 10_000), 1)).toBe(once);
    expect(corrected(meter, figures(58_000, dayMs), 1)).toBe(meter);
  });

  test('are waited for until the window ends, not beyond it', () => {
    const booked = { ...meter, nextAtMs: NOW_MS + 20_000 };
    expect(corrected(booked, figures(0, 30_000), 1).nextAtMs).toBe(NOW_MS + 30_000);
    const further = { ...meter, nextAtMs: NOW_MS + 45_000 };
    expect(corrected(further, figures(0, 30_000), 1).nextAtMs).toBe(NOW_MS + 45_000);
  });
});
