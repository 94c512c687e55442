import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReportInputSchema, RunSummarySchema, type StreamEnd } from '../../src/core/contracts.ts';
import { FAILURES } from '../../src/core/failures.ts';
import { type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { adviceFor, createReportBuilder, endOf, type Outcome, type ResultLine } from '../../src/core/report.ts';
import {
  foldedRun,
  ledgerFacts,
  plan,
  reportInput,
  resultLine,
  settledRow,
  unsuccessful,
} from '../helpers/factories.ts';

const TABLE = { rows: 'category', columns: 'priority' };

/** What an issue has that was answered without a call of its own. */
const WITHOUT_CALL = { ...NO_FACTS, callMs: null, answeredAtMs: null };

function built(lines: readonly ResultLine[], input = reportInput()) {
  const builder = createReportBuilder(input, TABLE);
  for (const line of lines) builder.add(line);
  return builder.build();
}

describe('endOf', () => {
  const released: LedgerRow = { state: 'released', code: 'service_error', atMs: 0, ...ledgerFacts() };
  const timedOut: LedgerRow = { state: 'unknown', code: 'timeout', atMs: 0, ...ledgerFacts() };
  const limited: LedgerRow = { state: 'released', code: 'rate_limited', atMs: 0, ...ledgerFacts() };
  const claimed: LedgerRow = { state: 'claimed', workerId: 'w', untilMs: 0, ...ledgerFacts() };

  test.each<[string, LedgerRow | null, StreamEnd['kind'], string, string | null]>([
    ['a settled success', settledRow(), 'died', 'succeeded', null],
    ['a settled failure', settledRow({ outcome: 'failed', code: 'refused' }), 'drained', 'failed', 'refused'],
    ['a settled skip', settledRow({ outcome: 'skipped', code: 'empty_issue' }), 'fatal', 'skipped', 'empty_issue'],
    ['no row, stream drained', null, 'drained', 'failed', 'activity_failed'],
    ['no row, stream died', null, 'died', 'failed', 'stream_failed'],
    ['no row, deadline', null, 'deadline', 'not_started', 'deadline'],
    ['no row, fatal', null, 'fatal', 'not_started', 'fatal'],
    ['no row, budget', null, 'budget', 'not_started', 'budget'],
    ['no row, cancelled', null, 'cancelled', 'not_started', 'cancelled'],
    ['attempts that failed', released, 'drained', 'failed', 'service_error'],
    ['attempts that failed before the deadline', timedOut, 'deadline', 'failed', 'timeout'],
    ['attempts that failed, stream died', timedOut, 'died', 'failed', 'stream_failed'],
    [
      'put back after a call that may have been billed',
      { ...timedOut, code: 'rate_limited' },
      'deadline',
      'failed',
      'rate_limited',
    ],
    ['put back until the deadline', limited, 'deadline', 'not_started', 'deadline'],
    ['put back, yet drained', limited, 'drained', 'failed', 'activity_failed'],
    ['claimed until the deadline', claimed, 'deadline', 'failed', 'activity_failed'],
    ['claimed until the fatal error', claimed, 'fatal', 'failed', 'activity_failed'],
    ['claimed, yet drained', claimed, 'drained', 'failed', 'activity_failed'],
    ['claimed, stream died', claimed, 'died', 'failed', 'stream_failed'],
  ])('%s', (_, row, kind, outcome, code) => {
    expect(endOf(row, { kind, code: null })).toEqual({ outcome, code });
  });
});

describe('adviceFor', () => {
  test.each([...Object.keys(FAILURES), 'empty_issue', 'deadline', 'fatal', 'budget', 'cancelled'])(
    'has advice for %s',
    code => {
      expect(adviceFor(code)).toMatch(/\.$/);
    },
  );

  test('has none for an unknown code', () => {
    expect(adviceFor('gremlins')).toBe('');
  });
});

describe('the report of a run', () => {
  const lines = [
    resultLine({ id: 'A', callMs: 1_000, failedAttempts: 1, possiblyPaidTwice: true, shortened: true, calls: 2 }),
    resultLine({ id: 'B', coalescedWith: 'A', ...WITHOUT_CALL }),
    resultLine({ id: 'C', cached: true, ...WITHOUT_CALL, answer: { category: 'task', priority: 'low' } }),
    unsuccessful('failed', 'content_filter', 'D'),
    unsuccessful('skipped', 'empty_issue', 'E'),
    unsuccessful('not_started', 'deadline', 'F'),
    unsuccessful('not_started', 'deadline', 'G'),
  ];

  test('counts outcomes, flags, calls, tokens and cost', () => {
    expect(built(lines).summary).toMatchObject({
      runId: 'run-1',
      attempt: 1,
      analysis: 'triage',
      status: 'completed',
      error: null,
      startedAt: '2026-01-01T12:00:00.000Z',
      endedAt: '2026-01-01T12:01:30.000Z',
      durationMs: 90_000,
      total: 7,
      succeeded: 3,
      failed: 1,
      skipped: 1,
      notStarted: 2,
      cached: 1,
      coalesced: 1,
      batches: 1,
      deferrals: 0,
      calls: 2,
      possiblyPaidTwice: 1,
      shortened: 1,
      tokens: { promptTokens: 100, completionTokens: 10, cachedTokens: 0, totalTokens: 110 },
      costUsd: 0.001,
      callMs: { mean: 1_000, p50: 1_000, p95: 1_000, p99: 1_000, max: 1_000 },
      verdict: { bound: 'host' },
    });
  });

  test('holds the summary, the plan, the table and the errors', () => {
    const { summary, report } = built(lines, reportInput({ plan: plan({ deployment: 'd1', concurrency: 7 }) }));
    expect(report).toEqual({
      ...summary,
      deployment: 'd1',
      concurrency: 7,
      table: { rows: 'category', columns: 'priority', counts: { bug: { high: 2 }, task: { low: 1 } } },
      errors: [
        { code: 'deadline', outcome: 'not_started', count: 2, exampleIds: ['F', 'G'], advice: adviceFor('deadline') },
        {
          code: 'content_filter',
          outcome: 'failed',
          count: 1,
          exampleIds: ['D'],
          advice: FAILURES.content_filter.advice,
        },
        { code: 'empty_issue', outcome: 'skipped', count: 1, exampleIds: ['E'], advice: adviceFor('empty_issue') },
      ],
    });
  });

  test('takes deferrals and batches from the streams', () => {
    const progress = { ...NO_PROGRESS, deferrals: 12, batches: 4 };
    const { summary } = built([], reportInput({ loaded: foldedRun({ progress }) }));
    expect(summary).toMatchObject({ deferrals: 12, batches: 4, error: null });
  });

  test('of a run whose issues could not be read is failed and empty, and says why', () => {
    const { summary, report } = built([], reportInput({ failure: 'row 3 has no title', loaded: null }));
    const figures = { total: 0, batches: 0, deferrals: 0, costUsd: 0, streams: 0, callMs: null, verdict: null };
    expect(summary).toMatchObject({ status: 'failed', error: 'row 3 has no title', ...figures });
    expect(report).toMatchObject({ error: 'row 3 has no title', table: { counts: {} }, errors: [] });
  });

  test('costs nobody knows what, once one issue does', () => {
    expect(built([resultLine({ costUsd: null }), resultLine()]).summary.costUsd).toBeNull();
  });

  test('leads with what concerns every issue, then goes by count, then by code', () => {
    const errors = [
      ...Array.from({ length: 6 }, (_, n) => unsuccessful('failed', 'timeout', `T${n}`)),
      unsuccessful('failed', 'unauthorized'),
      unsuccessful('failed', 'refused'),
      unsuccessful('failed', 'bad_request'),
    ];
    const { report } = built(errors);
    expect(report.errors.map(({ code }) => code)).toEqual(['unauthorized', 'timeout', 'bad_request', 'refused']);
    expect(report.errors[1]).toMatchObject({ count: 6, exampleIds: ['T0', 'T1', 'T2', 'T3', 'T4'] });
  });

  test('groups one code apart by outcome', () => {
    const { report } = built([unsuccessful('failed', 'fatal'), unsuccessful('not_started', 'fatal')]);
    expect(report.errors.map(({ outcome, count }) => [outcome, count])).toEqual([
      ['failed', 1],
      ['not_started', 1],
    ]);
  });

  test('counts answers that are named like members of every object', () => {
    const answers = ['constructor', '__proto__', '__proto__'].map(category => ({ category, priority: 'toString' }));
    const { counts } = built(answers.map(answer => resultLine({ answer }))).report.table;
    expect(Object.entries(counts)).toEqual([
      ['constructor', { toString: 1 }],
      ['__proto__', { toString: 2 }],
    ]);
    expect(Object.hasOwn(Object.prototype, 'priority')).toBe(false);
  });
});

const anyLine: fc.Arbitrary<ResultLine> = fc
  .record({
    outcome: fc.constantFrom<Outcome>('succeeded', 'failed', 'skipped', 'not_started'),
    code: fc.constantFrom('timeout', 'unauthorized', 'fatal', 'empty_issue'),
    coalescedWith: fc.option(fc.constant('A')),
    cached: fc.boolean(),
    category: fc.constantFrom('bug', 'task'),
    priority: fc.constantFrom('high', 'low'),
    callMs: fc.option(fc.nat(100_000)),
  })
  .map(({ category, priority, ...line }) => {
    const succeeded = line.outcome === 'succeeded';
    const answer = succeeded ? { category, priority } : null;
    return resultLine({ ...line, code: succeeded ? null : line.code, answer });
  });

describe('the report of any run', () => {
  test('has outcomes, table and errors that add up', () => {
    fc.assert(
      fc.property(fc.array(anyLine), lines => {
        const { summary, report } = built(lines);
        const { succeeded, failed, skipped, notStarted } = summary;
        const inTable = Object.values(report.table.counts).flatMap(row => Object.values(row));
        const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
        expect(succeeded + failed + skipped + notStarted).toBe(lines.length);
        expect(summary.total).toBe(lines.length);
        expect(sum(inTable)).toBe(succeeded);
        expect(sum(report.errors.map(({ count }) => count))).toBe(failed + skipped + notStarted);
        expect(RunSummarySchema.parse(summary)).toEqual(summary);
      }),
    );
  });
});

test('the input of a report is what its schema says', () => {
  expect(ReportInputSchema.parse(reportInput())).toEqual(reportInput());
});
