import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResultLine } from '../../src/core/report.ts';
import { createCliHarness, temporaryFolder } from '../helpers/cli-harness.ts';
import { resultLine, unsuccessful } from '../helpers/factories.ts';
import { type FakeApp, type FakeAppOptions, startFakeApp, statusOf, THREE_LINES } from '../helpers/fake-app.ts';

let app: FakeApp;
afterEach(() => app.close());

/** An app with one run, `run-1`, that ends after so many polls. */
async function appWithRun(options: FakeAppOptions = {}): Promise<void> {
  app = await startFakeApp(options);
  await fetch(`${app.url}/api/runs`, { method: 'POST', headers: { 'idempotency-key': 'k' } });
}

async function fanfold(...args: readonly string[]) {
  const cli = createCliHarness();
  const exitCode = await cli.run(...args, '--url', app.url);
  return { exitCode, out: cli.out, err: cli.err, text: cli.out.join('\n') };
}

describe('status', () => {
  it('shows a run under way, and how to watch it', async () => {
    await appWithRun();
    const { exitCode, out } = await fanfold('status', 'run-1');
    expect(exitCode).toBe(0);
    expect(out[0]).toBe('Run run-1 is running (analyzing)');
    expect(out[1]).toBe('  0 of 3 done: 0 succeeded, 0 failed, 0 skipped');
    expect(out.at(-1)).toBe(`Watch it with: npm run fanfold -- status run-1 --watch --url ${app.url}`);
  });

  it('watches until the end, and then names the report', async () => {
    await appWithRun();
    const { exitCode, text, err } = await fanfold('status', 'run-1', '--watch');
    expect(exitCode).toBe(0);
    expect(err.at(-1)).toContain('3/3');
    expect(text).toMatch(/^Run run-1 is completed\n {2}3 of 3 done.*took 1 min 30 s.*report run-1/s);
  });

  it.each([
    ['failed', 'the issues could not be stored'],
    ['terminated', 'Run run-1 is terminated'],
  ] as const)('tells what happened to a run that %s', async (end, fact) => {
    await appWithRun({ end, polls: 1 });
    const { exitCode, text } = await fanfold('status', 'run-1', '--watch');
    expect(exitCode).toBe(1);
    expect(text).toContain(fact);
    expect(text).not.toContain('npm run');
  });

  it('names issues that were not started', async () => {
    await appWithRun({ polls: 0, lines: [resultLine(), unsuccessful('not_started', 'deadline')] });
    expect((await fanfold('status', 'run-1')).text).toContain('1 succeeded, 0 failed, 0 skipped, 1 not started');
  });

  it('shows the figures that the app tells, and does without them where it tells none', async () => {
    const told = statusOf('run-1', THREE_LINES, 2);
    const figures = { ...told.figures, hitRate: 0.25, storagePerIssue: 3.31 };
    app = await startFakeApp({ before: () => ({ status: 202, body: { ...told, figures } }) });
    expect((await fanfold('status', 'run-1')).text).toMatch(
      /calls: 2; 25 % of .*\n {2}storage: 3.3 operations an issue/,
    );
    await app.close();
    app = await startFakeApp({ before: () => ({ status: 202, body: { ...told, figures: undefined } }) });
    const { exitCode, text } = await fanfold('status', 'run-1');
    expect(exitCode).toBe(0);
    expect(text).toMatch(/ {2}calls: 2\n/);
    expect(text).not.toContain('storage');
  });

  it('writes one JSON object with --json', async () => {
    await appWithRun({ polls: 0 });
    const { out } = await fanfold('status', 'run-1', '--json');
    expect(out.map(line => JSON.parse(line))).toEqual([
      expect.objectContaining({ runId: 'run-1', status: 'completed' }),
    ]);
  });

  it('refuses an unknown run by its id', async () => {
    await appWithRun();
    const { exitCode, err } = await fanfold('status', 'no/such');
    expect([exitCode, err]).toEqual([2, ['error: runId is "no%2Fsuch"; allowed: the id of a run']]);
  });
});

describe('runs', () => {
  it('lists runs', async () => {
    await appWithRun();
    const { out } = await fanfold('runs');
    expect(
      out
        .join('\n')
        .split('\n')
        .map(line => line.split(/ {2,}/)),
    ).toEqual([
      ['run', 'status', 'started (UTC)', 'done', 'failed', 'analysis'],
      ['run-1', 'running', '2026-01-01 12:00:00', '0/3', '0', 'triage'],
    ]);
  });

  it('says that there is none', async () => {
    app = await startFakeApp();
    expect((await fanfold('runs')).out).toEqual(['No run has been started yet.']);
    expect((await fanfold('runs', '--json')).out).toEqual(['[]']);
  });
});

describe('report', () => {
  it('shows the report, and whether it was simulated', async () => {
    await appWithRun({ polls: 0 });
    const { exitCode, text } = await fanfold('report', 'run-1');
    expect(exitCode).toBe(0);
    expect(text).toMatch(/^All 3 issues succeeded.*simulated/s);
  });

  it('does without health when that does not answer as expected', async () => {
    await appWithRun({
      polls: 0,
      before: ({ path }) => (path === '/api/health' ? { status: 500, body: '' } : undefined),
    });
    const { exitCode, text } = await fanfold('report', 'run-1');
    expect(exitCode).toBe(0);
    expect(text).not.toContain('simulated');
  });

  it('writes the report as JSON', async () => {
    await appWithRun({ polls: 0 });
    expect(JSON.parse((await fanfold('report', 'run-1', '--json')).text)).toMatchObject({
      succeeded: 3,
      table: { counts: { bug: { high: 3 } } },
    });
  });

  it('says that it is too early, in one line', async () => {
    await appWithRun();
    const { exitCode, err } = await fanfold('report', 'run-1');
    expect([exitCode, err]).toEqual([1, ['error: Not there yet']]);
  });
});

describe('results', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeEach(async () => {
    folder = await temporaryFolder();
  });
  afterEach(() => folder[Symbol.asyncDispose]());

  const idsOf = (lines: readonly ResultLine[]) => lines.map(({ id }) => id);

  it('prints a line for each issue', async () => {
    await appWithRun({ polls: 0 });
    const { exitCode, text } = await fanfold('results', 'run-1');
    expect(exitCode).toBe(0);
    expect(
      text
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toEqual(THREE_LINES);
  });

  it('prints only the outcome asked for', async () => {
    await appWithRun({ polls: 0, lines: [...THREE_LINES, unsuccessful('failed', 'timeout', 'BAD-1')] });
    expect((await fanfold('results', 'run-1', '--format', 'csv', '--outcome', 'failed')).text).toBe('id\nBAD-1\n');
  });

  it('makes one JSON list of the lines, all fetched at once', async () => {
    const lines = Array.from({ length: 2_345 }, (_, index) => resultLine({ index, id: `№-${index}` }));
    await appWithRun({ polls: 0, lines });
    const { out } = await fanfold('results', 'run-1', '--format', 'json');
    const text = out.join('');
    expect(JSON.parse(text)).toEqual(lines);
    expect(text.trimEnd().split('\n')).toHaveLength(lines.length + 2);
    expect(app.seen('GET', '/api/runs/run-1/results').map(({ path }) => path)).toEqual([
      '/api/runs/run-1/results?format=ndjson',
    ]);
  });

  it('makes a JSON list of one outcome', async () => {
    await appWithRun({ polls: 0, lines: [...THREE_LINES, unsuccessful('failed', 'timeout', 'BAD-1')] });
    const { text } = await fanfold('results', 'run-1', '--format', 'json', '--outcome', 'failed');
    expect(idsOf(JSON.parse(text))).toEqual(['BAD-1']);
  });

  it('prints an empty list for nothing', async () => {
    await appWithRun({ polls: 0 });
    expect(JSON.parse((await fanfold('results', 'run-1', '--format', 'json', '--outcome', 'skipped')).text)).toEqual(
      [],
    );
  });

  it.each([
    ['csv', 'id\n'],
    ['json', '[\n{'],
    ['ndjson', '{'],
  ])('saves to a file, by its name as %s', async (format, beginning) => {
    await appWithRun({ polls: 0 });
    const file = join(folder.path, `mine.${format}`);
    const { exitCode, out } = await fanfold('results', 'run-1', '--out', file);
    expect([exitCode, out]).toEqual([0, []]);
    const content = await readFile(file, 'utf8');
    expect(content.startsWith(beginning)).toBe(true);
    expect(content).toContain('APP-3');
  });

  it('refuses an unknown format or outcome, and a file that cannot be written', async () => {
    await appWithRun({ polls: 0 });
    expect((await fanfold('results', 'run-1', '--format', 'xml')).err).toEqual([
      'error: --format is "xml"; allowed: json, ndjson, csv',
    ]);
    expect((await fanfold('results', 'run-1', '--outcome', 'good')).err[0]).toMatch(
      /--outcome is "good"; allowed: succeeded, failed/,
    );
    const missing = join(folder.path, 'no/such/file.csv');
    expect((await fanfold('results', 'run-1', '--out', missing)).err).toEqual([
      `error: "${missing}" cannot be written (ENOENT)`,
    ]);
  });

  it('says that it is too early', async () => {
    await appWithRun();
    expect(await fanfold('results', 'run-1')).toMatchObject({ exitCode: 1, err: ['error: Not there yet'], out: [] });
  });
});
