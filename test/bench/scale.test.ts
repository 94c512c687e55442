import { expect, test } from 'vitest';
import { benchScale, formatScaleBench } from '../../bench/scale.ts';

test('the quick bench of large runs answers every issue, and tells what it took', async () => {
  const bench = await benchScale({ quick: true, log: () => {} });
  expect(bench.runs.map(({ issues, faultShare }) => [issues, faultShare])).toEqual([
    [100, 0],
    [100, 0.2],
    [300, 0],
  ]);
  for (const { issues, faultShare, succeeded, calls, makespanMs, cpuMs, rssBytes, largestHistory } of bench.runs) {
    expect(succeeded).toBe(issues);
    if (faultShare === 0) expect(calls).toBe(issues);
    else expect(calls).toBeGreaterThan(issues);
    expect(makespanMs).toBeGreaterThan(100);
    expect(Math.min(cpuMs.host, cpuMs.worker, cpuMs.simulator)).toBeGreaterThan(0);
    expect(Math.min(rssBytes.host, rssBytes.worker)).toBeGreaterThan(2 ** 25);
    expect(largestHistory).toBeGreaterThan(100);
    expect(largestHistory).toBeLessThan(2_000);
  }
  const text = formatScaleBench(bench);
  expect(text).toContain('from 100 to 300: host ');
  expect(text).not.toMatch(/NaN|undefined/);
}, 180_000);
