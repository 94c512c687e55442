import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPaceMeter } from '../../cli/pace.ts';

describe('createPaceMeter', () => {
  it('knows nothing until two different counts were seen', () => {
    const pace = createPaceMeter();
    expect(pace(0, 0, 100)).toEqual({ perSecond: null, etaMs: null });
    expect(pace(5_000, 0, 100)).toEqual({ perSecond: null, etaMs: null });
    expect(pace(10_000, 20, 100)).toEqual({ perSecond: 2, etaMs: 40_000 });
  });

  it('gives no end while the total is unknown', () => {
    const pace = createPaceMeter();
    pace(0, 0, null);
    expect(pace(1_000, 3, null)).toEqual({ perSecond: 3, etaMs: null });
  });

  it('follows what happened in the last 30 s', () => {
    const pace = createPaceMeter();
    for (let second = 0; second <= 60; second += 1) pace(second * 1_000, second * 100, 10_000);
    for (let second = 61; second <= 90; second += 1) pace(second * 1_000, 6_000 + (second - 60), 10_000);
    expect(pace(91_000, 6_031, 10_000).perSecond).toBeCloseTo(1, 5);
  });

  it('bridges a silence longer than its window', () => {
    const pace = createPaceMeter();
    pace(0, 10, 100);
    expect(pace(100_000, 20, 100).perSecond).toBeCloseTo(0.1, 5);
  });

  it('counts down between two moves, and stays at 0 when the next is late', () => {
    const pace = createPaceMeter();
    pace(0, 0, 60);
    expect(pace(2_000, 20, 60)).toEqual({ perSecond: 10, etaMs: 4_000 });
    const between = [2_500, 3_000, 5_900, 6_000, 9_000].map(nowMs => pace(nowMs, 20, 60));
    expect(between.map(({ etaMs }) => etaMs)).toEqual([3_500, 3_000, 100, 0, 0]);
    expect(new Set(between.map(({ perSecond }) => perSecond))).toEqual(new Set([10]));
    expect(pace(10_000, 40, 60)).toEqual({ perSecond: 4, etaMs: 5_000 });
  });

  it('has the same rate however often it is asked between moves', () => {
    const anyMoves = fc.array(
      fc.record({ afterMs: fc.integer({ min: 1, max: 20_000 }), by: fc.integer({ min: 1, max: 50 }) }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(anyMoves, fc.integer({ min: 1, max: 10 }), (moves, looks) => {
        const [seldom, often] = [createPaceMeter(), createPaceMeter()];
        let [nowMs, done, total] = [0, 0, 2_000];
        seldom(nowMs, done, total);
        let last = often(nowMs, done, total);
        for (const { afterMs, by } of moves) {
          for (let look = 1; look <= looks; look += 1) {
            const next = often(nowMs + (afterMs * look) / (looks + 1), done, total);
            expect(next.etaMs ?? 0).toBeLessThanOrEqual(last.etaMs ?? 0);
            last = next;
          }
          nowMs += afterMs;
          done += by;
          last = often(nowMs, done, total);
          expect(last).toEqual(seldom(nowMs, done, total));
        }
      }),
    );
  });

  it('finds the rate of any steady run, and ends when it ends', () => {
    const anyRun = fc.record({
      perSecond: fc.integer({ min: 1, max: 500 }),
      seconds: fc.integer({ min: 2, max: 100 }),
    });
    fc.assert(
      fc.property(anyRun, ({ perSecond, seconds }) => {
        const pace = createPaceMeter();
        const total = perSecond * seconds;
        let last = pace(0, 0, total);
        for (let second = 1; second <= seconds; second += 1) last = pace(second * 1_000, second * perSecond, total);
        expect(last).toEqual({ perSecond: expect.closeTo(perSecond, 5), etaMs: 0 });
      }),
    );
  });
});
