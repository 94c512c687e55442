import { describe, expect, test } from 'vitest';
import { NO_PROGRESS, type Progress } from '../../src/core/progress.ts';
import {
  type InstanceView,
  isLive,
  isUnderWay,
  type RunFacts,
  rootOfAttempt,
  runStatusOf as runStatusAt,
  StreamStatusSchema,
} from '../../src/core/run-status.ts';
import { FRESH_STREAM } from '../../src/core/stream-state.ts';
import { NOON_MS, summary } from '../helpers/factories.ts';

const ROW: RunFacts = {
  runId: 'run-1',
  analysis: 'triage',
  deployment: 'gpt-4o-mini',
  createdAtMs: NOON_MS,
  control: null,
  attempt: 1,
  attempts: [{ attempt: 1, startedAtMs: NOON_MS, summary: null }],
  summary: null,
};
const ANALYZING = { phase: 'analyzing', total: 120, units: 100, streams: 2, kept: NO_PROGRESS };
const LOST =
  'There is no orchestration of this run: its start was interrupted, or its history was purged before its end.';

/** The status a minute after the start. */
function runStatusOf(row: RunFacts, root: InstanceView, streams: readonly InstanceView[]) {
  return runStatusAt(row, root, streams, NOON_MS + 60_000);
}

function root(runtimeStatus: string, customStatus: unknown = ANALYZING, output: unknown = null): InstanceView {
  return { runtimeStatus, customStatus, output };
}

function stream(succeeded: number, costUsd: number): InstanceView {
  const progress = { ...NO_PROGRESS, succeeded, failed: 1, batches: 2, calls: succeeded + 1, costUsd };
  return { runtimeStatus: 'Running', customStatus: { progress, resumeAtMs: 0, stopped: null }, output: null };
}

describe('runStatusOf', () => {
  test('before the root exists: starting, with nothing known', () => {
    expect(runStatusOf(ROW, null, [])).toEqual({
      runId: 'run-1',
      status: 'starting',
      phase: null,
      analysis: 'triage',
      deployment: 'gpt-4o-mini',
      createdAt: '2026-01-01T12:00:00.000Z',
      control: null,
      attempt: 1,
      attempts: [{ attempt: 1, startedAt: '2026-01-01T12:00:00.000Z', summary: null }],
      waitingFor: null,
      caps: { maxCostUsd: null, maxTokens: null },
      taken: { tokens: 0, usd: 0 },
      progress: { ...NO_PROGRESS, total: null, done: 0 },
      figures: { hitRate: null, storagePerIssue: 0, tokensPerMinute: { achieved: 0, allowed: null }, streams: 0 },
      summary: null,
      error: null,
    });
  });

  test('without a root five minutes later: failed, and says how to start it again', () => {
    expect(runStatusAt(ROW, null, [], NOON_MS + 300_000).status).toBe('starting');
    const { status, phase, error } = runStatusAt(ROW, null, [], NOON_MS + 300_001);
    expect({ status, phase }).toEqual({ status: 'failed', phase: null });
    expect(error).toBe(`${LOST} The same request with the same id or Idempotency-Key starts it again.`);
    expect(runStatusAt({ ...ROW, summary: summary() }, null, [], NOON_MS + 300_001).status).toBe('completed');
    const unexplained = { ...ROW, summary: summary({ status: 'failed' }) };
    expect(runStatusAt(unexplained, null, [], NOON_MS + 300_001)).toMatchObject({ status: 'failed', error: null });
    expect(runStatusAt(ROW, root('Running'), [], NOON_MS + 300_001).status).toBe('running');
  });

  test('while it runs: adds up what was kept and the streams', () => {
    const kept = { ...NO_PROGRESS, succeeded: 3, cached: 2 };
    const status = runStatusOf(ROW, root('Running', { ...ANALYZING, kept }), [stream(17, 0.5), null, stream(30, 0.25)]);
    expect(status).toMatchObject({ status: 'running', phase: 'analyzing', summary: null, error: null });
    expect(status.progress).toEqual({
      ...NO_PROGRESS,
      succeeded: 50,
      cached: 2,
      failed: 2,
      batches: 4,
      calls: 49,
      costUsd: 0.75,
      total: 120,
      done: 52,
    });
  });

  test.each([
    ['Pending', 'starting'],
    ['Running', 'running'],
    ['ContinuedAsNew', 'running'],
    ['Suspended', 'suspended'],
    ['Completed', 'completed'],
    ['Failed', 'failed'],
    ['Canceled', 'terminated'],
    ['Terminated', 'terminated'],
    ['SomethingNew', 'running'],
  ])('a root that is %s means %s', (runtimeStatus, expected) => {
    const { status, phase } = runStatusOf(ROW, root(runtimeStatus), []);
    expect(status).toBe(expected);
    expect(phase).toBe(isUnderWay(status) ? 'analyzing' : null);
  });

  test.each([null, undefined, 'text', { phase: 'dreaming' }, []])('a custom status of %j counts as none', custom => {
    const broken: InstanceView = { runtimeStatus: 'Running', customStatus: custom, output: null };
    const status = runStatusOf(ROW, broken, [broken]);
    expect(status.progress).toEqual({ ...NO_PROGRESS, total: null, done: 0 });
    expect(status.phase).toBeNull();
  });

  const ended = {
    ...NO_PROGRESS,
    batches: 2,
    succeeded: 1,
    failed: 1,
    calls: 2,
    usage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
    costUsd: 0.001,
    total: 3,
    // One was not started.
    done: 2,
  };

  test('at the end: the figures of the root’s output, which the streams cannot change', () => {
    const status = runStatusOf(ROW, root('Completed', ANALYZING, summary()), [stream(99, 9)]);
    expect(status).toMatchObject({ status: 'completed', phase: null, summary: summary(), error: null });
    expect(status.progress).toEqual(ended);
  });

  test('once the report is written: the summary of the run row, even if history is purged', () => {
    for (const gone of [null, root('Running')]) {
      const status = runStatusOf({ ...ROW, summary: summary() }, gone, []);
      expect(status).toMatchObject({ status: 'completed', phase: null, summary: summary(), progress: ended });
    }
  });

  test('a failed run says why, in the words of the engine', () => {
    const why = "Orchestrator function 'processIssues' failed: no such blob";
    const failed = root('Failed', { ...ANALYZING, phase: 'loading' }, why);
    expect(runStatusOf(ROW, failed, [])).toMatchObject({ status: 'failed', summary: null, error: why });
    const reported = summary({
      status: 'failed',
      error: 'no such blob',
      total: 0,
      succeeded: 0,
      failed: 0,
      notStarted: 0,
    });
    expect(runStatusOf({ ...ROW, summary: reported }, null, [])).toMatchObject({
      status: 'failed',
      error: 'no such blob',
    });
    expect(runStatusOf({ ...ROW, summary: reported }, failed, [])).toMatchObject({ error: 'no such blob' });
    expect(runStatusOf({ ...ROW, summary: { ...reported, error: null } }, failed, [])).toMatchObject({ error: why });
    expect(runStatusOf(ROW, root('Failed', ANALYZING, { not: 'text' }), [])).toMatchObject({ error: null });
  });

  test('a terminated run keeps what its streams had done, and its reason is no error', () => {
    const status = runStatusOf(ROW, root('Terminated', ANALYZING, 'enough'), [stream(5, 0)]);
    expect(status).toMatchObject({ status: 'terminated', error: null, progress: { done: 6, total: 120 } });
  });
});

describe('the figures', () => {
  const streamOf = (changes: Partial<Progress>): InstanceView => ({
    runtimeStatus: 'Running',
    customStatus: { progress: { ...NO_PROGRESS, ...changes }, resumeAtMs: 0, stopped: null },
  });
  const kept = { ...NO_PROGRESS, succeeded: 40, cached: 40, coalesced: 5, withoutCall: 40, admittedTokens: 9_000 };
  const running = root('Running', { ...ANALYZING, kept });
  const streams = [
    streamOf({ succeeded: 9, admittedTokens: 8_000, storage: { operations: 30, ms: 90 } }),
    streamOf({ succeeded: 11, coalesced: 8, withoutCall: 8, admittedTokens: 4_000 }),
    null,
    streamOf({ failed: 4, storage: { operations: 42, ms: 10 } }),
  ];

  test('of a run under way are hits of all attempts, storage and tokens of the streams of this one', () => {
    const row = { ...ROW, limits: { tokensPerMinute: 60_000 } };
    expect(runStatusAt(row, running, streams, NOON_MS + 120_000).figures).toEqual({
      hitRate: 0.8,
      storagePerIssue: 3,
      tokensPerMinute: { achieved: 6_000, allowed: 60_000 },
      streams: 3,
    });
  });

  test('count from the start of the attempt, of which less than a minute is one', () => {
    const achievedAt = (nowMs: number, row: RunFacts = ROW) =>
      runStatusAt(row, running, streams, nowMs).figures.tokensPerMinute;
    expect(achievedAt(NOON_MS + 6_000)).toEqual({ achieved: 12_000, allowed: null });
    const attempts = [...ROW.attempts, { attempt: 2, startedAtMs: NOON_MS + 3_600_000, summary: null }];
    const retried = { ...ROW, attempt: 2, attempts };
    expect(achievedAt(NOON_MS + 3_780_000, retried)).toEqual({ achieved: 4_000, allowed: null });
  });

  test('of one that ended without a report have no rate, since nobody knows over which time', () => {
    const { figures } = runStatusOf(ROW, root('Terminated', { ...ANALYZING, kept }), streams);
    expect(figures).toEqual({ hitRate: 0.8, storagePerIssue: 3, tokensPerMinute: null, streams: 3 });
  });

  test('at the end are those of the summary', () => {
    const tokensPerMinute = { achieved: 900, allowed: 1_000 };
    const told = { hitRate: 2 / 3, storage: { operations: 7, perIssue: 3.5, ms: 9 }, tokensPerMinute, streams: 2 };
    const { figures, progress } = runStatusOf({ ...ROW, summary: summary({ succeeded: 3, ...told }) }, null, []);
    expect(figures).toEqual({ hitRate: 2 / 3, storagePerIssue: 3.5, tokensPerMinute, streams: 2 });
    expect(progress.withoutCall).toBe(2);
  });
});

describe('a run that was told to wait or to stop', () => {
  const reporting = { ...ANALYZING, phase: 'reporting' };
  test.each<[RunFacts['control'], InstanceView, string]>([
    ['paused', null, 'paused'],
    ['paused', root('Pending', null), 'paused'],
    ['paused', root('Running'), 'paused'],
    ['paused', root('Running', reporting), 'running'],
    ['paused', root('Suspended'), 'suspended'],
    ['cancelled', null, 'cancelling'],
    ['cancelled', root('Running'), 'cancelling'],
    ['cancelled', root('Running', reporting), 'cancelling'],
    ['cancelled', root('Suspended'), 'suspended'],
  ])('%s, with %o, is %s', (control, instance, expected) => {
    const { status, control: shown } = runStatusOf({ ...ROW, control }, instance, []);
    expect([status, shown]).toEqual([expected, control]);
    expect(isUnderWay(status)).toBe(true);
  });

  test.each(['paused', 'cancelled'] as const)('%s too late has ended as it has', control => {
    const row = { ...ROW, control };
    for (const instance of [root('Terminated'), root('Failed'), root('Completed', ANALYZING, summary())]) {
      const { status, control: shown } = runStatusOf(row, instance, []);
      expect(shown).toBeNull();
      expect(status).toBe(instance?.runtimeStatus.toLowerCase());
    }
    const reported = { ...row, summary: summary() };
    expect(runStatusOf(reported, root('Running'), [])).toMatchObject({ status: 'completed', control: null });
    expect(runStatusAt(row, null, [], NOON_MS + 300_001)).toMatchObject({ status: 'failed', control: null });
  });
});

test('a run tells its caps, and counts from its start where its attempts are not known', () => {
  const caps = { maxCostUsd: 5, maxTokens: 1_000 };
  expect(runStatusOf({ ...ROW, caps }, null, []).caps).toEqual(caps);
  expect(runStatusAt({ ...ROW, attempts: [] }, null, [], NOON_MS + 300_001).status).toBe('failed');
});

describe('a run that was retried', () => {
  const first = { attempt: 1, startedAtMs: NOON_MS, summary: summary() };
  const retried: RunFacts = {
    ...ROW,
    attempt: 2,
    attempts: [first, { attempt: 2, startedAtMs: NOON_MS + 3_600_000, summary: null }],
  };

  test('shows all attempts, and the summary of the current one alone as its own', () => {
    const running = runStatusOf(retried, root('Running'), []);
    expect(running).toMatchObject({ status: 'running', attempt: 2, summary: null });
    expect(running.attempts).toEqual([
      { attempt: 1, startedAt: '2026-01-01T12:00:00.000Z', summary: summary() },
      { attempt: 2, startedAt: '2026-01-01T13:00:00.000Z', summary: null },
    ]);
    const second = summary({ attempt: 2, succeeded: 2, failed: 0 });
    const ended = runStatusOf(retried, root('Completed', ANALYZING, second), []);
    expect(ended).toMatchObject({ status: 'completed', summary: second, progress: { succeeded: 2 } });
    expect(ended.attempts.map(each => each.summary)).toEqual([summary(), second]);
  });

  test('has taken what its earlier attempts took before its issues are loaded again, and counts nothing twice', () => {
    const spent = { tokens: 900, usd: 0.9 };
    const usage = { promptTokens: 800, completionTokens: 100, cachedTokens: 0 };
    const takenAt = (custom: unknown, streams: InstanceView[] = []) =>
      runStatusOf({ ...retried, spent }, root('Running', custom), streams).taken;
    expect(runStatusOf({ ...retried, spent }, null, []).taken).toEqual(spent);
    expect(takenAt({ ...ANALYZING, phase: 'loading' })).toEqual(spent);
    const kept = { ...NO_PROGRESS, usage, costUsd: 0.9 };
    expect(takenAt({ ...ANALYZING, kept }, [stream(5, 0.25)])).toEqual({ tokens: 900, usd: 1.15 });
    // An orchestration of an older version keeps only what has its outcome.
    const less = { ...NO_PROGRESS, usage: { ...usage, promptTokens: 300 }, costUsd: 0.4 };
    expect(takenAt({ ...ANALYZING, kept: less }, [stream(5, 0.25)])).toEqual({ tokens: 900, usd: 1.15 });
    const unpriced = { ...NO_PROGRESS, usage, costUsd: null };
    const byDeployment = (deployment: string) =>
      runStatusOf({ ...retried, spent, deployment }, root('Running', { ...ANALYZING, kept: unpriced }), []).taken;
    expect(byDeployment('nameless')).toEqual({ tokens: 900, usd: null });
    expect(byDeployment('gpt-4o-mini')).toEqual(spent);
    const { tokens, costUsd } = summary();
    const taken = { tokens: tokens.totalTokens, usd: costUsd };
    expect(runStatusOf({ ...retried, summary: summary() }, null, []).taken).toEqual(taken);
  });

  test('is lost five minutes after the retry, and says what to do', () => {
    expect(runStatusAt(retried, null, [], NOON_MS + 3_900_000).status).toBe('starting');
    const { status, error } = runStatusAt(retried, null, [], NOON_MS + 3_900_001);
    expect([status, error]).toEqual(['failed', `${LOST} A retry starts it again.`]);
  });

  test('does not take the root of another attempt for its own', () => {
    const of = (input: unknown): InstanceView => ({ runtimeStatus: 'Terminated', input });
    expect(rootOfAttempt(of({ attempt: 1 }), 2)).toBeNull();
    expect(rootOfAttempt(of({ attempt: 2 }), 2)).toEqual(of({ attempt: 2 }));
    expect(rootOfAttempt(null, 2)).toBeNull();
    for (const unknown of [undefined, null, 'text']) expect(rootOfAttempt(of(unknown), 2)).toEqual(of(unknown));
  });
});

test('under way are all but the completed, the failed and the terminated', () => {
  const live = ['starting', 'running', 'paused', 'cancelling', 'suspended'] as const;
  expect([...live, 'completed', 'failed', 'terminated'].filter(status => isUnderWay(status as never))).toEqual(live);
});

test('live is an orchestration that is there and can still do something', () => {
  const runtimes = ['Pending', 'Running', 'ContinuedAsNew', 'Suspended', 'SomethingNew'];
  const over = ['Completed', 'Failed', 'Canceled', 'Terminated'];
  expect([...runtimes, ...over].filter(runtimeStatus => isLive({ runtimeStatus }))).toEqual(runtimes);
  expect(isLive(null)).toBe(false);
});

test('a stream shows progress, when it resumes, and why it stopped, but not its carried work', () => {
  const shown = { progress: NO_PROGRESS, resumeAtMs: 0, stopped: null };
  expect(StreamStatusSchema.parse(FRESH_STREAM)).toEqual({ ...shown, waitingFor: null });
  expect(StreamStatusSchema.safeParse({ progress: NO_PROGRESS, resumeAtMs: 0 }).success).toBe(false);
});
