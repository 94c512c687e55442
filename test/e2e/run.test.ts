import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CEILING_VARIABLE } from '../../src/core/settings.ts';
import { someIssues, startApp, type TestApp } from '../helpers/app.ts';

async function historyOf(app: TestApp, instanceId: string): Promise<string[]> {
  const { json } = await app.call(
    'GET',
    `${app.url}/runtime/webhooks/durabletask/instances/${instanceId}?showHistory=true`,
  );
  return json.historyEvents.map(
    (event: { EventType: string; FunctionName?: string }) => event.FunctionName ?? event.EventType,
  );
}

describe('a run of 120 issues with default settings', () => {
  it('gives each issue one outcome, with durable timers between the batches of each stream', async () => {
    await using app = await startApp();
    const runId = await app.startRun({ source: { issues: someIssues(120) } });
    const { status, summary } = await app.finished(runId);
    expect(status).toBe('completed');
    expect(summary).toMatchObject({ total: 120, succeeded: 120, failed: 0, skipped: 0, notStarted: 0, calls: 120 });
    expect(app.simulator.stats()).toMatchObject({ calls: 120, answeredTwice: 0 });

    const letters: Record<string, string> = { analyzeIssue: 'a', TimerCreated: '(', TimerFired: ')' };
    const histories = await Promise.all([0, 1, 2].map(stream => historyOf(app, `${runId}:1:${stream}`)));
    const shapes = histories.map(events => events.map(event => letters[event] ?? '').join(''));
    // Streams draw as they get on: after the last batch one may wait to hear that nothing is left.
    for (const shape of shapes) expect(shape).toMatch(/^a{1,20}(\(\)a{1,20})+(\(\))?$/);
    expect(shapes.join('').replaceAll(/[()]/g, '')).toHaveLength(120);
  });
});

describe('the calls in flight', () => {
  // An answer takes far longer than the writes around it, so that all permits are in use at one time in spite of a busy machine.
  const simulator = { latencyMs: 500, latencyCv: 0 };

  it.each([3, 5, 10])('are at most, and at times exactly, the %i that the run asked for', async concurrency => {
    await using app = await startApp({ simulator });
    const issues = someIssues(8 * concurrency);
    const runId = await app.startRun({ source: { issues }, concurrency, batchDelayMs: 0 });
    const { summary } = await app.finished(runId);
    expect(summary?.succeeded).toBe(issues.length);
    expect(app.simulator.stats().maxInFlight).toBe(concurrency);
  });

  it('are the number asked for with concurrencyScope "run" too, by one stream each', async () => {
    await using app = await startApp({ simulator });
    const runId = await app.startRun({ source: { issues: someIssues(32) }, concurrency: 4, concurrencyScope: 'run' });
    const { summary } = await app.finished(runId);
    expect(summary?.succeeded).toBe(32);
    expect(app.simulator.stats().maxInFlight).toBe(4);
  });

  it('are as many as the ceiling allows when it is raised, also above the usual number of connections', async () => {
    await using app = await startApp({ simulator, env: { [CEILING_VARIABLE]: '24', MAX_CONCURRENT_AI_CALLS: '24' } });
    const runId = await app.startRun({ source: { issues: someIssues(120) }, batchDelayMs: 0 });
    await app.finished(runId);
    expect(app.simulator.stats().maxInFlight).toBe(24);
  });
});

describe('the state file', () => {
  it('holds no text of an issue, of an answer, or of a service error that quotes one', async () => {
    const marker = `marker-${randomUUID()}`;
    const quoting = (code: string) => ({
      when: { textIncludes: code },
      reply: { status: Number(code.slice(1)), code: 'X', message: marker },
    });
    await using app = await startApp({
      simulator: {
        quoteInErrors: true,
        faults: [quoting('E400'), { ...quoting('E500'), attempts: 3 }, quoting('E503')],
      },
    });
    const issues = someIssues(30, n => `${marker} happens ${['', 'E400', 'E500', 'E503'][n % 15] ?? ''} in ${n}`);
    const runId = await app.startRun({ source: { issues } });
    const { summary } = await app.finished(runId, 90_000);
    expect(summary).toMatchObject({ total: 30, succeeded: 26, failed: 4 });
    await app.stopHost();
    const files = await Promise.all(
      ['', '-wal'].map(suffix => readFile(app.stateFile + suffix).catch(() => Buffer.alloc(0))),
    );
    const state = Buffer.concat(files);
    expect(state.includes(runId)).toBe(true);
    expect(state.includes('service_error')).toBe(true);
    expect(state.includes(marker)).toBe(false);
    expect(state.includes(Buffer.from(marker, 'utf16le'))).toBe(false);
    expect(app.hostLines.join('\n')).not.toContain(marker);
  });
});

describe('what a run meets on its way', () => {
  it('puts issues back that the service throttles, and finishes them', async () => {
    await using app = await startApp({
      simulator: { faults: [{ when: { share: 0.4 }, attempts: 1, reply: 'rate_limited', retryAfterSeconds: 6 }] },
    });
    const runId = await app.startRun({ source: { issues: someIssues(24) } });
    const { summary } = await app.finished(runId);
    expect(summary).toMatchObject({ succeeded: 24, failed: 0, possiblyPaidTwice: 0 });
    expect(summary?.deferrals).toBeGreaterThan(0);
    expect(app.simulator.stats().answeredTwice).toBe(0);
  });

  it('stops drawing work when the key is refused, and leads the report with the cause', async () => {
    await using app = await startApp({ simulator: { faults: [{ reply: 'unauthorized' }] } });
    const runId = await app.startRun({ source: { issues: someIssues(100) }, batchSize: 5 });
    const { summary } = await app.finished(runId);
    const { failed = 0, notStarted } = summary ?? {};
    expect(summary).toMatchObject({ total: 100, succeeded: 0, incomplete: 'fatal' });
    expect(failed).toBeGreaterThanOrEqual(3);
    expect(failed).toBeLessThanOrEqual(15);
    expect(notStarted).toBe(100 - failed);
    const { json: report } = await app.call('GET', `/runs/${runId}/report`);
    expect(report.errors.map(({ code, count }: { code: string; count: number }) => [code, count])).toEqual([
      ['unauthorized', failed],
      ['fatal', notStarted],
    ]);
  });

  it('settles what only concerns one issue, and repairs answers that do not fit', async () => {
    const faults = [
      { when: { textIncludes: 'page 1 ' }, reply: 'content_filter' as const },
      { when: { textIncludes: 'page 2 ' }, reply: 'not_json' as const, attempts: 1 },
      { when: { textIncludes: 'page 3 ' }, reply: 'length' as const, attempts: 1 },
      { when: { textIncludes: 'page 4 ' }, reply: 'refusal' as const },
      { when: { textIncludes: 'page 5 ' }, reply: 'schema_mismatch' as const },
      { when: { textIncludes: 'page 6 ' }, reply: 'reset' as const, attempts: 1 },
    ];
    await using app = await startApp({ simulator: { faults } });
    const runId = await app.startRun({ source: { issues: someIssues(8) } });
    const { summary } = await app.finished(runId);
    expect(summary).toMatchObject({ total: 8, succeeded: 5, failed: 3, possiblyPaidTwice: 1 });
    expect(app.hostLines.join('\n')).toMatch(
      /run \S+ is completed: 8 issues, 5 succeeded, 3 failed, .*\(content_filter 1, invalid_output 1, refused 1\)/,
    );
    const { json } = await app.call('GET', `/runs/${runId}/results?outcome=failed`);
    expect(json.results.map(({ id, code }: { id: string; code: string }) => [id, code])).toEqual([
      ['T-1', 'content_filter'],
      ['T-4', 'refused'],
      ['T-5', 'invalid_output'],
    ]);
  });

  it('keeps to its deadline: the rest is not started, and the report says so', async () => {
    await using app = await startApp({ simulator: { latencyMs: 300, latencyCv: 0 } });
    const runId = await app.startRun({
      source: { issues: someIssues(60) },
      batchSize: 2,
      streams: 1,
      concurrency: 2,
      deadlineSeconds: 2,
    });
    const { summary } = await app.finished(runId);
    expect(summary?.status).toBe('completed');
    expect(summary?.notStarted).toBeGreaterThan(40);
    expect((summary?.succeeded ?? 0) + (summary?.notStarted ?? 0)).toBe(60);
  });

  it('tells which issues were too long to be sent whole', async () => {
    await using app = await startApp();
    const runId = await app.startRun({ source: { issues: someIssues(3, n => 'log line\n'.repeat(n * 4_000)) } });
    expect((await app.finished(runId)).summary).toMatchObject({ succeeded: 3, shortened: 1 });
    const { json } = await app.call('GET', `/runs/${runId}/results`);
    expect(json.results.map(({ shortened }: { shortened: boolean }) => shortened)).toEqual([false, false, true]);
  });

  it('asks once about issues with equal content, and answers each', async () => {
    await using app = await startApp();
    const issues = [
      ...someIssues(5),
      ...someIssues(5).map((issue, n) => ({ ...issue, key: `COPY-${n}` })),
      { key: 'E-1' },
      { key: 'E-2' },
    ];
    const runId = await app.startRun({ source: { issues } });
    const { summary } = await app.finished(runId);
    expect(summary).toMatchObject({ total: 12, succeeded: 10, coalesced: 5, skipped: 2, calls: 5 });
    const { json } = await app.call('GET', `/runs/${runId}/results?limit=12`);
    expect(json.results[7]).toMatchObject({
      id: 'COPY-2',
      outcome: 'succeeded',
      coalescedWith: 'T-3',
      answer: json.results[2].answer,
    });
  });
});
