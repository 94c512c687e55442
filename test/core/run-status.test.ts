import { describe, expect, test } from 'vitest';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import {
  type InstanceView,
  isUnderWay,
  runStatusOf as runStatusAt,
  StreamStatusSchema,
} from '../../src/core/run-status.ts';
import { FRESH_STREAM } from '../../src/core/stream-state.ts';
import { NOON_MS, summary } from '../helpers/factories.ts';

const ROW = { runId: 'run-1', analysis: 'triage', deployment: 'gpt-4o-mini', createdAtMs: NOON_MS, summary: null };
const ANALYZING = { phase: 'analyzing', total: 120, units: 100, streams: 2 };

/** The status a minute after the start. */
function runStatusOf(row: Parameters<typeof runStatusAt>[0], root: InstanceView, streams: readonly InstanceView[]) {
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
      progress: { ...NO_PROGRESS, total: null, done: 0 },
      summary: null,
      error: null,
    });
  });

  test('without a root five minutes later: failed, and says how to start it again', () => {
    expect(runStatusAt(ROW, null, [], NOON_MS + 300_000).status).toBe('starting');
    const { status, phase, error } = runStatusAt(ROW, null, [], NOON_MS + 300_001);
    expect({ status, phase }).toEqual({ status: 'failed', phase: null });
    expect(error).toBe(
      'There is no orchestration of this run: its start was interrupted, or its history was purged before its end. ' +
        'The same request with the same id or Idempotency-Key starts it again.',
    );
    expect(runStatusAt({ ...ROW, summary: summary() }, null, [], NOON_MS + 300_001).status).toBe('completed');
    const unexplained = { ...ROW, summary: summary({ status: 'failed' }) };
    expect(runStatusAt(unexplained, null, [], NOON_MS + 300_001)).toMatchObject({ status: 'failed', error: null });
    expect(runStatusAt(ROW, root('Running'), [], NOON_MS + 300_001).status).toBe('running');
  });

  test('while it runs: adds up the streams', () => {
    const status = runStatusOf(ROW, root('Running'), [stream(20, 0.5), null, stream(30, 0.25)]);
    expect(status).toMatchObject({ status: 'running', phase: 'analyzing', summary: null, error: null });
    expect(status.progress).toEqual({
      ...NO_PROGRESS,
      succeeded: 50,
      failed: 2,
      batches: 4,
      calls: 52,
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
    done: 3,
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

test('under way are the starting, the running and the suspended', () => {
  const all = ['starting', 'running', 'suspended', 'completed', 'failed', 'terminated'] as const;
  expect(all.filter(isUnderWay)).toEqual(['starting', 'running', 'suspended']);
});

test('a stream shows progress, when it resumes, and why it stopped, but not its carried work', () => {
  expect(StreamStatusSchema.parse(FRESH_STREAM)).toEqual({ progress: NO_PROGRESS, resumeAtMs: 0, stopped: null });
  expect(StreamStatusSchema.safeParse({ progress: NO_PROGRESS, resumeAtMs: 0 }).success).toBe(false);
});
