import { describe, expect, it } from 'vitest';
import { runsTable, statusView } from '../../cli/status-view.ts';
import type { RunStatus } from '../../src/core/run-status.ts';
import { unsuccessful } from '../helpers/factories.ts';
import { statusOf, THREE_LINES } from '../helpers/fake-app.ts';

const LINES = [...THREE_LINES, unsuccessful('failed', 'timeout')];
const viewOf = (changes: Partial<RunStatus> = {}) => statusView({ ...statusOf('run-1', LINES, 2), ...changes });

describe('a status', () => {
  it('under way says how far it is and what it has cost so far', () => {
    expect(viewOf()).toEqual([
      'Run run-1 is running (analyzing)',
      '  2 of 4 done: 2 succeeded, 0 failed, 0 skipped',
      '  "triage" on deployment gpt-4o-mini, started 2026-01-01T12:00:00.000Z',
      '  cost so far $0.0020 by list price',
    ]);
  });

  it('says what it waits for, and how much of its cap is taken', () => {
    const lines = viewOf({ waitingFor: 'service', caps: { maxCostUsd: 0.5, maxTokens: null } });
    expect(lines.slice(3)).toEqual([
      '  waits for the service',
      '  cost so far $0.0020 by list price',
      '  $0.0020 of $0.5000 taken',
    ]);
  });

  it('does not say twice that it is paused', () => {
    expect(viewOf({ status: 'paused', waitingFor: 'paused' }).filter(line => line.includes('paused'))).toEqual([
      'Run run-1 is paused (analyzing)',
    ]);
  });

  it('at the end tells what bounded the run', () => {
    const ended = statusOf('run-1', LINES, LINES.length, 'completed');
    const lines = statusView(ended);
    expect(lines[0]).toBe('Run run-1 is completed');
    expect(lines[2]).toContain(', took 1 min 30 s');
    expect(lines.at(-1)).toBe(`  ${ended.summary?.verdict?.sentence}`);
    expect(lines.at(-1)).toMatch(/^ {2}Bound by /);
  });

  it('of a run that was stopped does not count as done what was not started', () => {
    const stopped = [...LINES, unsuccessful('not_started', 'budget'), unsuccessful('not_started', 'budget')];
    expect(statusView(statusOf('run-1', stopped, 6, 'completed'))[1]).toBe(
      '  4 of 6 done: 3 succeeded, 1 failed, 0 skipped, 2 not started',
    );
  });

  it('of a retry names the attempt beside its times', () => {
    const ended = statusOf('run-1', LINES, LINES.length, 'completed');
    const startedAt = '2026-01-01T13:00:00.000Z';
    const attempts = [...ended.attempts, { attempt: 2, startedAt, summary: null }];
    expect(statusView({ ...ended, attempt: 2, attempts })[2]).toBe(
      '  "triage" on deployment gpt-4o-mini, started 2026-01-01T12:00:00.000Z; ' +
        'attempt 2 started 2026-01-01T13:00:00.000Z, took 1 min 30 s',
    );
  });

  it('tells of what was put back, of what was not started, and of an error', () => {
    const { progress, summary } = statusOf('run-1', LINES, LINES.length, 'completed');
    const lines = viewOf({
      progress: { ...progress, deferrals: 7, costUsd: null },
      summary: summary && { ...summary, notStarted: 2, verdict: null },
      error: 'no such blob',
    });
    expect(lines[1]).toMatch(/, 2 not started$/);
    expect(lines.slice(3)).toEqual(['  7 times put back because the service was busy', '  no such blob']);
  });
});

describe('runs', () => {
  it('are a table in the order given', () => {
    const rows = runsTable([statusOf('run-2', LINES, 1), statusOf('run-1', LINES, 4, 'completed')]).split('\n');
    expect(rows.map(row => row.split(/ {2,}/))).toEqual([
      ['run', 'status', 'started (UTC)', 'done', 'failed', 'analysis'],
      ['run-2', 'running', '2026-01-01 12:00:00', '1/4', '0', 'triage'],
      ['run-1', 'completed', '2026-01-01 12:00:00', '4/4', '1', 'triage'],
    ]);
    expect(runsTable([])).toBe('No run has been started yet.');
  });
});
