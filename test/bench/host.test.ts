import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { benchHost, formatHostBench } from '../../bench/host.ts';

const MAIN = join(import.meta.dirname, '../../bench/main.ts');

test('the quick bench of the host runs everything to its end and tells where the time went', async () => {
  const bench = await benchHost({ quick: true, log: () => {} });
  const { sizes, throughput, latency, atRest } = bench;
  expect(throughput.map(({ unit, processCount, count }) => [unit, processCount, count])).toEqual([
    ['activities', 1, sizes.fanOut.orchestrations * sizes.fanOut.activities],
    ['activities', 2, sizes.fanOut.orchestrations * sizes.fanOut.activities],
    ['activities', 1, sizes.batches.total],
    ['activities', 2, sizes.batches.total],
    ['orchestrations', 1, sizes.small.finished[0]],
    ['orchestrations', 1, (sizes.small.finished[1] ?? 0) - (sizes.small.finished[0] ?? 0)],
  ]);
  for (const { perSecond, cost } of throughput) {
    expect(perSecond).toBeGreaterThan(0);
    const { sqlite, replay, send, other } = cost;
    expect(Math.min(sqlite, replay, send, cost.hostCpu, cost.workerCpu, cost.betweenMsPerCall)).toBeGreaterThan(0);
    expect(sqlite + replay + send + other).toBeLessThan(1.05);
    expect(cost.replayInWorkers).toBeGreaterThan(0);
    expect(cost.replayInWorkers).toBeLessThan(cost.workerCpu);
  }
  const { chains, activities } = sizes.chain;
  expect(latency.wakeMs.count).toBe(chains * activities);
  expect(latency.stepMs.count).toBe(chains * (activities - 1));
  for (const { p50, p99, max } of [latency.wakeMs, latency.stepMs]) {
    expect(p50).toBeGreaterThan(0);
    expect(p99).toBeGreaterThanOrEqual(p50);
    expect(max).toBeGreaterThanOrEqual(p99);
  }
  expect(atRest.map(({ finished }) => finished)).toEqual(sizes.small.finished);
  for (const { host, workers } of atRest) {
    expect(Math.min(host.heapBytes, workers.heapBytes)).toBeGreaterThan(0);
    expect(host.rssBytes).toBeGreaterThan(host.heapBytes);
    expect(workers.rssBytes).toBeGreaterThan(workers.heapBytes);
  }
  expect(formatHostBench(bench)).not.toContain('NaN');
});

test.each([[], ['nothing'], ['host', 'more']])('the command lists what there is: %s', async (...args) => {
  const run = promisify(execFile)(process.execPath, [MAIN, ...args]);
  await expect(run).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('names: host') });
});
