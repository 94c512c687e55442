import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { benchRuns, formatRunsBench, withCasesBefore } from '../../bench/runs.ts';

const MAIN = join(import.meta.dirname, '../../bench/main.ts');

test('the quick bench of runs has everyone answer every issue, and none faster than can be', async () => {
  const lines: string[] = [];
  const options = {
    quick: true,
    cases: [],
    contenders: [],
    seeds: 1,
    parallel: 4,
    log: (line: string) => lines.push(line),
  };
  const bench = await benchRuns(options);
  const [small, together] = bench.cases;
  expect(bench.cases.map(({ bench: { name } }) => name)).toEqual(['small', 'two-runs']);
  expect(small?.contenders.map(({ name }) => name)).toEqual(small?.bench.contenders);
  const contenders = bench.cases.flatMap(each => each.contenders);
  expect(contenders.flatMap(({ errors }) => errors)).toEqual([]);
  for (const { seeds } of contenders) {
    expect(seeds.map(({ seed, unanswered }) => ({ seed, unanswered }))).toEqual([{ seed: 1, unanswered: 0 }]);
  }
  for (const { name, seeds } of small?.contenders ?? []) {
    const [figures] = seeds;
    if (!figures) throw new Error(`No figures of ${name}`);
    expect(figures.makespanMs).toBeGreaterThanOrEqual(figures.lowerBoundMs * 0.9999);
    const isComputed = ['pause-15', 'sequential'].includes(name);
    const isOnHost = /^(fanfold|plain)/.test(name);
    if (isOnHost) expect(figures.largestHistory).toBeGreaterThan(10);
    else expect(figures.largestHistory).toBeNull();
    if (isComputed) expect(figures).toMatchObject({ memoryBytes: null, admittedPerBilled: null, throttledPer100: 0 });
    else {
      expect(figures.memoryBytes).toBeGreaterThan(2 ** 25);
      expect(figures.admittedPerBilled).toBeGreaterThan(1);
      expect(figures).toMatchObject({ throttledPer100: 0, unusedTokens: 0 });
    }
  }
  const shares = together?.contenders[0]?.seeds[0]?.shares ?? [];
  expect(shares).toHaveLength(2);
  expect(Math.min(...shares)).toBeGreaterThan(0.2);
  expect(together?.contenders[0]?.seeds[0]?.mostInMinute).toBeGreaterThan(0);
  expect(together?.contenders[0]?.seeds[0]?.plan?.durationMs).toBeGreaterThan(0);
  const text = formatRunsBench(bench);
  for (const { title } of contenders) expect(text).toContain(title);
  expect(text).not.toMatch(/NaN|undefined|FAILED/);
  expect(lines.filter(line => / x bound$/.test(line))).toHaveLength(contenders.length);
  expect(await withCasesBefore({ cases: bench.cases.slice(1) }, '/no/such/file')).toEqual({
    cases: bench.cases.slice(1),
  });
}, 120_000);

test.each([
  [['--case', 'nothing'], 'one of: small, large'],
  [['--contender', 'nobody'], 'one of: fanfold'],
  [['--seeds', '0'], 'seeds'],
  [['--parallel', 'x'], 'parallel'],
])('the command refuses %j', async (args, text) => {
  const run = promisify(execFile)(process.execPath, [MAIN, 'runs', ...args]);
  await expect(run).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
});
