import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAdmission, type Limits } from '../../../local/simulators/admission.ts';

const START_MS = 60_000 * 1000;
const limits = (some: Partial<Limits>): Limits => ({
  tokensPerMinute: 1_000_000,
  requestsPerMinute: 1_000_000,
  sliceSeconds: 60,
  tokenSliceSeconds: 60,
  ...some,
});

describe('createAdmission', () => {
  it('counts tokens until the minute is over', () => {
    const door = createAdmission(limits({ tokensPerMinute: 1000 }));
    expect(door.admit(START_MS, 600).limitedBy).toBeUndefined();
    const refused = door.admit(START_MS + 15_000, 600);
    expect(refused).toMatchObject({ limitedBy: 'tokens', retryAfterMs: 45_000 });
    expect(refused.tokens).toEqual({ limit: 1000, remaining: 400, resetMs: 45_000 });
    expect(door.admit(START_MS + 15_000, 400).tokens.remaining).toBe(0);
    expect(door.admit(START_MS + 60_000, 600).limitedBy).toBeUndefined();
  });

  it('lets a slice have its share of the requests only', () => {
    const door = createAdmission(limits({ requestsPerMinute: 120, sliceSeconds: 1 }));
    const burst = [0, 1, 2].map(offset => door.admit(START_MS + offset, 10));
    expect(burst.map(verdict => verdict.limitedBy)).toEqual([undefined, undefined, 'requests']);
    expect(burst[2]?.retryAfterMs).toBe(998);
    expect(burst[2]?.requests).toMatchObject({ limit: 120, remaining: 118 });
    expect(door.admit(START_MS + 1000, 10).limitedBy).toBeUndefined();
  });

  it('holds the minute as well where slices round up', () => {
    const door = createAdmission(limits({ requestsPerMinute: 6, sliceSeconds: 1 }));
    const verdicts = Array.from({ length: 7 }, (_, second) => door.admit(START_MS + second * 1000, 1));
    expect(verdicts.map(verdict => verdict.limitedBy === undefined)).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
    expect(verdicts[6]?.retryAfterMs).toBe(54_000);
  });

  it('lets one call through that is larger than a token slice, but never more than the minute', () => {
    const door = createAdmission(limits({ tokensPerMinute: 600, tokenSliceSeconds: 1 }));
    expect(door.admit(START_MS, 50).limitedBy).toBeUndefined();
    expect(door.admit(START_MS + 100, 1).limitedBy).toBe('tokens');
    expect(door.admit(START_MS + 1000, 551)).toMatchObject({ limitedBy: 'tokens', retryAfterMs: 59_000 });
    expect(door.admit(START_MS + 1000, 550).limitedBy).toBeUndefined();
  });

  it('names the limit that takes longer', () => {
    const door = createAdmission(limits({ tokensPerMinute: 10, requestsPerMinute: 60, sliceSeconds: 1 }));
    door.admit(START_MS, 10);
    expect(door.admit(START_MS, 10)).toMatchObject({ limitedBy: 'tokens', retryAfterMs: 60_000 });
  });

  it('never admits more than the limits in any window, and always again after the wait it names', () => {
    const calls = fc.array(fc.record({ gapMs: fc.nat(4000), tokens: fc.integer({ min: 1, max: 400 }) }), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(
        calls,
        fc.integer({ min: 1, max: 90 }),
        fc.constantFrom(1, 10, 60),
        (list, requestsPerMinute, sliceSeconds) => {
          const door = createAdmission(limits({ tokensPerMinute: 2000, requestsPerMinute, sliceSeconds }));
          const admitted: { atMs: number; tokens: number }[] = [];
          let nowMs = START_MS;
          for (const { gapMs, tokens } of list) {
            nowMs += gapMs;
            const verdict = door.admit(nowMs, tokens);
            if (verdict.limitedBy === undefined) {
              admitted.push({ atMs: nowMs, tokens });
            } else {
              nowMs += verdict.retryAfterMs;
              expect(door.admit(nowMs, tokens).limitedBy).toBeUndefined();
              admitted.push({ atMs: nowMs, tokens });
            }
          }
          const sums = (lengthMs: number, amount: (call: { tokens: number }) => number) => {
            const windows = new Map<number, number>();
            for (const call of admitted) {
              const window = Math.floor(call.atMs / lengthMs);
              windows.set(window, (windows.get(window) ?? 0) + amount(call));
            }
            return [...windows.values()];
          };
          for (const tokens of sums(60_000, call => call.tokens)) expect(tokens).toBeLessThanOrEqual(2000);
          for (const count of sums(60_000, () => 1)) expect(count).toBeLessThanOrEqual(requestsPerMinute);
          const share = Math.ceil((requestsPerMinute * sliceSeconds) / 60);
          for (const count of sums(sliceSeconds * 1000, () => 1)) expect(count).toBeLessThanOrEqual(share);
        },
      ),
    );
  });
});
