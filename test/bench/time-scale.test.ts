import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const MODULE = new URL('../../bench/runs/time-scale.ts', import.meta.url).href;
const WAITS = join(import.meta.dirname, '../fixtures/waits.mjs');
const DELAY_MS = 1_200;

interface Seen {
  readonly waits: Readonly<Record<string, { virtualMs: number; realMs: number; value: unknown }>>;
  readonly aborted: string;
  readonly dates: Readonly<
    Record<'nowMs' | 'realNowMs' | 'newDate' | 'derived' | 'text' | 'given' | 'parsed', number>
  > & {
    readonly isDate: readonly boolean[];
  };
}

/** Runs the waits in a process, and again in its child. */
async function run(env: Readonly<Record<string, string>>): Promise<Seen & { readonly child: Seen }> {
  const { stdout } = await promisify(execFile)(process.execPath, [WAITS, String(DELAY_MS)], {
    env: { ...process.env, NODE_OPTIONS: `--import ${MODULE}`, ...env },
  });
  return JSON.parse(stdout);
}

test('time passes faster in a process and its children, by one clock, however it is waited', async () => {
  const [scale, originMs] = [30, Date.now()];
  const { child, ...parent } = await run({ BENCH_TIME_SCALE: String(scale), BENCH_TIME_ORIGIN_MS: String(originMs) });
  for (const { waits, aborted, dates } of [parent, child]) {
    expect(Object.keys(waits)).toHaveLength(9);
    for (const { virtualMs, realMs, value } of Object.values(waits)) {
      // A timer may be early by one real millisecond; how late is up to the machine.
      expect(virtualMs).toBeGreaterThanOrEqual(DELAY_MS - scale);
      expect(realMs).toBeLessThan(DELAY_MS / 3);
      expect(value).toBe('given');
    }
    expect(aborted).toBe('AbortError');
    const { nowMs, realNowMs, newDate, derived, text, given, parsed, isDate } = dates;
    expect(Math.abs(nowMs - (originMs + (realNowMs - originMs) * scale))).toBeLessThan(100 * scale);
    expect(Math.min(newDate, derived)).toBeGreaterThanOrEqual(0);
    expect(Math.max(newDate, derived)).toBeLessThan(100 * scale);
    expect(Math.abs(text)).toBeLessThan(1_000 + 100 * scale);
    expect({ given, parsed, isDate }).toEqual({ given: 5, parsed: 0, isDate: [true, true, true] });
  }
  expect(child.dates.nowMs).toBeGreaterThan(parent.dates.nowMs);
}, 60_000);

describe('without a scale', () => {
  test('nothing is changed', async () => {
    const { waits, dates } = await run({});
    expect(Math.abs(dates.nowMs - dates.realNowMs)).toBeLessThan(1_000);
    for (const { realMs } of Object.values(waits)) expect(realMs).toBeGreaterThan(DELAY_MS - 10);
  }, 60_000);
});

test.each([
  [{ BENCH_TIME_SCALE: '4' }],
  [{ BENCH_TIME_SCALE: '-1', BENCH_TIME_ORIGIN_MS: '0' }],
  [{ BENCH_TIME_SCALE: 'x', BENCH_TIME_ORIGIN_MS: '0' }],
])('%j is refused', async env => {
  await expect(run(env)).rejects.toThrow('BENCH_TIME_SCALE must be above 0');
});
