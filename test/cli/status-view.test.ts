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
      '  calls: 2',
    ]);
  });

  it('says how its calls, its tokens, its waits and its storage have been so far', () => {
    const { progress } = statusOf('run-1', LINES, 2);
    const waitedMs = { ...progress.waitedMs, tokens: 30_000, requests: 1_000, paused: 4_000 };
    const counts = { calls: 56, coalesced: 3, cached: 60, deferrals: 7, throttled: 9 };
    const tokensPerMinute = { achieved: 96_000, allowed: 100_000 };
    const figures = { hitRate: 0.53, storagePerIssue: 3.31, tokensPerMinute, streams: 2 };
    expect(viewOf({ progress: { ...progress, ...counts, waitedMs }, figures }).slice(4)).toEqual([
      '  calls: 56, 3 equal to another issue, 60 from the cache, 9 refused for its limits, 7 times put back for later; 53 % of the answers took no call',
      '  tokens a minute, as the limits count them: 96,000 of 100,000 (96 %)',
      '  waits: 15.0 s for tokens, 2.0 s paused, in each stream on average',
      '  storage: 3.3 operations an issue',
    ]);
  });

  it('says nothing of calls before there is one', () => {
    expect(statusView(statusOf('run-1', LINES, 0)).filter(line => /calls|tokens|waits|storage/.test(line))).toEqual([]);
  });

  it('says what it waits for, and how much of its cap is taken', () => {
    const lines = viewOf({ waitingFor: 'service', caps: { maxCostUsd: 0.5, maxTokens: null } });
    expect(lines.slice(3, 6)).toEqual([
      '  waits for the service',
      '  cost so far $0.0020 by list price',
      '  $0.0020 of $0.5000 taken',
    ]);
  });

  it('of a retry says what all attempts have cost, and nothing where that is not known', () => {
    const costLines = (usd: number | null) => viewOf({ taken: { tokens: 900, usd } }).filter(line => /cost/.test(line));
    expect(costLines(0.2)).toEqual(['  cost so far $0.2000 by list price']);
    expect(costLines(null)).toEqual([]);
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
      progress: { ...progress, deferrals: 7 },
      summary: summary && { ...summary, notStarted: 2, verdict: null },
      error: 'no such blob',
    });
    expect(lines[1]).toMatch(/, 2 not started$/);
    expect(lines.slice(-2)).toEqual(['  calls: 3, 7 times put back for later', '  no such blob']);
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
