import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startApp } from '../helpers/app.ts';
import { fanfold, ROOT, temporaryFolder } from '../helpers/command-line.ts';
import { startForeignService } from '../helpers/foreign-service.ts';

const REAL_ISSUES = join(ROOT, '../shared/issues/usergrid.csv');

describe('fanfold run', () => {
  it.skipIf(!existsSync(REAL_ISSUES))(
    'runs the first 100 of a file of real issues: nothing lost, nothing doubled',
    async () => {
      await using app = await startApp({ simulator: { latencyMs: 50 } });
      await using folder = await temporaryFolder();
      const end = await fanfold(
        ['run', '--file', REAL_ISSUES, '--limit', '100', '--url', app.url, '--json', '--out', 'out'],
        { cwd: folder.path },
      );
      expect(end.stderr).toContain('simulator');
      expect(end.exitCode, end.stderr).toBe(0);
      const { total, succeeded, failed, skipped, notStarted, coalesced, calls } = end.lastJson();
      expect({ total, failed, notStarted, sum: succeeded + failed + skipped + notStarted }).toEqual({
        total: 100,
        failed: 0,
        notStarted: 0,
        sum: 100,
      });
      expect(calls).toBe(100 - skipped - coalesced);
      expect(app.simulator.stats()).toMatchObject({ calls, answeredTwice: 0 });
      const lines = (await readFile(join(folder.path, 'out/results.ndjson'), 'utf8'))
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line));
      expect(lines.map(({ index }) => index)).toEqual(Array.from({ length: 100 }, (_, n) => n));
      expect(new Set(lines.map(({ id }) => id)).size).toBe(100);
    },
  );

  it('tells in one line, with an exit code, what is wrong with a file', async () => {
    await using app = await startApp();
    await using folder = await temporaryFolder();
    const files: Record<string, [content: string, said: RegExp]> = {
      'differing.csv': ['key,title\nA,x\nA,y\n', /issues\.1\.id.*"A".*rows 1 and 2 differ/],
      'header.csv': ['a,b\n1,2\n', /header.*a, b.*title/],
      'rows.csv': ['key,title\n', /0 issues/],
      'broken.ndjson': ['{"title":"a"}\n{oops\n', /line 2.*valid JSON/],
    };
    for (const [name, [content, said]] of Object.entries(files)) {
      await writeFile(join(folder.path, name), content);
      const { exitCode, stderr } = await fanfold(['run', '--file', name, '--url', app.url], { cwd: folder.path });
      expect(exitCode, name).not.toBe(0);
      expect(stderr.trimEnd().split('\n')).toEqual([expect.stringMatching(said)]);
    }
    const { json: instances } = await app.call('GET', `${app.url}/runtime/webhooks/durabletask/instances`);
    expect(instances).toEqual([]);
  });
});

/** Asserts that a text tells before a run where its calls go, how many they are, and their tokens and cost. */
function expectCostIn(text: string, endpoint: string): void {
  expect(text).toContain(endpoint);
  expect(text).toMatch(/\b[1-9][\d,]* calls/);
  expect(text).toMatch(/\b[1-9][\d,]* prompt and [1-9][\d,]* completion tokens/);
  expect(text).toMatch(/about \$\d+\.\d{2}/);
}

describe('with the endpoint of another service set', () => {
  it('the demo says so, shows calls, tokens and cost, and starts nothing unasked', async () => {
    await using service = await startForeignService();
    await using folder = await temporaryFolder();
    const refused = await fanfold(['demo'], { cwd: folder.path, env: service.env });
    expectCostIn(refused.stdout + refused.stderr, service.url);
    expect(refused.stderr).toContain('--yes');
    expect(refused.exitCode).not.toBe(0);
    expect(service.simulator.stats().calls).toBe(0);

    const agreed = await fanfold(['demo', '--json', '--yes'], { cwd: folder.path, env: service.env });
    expect(agreed.exitCode, agreed.stderr).toBe(0);
    expectCostIn(agreed.stderr, service.url);
    expect(agreed.stderr).toContain('Stopping the app and the storage');
    const { total, succeeded, calls } = agreed.lastJson();
    expect(total).toBeGreaterThanOrEqual(50);
    expect(succeeded).toBeGreaterThan(40);
    expect(service.simulator.stats().calls).toBe(calls);
  });
});

describe('fanfold demo', () => {
  it('goes from nothing to a report with every issue accounted for, and leaves nothing running', async () => {
    await using folder = await temporaryFolder();
    const { exitCode, stdout, stderr, lastJson } = await fanfold(['demo', '--json'], { cwd: folder.path });
    expect(exitCode, stderr).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    const { runId, total, succeeded, failed, skipped, notStarted, cached, coalesced, durationMs, tokens, costUsd } =
      lastJson();
    expect(succeeded + failed + skipped + notStarted).toBe(total);
    expect({ failed, notStarted, cached }).toEqual({ failed: 0, notStarted: 0, cached: 0 });
    expect(skipped).toBeGreaterThanOrEqual(1);
    expect(coalesced).toBeGreaterThanOrEqual(2);
    expect(durationMs).toBeGreaterThan(0);
    expect(tokens.totalTokens).toBeGreaterThan(10_000);
    expect(costUsd).toBeGreaterThan(0);
    const report = JSON.parse(await readFile(join(folder.path, 'results', runId, 'report.json'), 'utf8'));
    expect(report.total).toBe(total);
  });
});
