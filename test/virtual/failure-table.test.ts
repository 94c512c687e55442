import { describe, expect, test } from 'vitest';
import type { FAULT_NAMES } from '../../local/simulators/faults.ts';
import { distinctIssues, startVirtualApp } from '../helpers/virtual-app.ts';

type FaultName = (typeof FAULT_NAMES)[number];

const MINUTE_MS = 60_000;

/** A fault for the issues whose text includes a word. */
const faultFor = (word: string, reply: FaultName | { status: number; code?: string }, attempts?: number) => ({
  when: { textIncludes: word },
  reply,
  ...(attempts === undefined ? {} : { attempts }),
});

const bad = (...words: string[]) =>
  words.map(word => ({ key: word, title: `Trouble with ${word}`, description: `This is about ${word}.` }));

/** A network error as undici gives it. */
const networkError = (code: string) => Object.assign(new Error(code), { code });

/** Runs issues to their end and gives what became of them by id. */
async function outcomes(faults: ReturnType<typeof faultFor>[], issues: readonly object[], latencyMs = 1_000) {
  await using app = startVirtualApp({ simulator: { latencyMs, faults } });
  app.start('run', issues);
  const { lines, summary, report } = await app.end('run');
  return { summary, report, stats: app.simulator.stats(), line: (id: string) => lines.find(line => line.id === id) };
}

// One describe or test for each row of the table of failures, by the row's words. Its row "worker or host killed" needs
// real processes: it is in test/e2e/crash.test.ts and test/e2e/worker-crash.test.ts, by the same words.

describe('408, 409, 5xx, reset, DNS, timeout', () => {
  test.each<[string, FaultName | { status: number }]>([
    ['408', { status: 408 }],
    ['409', { status: 409 }],
    ['500', 'server_error_json'],
    ['502 with HTML', 'server_error_html'],
    ['503 without a body', 'server_error_empty'],
    ['reset', 'reset'],
  ])('%s: one quick retry in the activity, which costs no attempt', async (_, reply) => {
    const { line, stats } = await outcomes([faultFor('flaky', reply, 1)], [...bad('flaky'), ...distinctIssues(5)]);
    expect(line('flaky')).toMatchObject({ outcome: 'succeeded', calls: 2, failedAttempts: 0 });
    expect(stats.calls).toBe(7);
  });

  test('then the durable policy: five attempts, 2, 4, 8 and 16 s apart, and the rest goes on', async () => {
    await using app = startVirtualApp({
      simulator: { latencyMs: 1_000, latencyCv: 0, faults: [faultFor('broken', 'server_error_json')] },
    });
    app.start('run', [...distinctIssues(40), ...bad('broken'), ...distinctIssues(700, 100)]);
    const { lines, summary } = await app.end('run');
    expect(lines[40]).toMatchObject({ outcome: 'failed', code: 'service_error', failedAttempts: 5, calls: 10 });
    expect(summary).toMatchObject({ succeeded: 740, failed: 1 });
    const attempts = app.hub.calls
      .filter(({ input }) => (input as { unit?: number }).unit === 40)
      .map(call => call.atMs);
    const gaps = attempts.slice(1).map((atMs, n) => (atMs - (attempts[n] as number)) / 1_000);
    expect(attempts).toHaveLength(5);
    // Before each delay lie two calls of 1 s, 0.6 s between them, and the wait for a permit.
    for (const [n, gap] of gaps.entries()) expect(Math.abs(gap - 2.6 - 2 ** (n + 1))).toBeLessThan(1.5);
  });

  test('DNS: nothing was billed, so nothing counts as perhaps paid twice', async () => {
    const outage = (nowMs: number) => (nowMs < downUntilMs ? networkError('ENOTFOUND') : null);
    const downUntilMs = Date.UTC(2026, 0, 1) + 1_500;
    await using app = startVirtualApp({ outage, startAtMs: Date.UTC(2026, 0, 1), simulator: { latencyMs: 100 } });
    app.start('run', distinctIssues(3));
    expect((await app.end('run')).summary).toMatchObject({ succeeded: 3, possiblyPaidTwice: 0 });
  });

  test('timeout: not repeated at once; the call may have been billed', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 0, faults: [faultFor('slow', 'timeout', 1)] } });
    app.start('run', bad('slow'), { requestTimeoutMs: 200 });
    const { lines } = await app.end('run');
    expect(lines[0]).toMatchObject({ outcome: 'succeeded', calls: 2, failedAttempts: 1, possiblyPaidTwice: true });
  });
});

describe('429, breaker open, quota exhausted, live claim of another worker', () => {
  const start = Date.UTC(2026, 0, 1);
  const throttle = (seconds: number | null) =>
    Response.json(
      { error: { code: '429', message: 'Requests have exceeded the token rate limit.' } },
      { status: 429, headers: seconds === null ? {} : { 'retry-after': String(seconds) } },
    );
  const down = () => Response.json({ error: { code: 'ServiceUnavailable' } }, { status: 503 });

  test.each([1, 4])(
    'Retry-After: 120 for five minutes costs no issue its outcome, and few calls: %i workers',
    async workers => {
      const outage = (nowMs: number) => (nowMs < start + 5 * MINUTE_MS ? throttle(120) : null);
      await using app = startVirtualApp({ outage, workers, startAtMs: start, simulator: { latencyMs: 2_000 } });
      app.start('run', distinctIssues(200));
      const { summary, report } = await app.end('run');
      expect(summary).toMatchObject({ succeeded: 200, failed: 0, notStarted: 0, longestRetryAfterMs: 120_000 });
      const wasted = app.requestsAtMs.filter(atMs => atMs < start + 5 * MINUTE_MS).length;
      expect(wasted).toBeLessThanOrEqual(workers * 10 + 10);
      expect(report.errors).toEqual([]);
      expect(summary.waitedMs.service).toBeGreaterThan(4 * MINUTE_MS);
    },
  );

  test('a service that refuses for five minutes without saying for how long is left alone as well', async () => {
    const outage = (nowMs: number) => (nowMs < start + 5 * MINUTE_MS ? throttle(null) : null);
    await using app = startVirtualApp({ outage, startAtMs: start, simulator: { latencyMs: 2_000 } });
    app.start('run', distinctIssues(200));
    expect((await app.end('run')).summary).toMatchObject({ succeeded: 200, failed: 0, longestRetryAfterMs: 0 });
    expect(app.requestsAtMs.filter(atMs => atMs < start + 5 * MINUTE_MS).length).toBeLessThanOrEqual(60);
  });

  test.each([1, 4])('a service that is down for ten minutes the same: %i workers', async workers => {
    const outage = (nowMs: number) => (nowMs >= start + MINUTE_MS && nowMs < start + 11 * MINUTE_MS ? down() : null);
    await using app = startVirtualApp({ outage, workers, startAtMs: start, simulator: { latencyMs: 4_000 } });
    app.start('run', distinctIssues(400 * workers), { streams: 3 });
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 400 * workers, failed: 0, notStarted: 0 });
    const wasted = app.requestsAtMs.filter(atMs => outage(atMs) !== null).length;
    expect(wasted).toBeLessThanOrEqual(workers * 12 + 24);
  });

  test('a service that does not accept connections the same', async () => {
    const outage = (nowMs: number) => (nowMs < start + 10 * MINUTE_MS ? networkError('ECONNREFUSED') : null);
    await using app = startVirtualApp({ outage, startAtMs: start, simulator: { latencyMs: 1_000 } });
    app.start('run', distinctIssues(100));
    expect((await app.end('run')).summary).toMatchObject({ succeeded: 100, failed: 0, possiblyPaidTwice: 0 });
    expect(app.requestsAtMs.filter(atMs => atMs < start + 10 * MINUTE_MS).length).toBeLessThanOrEqual(36);
  });

  test('an absurd Retry-After is reported, and ends at the deadline', async () => {
    await using app = startVirtualApp({ outage: () => throttle(86_400), startAtMs: start });
    app.start('run', distinctIssues(40), { deadlineMs: 30 * MINUTE_MS });
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({
      succeeded: 0,
      notStarted: 40,
      incomplete: 'deadline',
      longestRetryAfterMs: 86_400_000,
    });
    expect(summary.durationMs).toBeLessThan(31 * MINUTE_MS);
    expect(app.requestsAtMs.length).toBeLessThanOrEqual(24);
    expect(summary.verdict?.sentence).toContain('24 h');
  });

  test('short waits are waited in place: no issue goes back', async () => {
    const faults = [
      { when: { textIncludes: 'busy' }, reply: 'rate_limited' as const, attempts: 2, retryAfterSeconds: 2 },
    ];
    await using app = startVirtualApp({ simulator: { latencyMs: 500, faults } });
    app.start('run', bad('busy'));
    const { summary, lines } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 1, deferrals: 0, throttled: 2 });
    expect(lines[0]?.spentMs.throttle).toBeGreaterThanOrEqual(4_000);
  });
});

describe('401, 403, 404 (deployment)', () => {
  test.each<[FaultName, string]>([
    ['unauthorized', 'unauthorized'],
    ['forbidden', 'forbidden'],
    ['deployment_not_found', 'deployment_not_found'],
  ])('%s: no new work after three in a row, the report leads with the cause', async (reply, code) => {
    const { summary, report } = await outcomes([faultFor('', reply)].map(fault => ({ ...fault, when: {} })) as never, [
      ...distinctIssues(500),
    ]);
    expect(summary).toMatchObject({ succeeded: 0, incomplete: 'fatal', status: 'completed' });
    expect(summary.failed).toBeLessThanOrEqual(60);
    expect(summary.notStarted).toBe(500 - summary.failed);
    expect(report.errors[0]).toMatchObject({ code, count: summary.failed });
  });
});

describe('content filter, context too long, refusal, 400', () => {
  test.each<[FaultName | { status: number }, string]>([
    ['content_filter', 'content_filter'],
    ['context_length', 'context_too_long'],
    ['refusal', 'refused'],
    ['completion_filtered', 'content_filter'],
    [{ status: 400 }, 'bad_request'],
  ])('%o: failed(%s), never retried, never thrown', async (reply, code) => {
    const { line, summary } = await outcomes([faultFor('odd', reply)], [...bad('odd'), ...distinctIssues(8)]);
    expect(line('odd')).toMatchObject({ outcome: 'failed', code, calls: 1, failedAttempts: 0 });
    expect(summary).toMatchObject({ succeeded: 8, failed: 1 });
  });
});

describe('an answer that does not fit, or is cut by length', () => {
  test.each<[FaultName, string]>([
    ['not_json', 'invalid_output'],
    ['schema_mismatch', 'invalid_output'],
    ['length', 'output_cut_off'],
  ])('%s: one repair call, then failed(%s)', async (reply, code) => {
    const faults = [faultFor('once', reply, 1), faultFor('always', reply)];
    const { line } = await outcomes(faults, bad('once', 'always'));
    expect(line('once')).toMatchObject({ outcome: 'succeeded', calls: 2 });
    expect(line('always')).toMatchObject({ outcome: 'failed', code, calls: 2 });
  });
});

test('5 MB of text, binary, no text at all: shortened with a note, cleaned, or skipped(empty_issue)', async () => {
  const issues = [
    { key: 'huge', title: 'Huge', description: 'log line '.repeat(600_000) },
    { key: 'binary', title: 'Binary', description: `\u0000\u0001PNG\u0007${'\u001f'.repeat(50)}crash` },
    { key: 'empty', title: ' - ', description: '' },
  ];
  const { line, summary } = await outcomes([], issues, 10);
  expect(line('huge')).toMatchObject({ outcome: 'succeeded', shortened: true });
  expect(line('binary')).toMatchObject({ outcome: 'succeeded' });
  expect(line('empty')).toMatchObject({ outcome: 'skipped', code: 'empty_issue', calls: 0 });
  expect(summary.calls).toBe(2);
});

// "worker or host killed" is test/e2e/crash.test.ts and worker-crash.test.ts: there are processes to kill.

describe('run deadline or cost cap reached', () => {
  test('deadline: no new batch, what is in flight finishes, the rest is not started', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 4_000 } });
    app.start('run', distinctIssues(300), { deadlineMs: 20_000 });
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ status: 'completed', incomplete: 'deadline', failed: 0 });
    expect(summary.succeeded).toBeGreaterThan(20);
    expect(summary.notStarted).toBe(300 - summary.succeeded);
    expect(app.simulator.stats().calls).toBe(summary.succeeded);
  });

  test.each<[string, object, (summary: { costUsd: number | null; tokens: { totalTokens: number } }) => number]>([
    ['tokens', { maxTokens: 30_000 }, ({ tokens }) => tokens.totalTokens / 30_000],
    [
      'dollars',
      { maxCostUsd: 0.01, price: { inputUsd: 0.15, outputUsd: 0.6 } },
      ({ costUsd }) => (costUsd ?? 0) / 0.01,
    ],
  ])('cap of %s: never more is spent; a retry with a higher cap goes on from there', async (_, cap, spentShare) => {
    await using app = startVirtualApp({ simulator: { latencyMs: 1_000 } });
    app.start('run', distinctIssues(200), cap);
    const first = await app.end('run');
    expect(first.summary).toMatchObject({ status: 'completed', incomplete: 'budget', failed: 0 });
    expect(spentShare(first.summary)).toBeLessThanOrEqual(1);
    expect(spentShare(first.summary)).toBeGreaterThan(0.8);
    app.start('run', distinctIssues(200), {}, 2);
    const second = await app.end('run');
    expect(second.summary).toMatchObject({ succeeded: 200, notStarted: 0, incomplete: null });
    expect(app.simulator.stats()).toMatchObject({ calls: 200, answeredTwice: 0 });
  });
});

test('the report groups all of it by code, with counts, examples and advice', async () => {
  const faults = [faultFor('odd', 'content_filter'), faultFor('long', 'context_length')];
  const issues = [...bad('odd', 'odd two', 'odd three', 'long'), { key: 'none', title: '', description: '?' }];
  const { report } = await outcomes(faults, [...issues, ...distinctIssues(3)]);
  expect(report.errors).toMatchObject([
    { code: 'content_filter', outcome: 'failed', count: 3, exampleIds: ['odd', 'odd two', 'odd three'] },
    { code: 'context_too_long', outcome: 'failed', count: 1, exampleIds: ['long'] },
    { code: 'empty_issue', outcome: 'skipped', count: 1, exampleIds: ['none'] },
  ]);
  expect(report.errors.every(({ advice }) => advice.length > 20)).toBe(true);
});
