import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reportView } from '../../cli/report-view.ts';
import type { Report, ResultLine } from '../../src/core/report.ts';
import { resultLine, unsuccessful } from '../helpers/factories.ts';
import { reportOf, THREE_LINES } from '../helpers/fake-app.ts';

const CATEGORIES = [
  'bug',
  'crash',
  'performance',
  'security',
  'feature_request',
  'question',
  'documentation',
  'task',
  'other',
];
const PRIORITIES = ['critical', 'high', 'medium', 'low'];

function view(report: Report, isSimulated: boolean | null = false): string {
  return reportView(report, { isSimulated });
}

const viewOf = (lines: readonly ResultLine[], changes: Partial<Report> = {}) =>
  view({ ...reportOf(lines), ...changes });
const headlineOf = (lines: readonly ResultLine[], changes: Partial<Report> = {}) =>
  viewOf(lines, changes).split('\n', 1)[0];
const answered = (category: string, priority: string) => resultLine({ answer: { category, priority } });

/** The table's rows as cells, header first. */
function tableOf(text: string): string[][] {
  const [, table = ''] = text.split('\n\n');
  return table.split('\n').map(line => line.split(/ {2,}/));
}

describe('headline', () => {
  it('says that all is well', () => {
    expect(headlineOf(THREE_LINES)).toBe('All 3 issues succeeded in 1 min 30 s.');
    expect(headlineOf([resultLine()])).toBe('All 1 issue succeeded in 1 min 30 s.');
  });

  it('names what did not succeed, and only that', () => {
    const lines = [...THREE_LINES, unsuccessful('failed', 'timeout'), unsuccessful('skipped', 'empty_issue')];
    expect(headlineOf(lines)).toBe('3 of 5 issues succeeded in 1 min 30 s; 1 failed, 1 skipped.');
  });

  it('leads with an early stop', () => {
    const lines = [
      unsuccessful('failed', 'unauthorized'),
      unsuccessful('not_started', 'fatal'),
      unsuccessful('not_started', 'fatal'),
    ];
    expect(headlineOf(lines)).toBe(
      'The run stopped early. 0 of 3 issues succeeded in 1 min 30 s; 1 failed, 2 not started.',
    );
  });

  it('of a retry tells whose time it is', () => {
    expect(headlineOf(THREE_LINES, { attempt: 2 })).toBe('All 3 issues succeeded. Attempt 2 took 1 min 30 s.');
    const lines = [...THREE_LINES, unsuccessful('failed', 'timeout'), unsuccessful('not_started', 'budget')];
    expect(headlineOf(lines, { attempt: 4 })).toBe(
      'The run stopped early. 3 of 5 issues succeeded; 1 failed, 1 not started. Attempt 4 took 1 min 30 s.',
    );
  });

  it('says that there was nothing to analyse when the issues could not be read', () => {
    expect(headlineOf([], { status: 'failed' })).toBe('The run failed: its issues could not be read.');
  });
});

describe('the first lines', () => {
  it('are outcome, cost and verdict, before anything else', () => {
    const verdict = { bound: 'concurrency' as const, sentence: 'Bound by concurrency: raise it.' };
    expect(viewOf(THREE_LINES, { verdict }).split('\n').slice(0, 4)).toEqual([
      'All 3 issues succeeded in 1 min 30 s.',
      'Cost: $0.0030 by list price, 0.1 cents an issue.',
      'Bound by concurrency: raise it.',
      '',
    ]);
  });

  it('do without a verdict in reports of version 0.1.0', () => {
    expect(viewOf(THREE_LINES, { verdict: null }).split('\n')[2]).toBe('');
  });

  it('are all of a report whose issues could not be read', () => {
    const report = { ...reportOf([]), status: 'failed' as const, verdict: null };
    expect(view(report)).toBe('The run failed: its issues could not be read.');
  });
});

describe('table', () => {
  it('has priorities from critical to low, the largest category first, and sums that add up', () => {
    const text = viewOf([
      answered('question', 'low'),
      answered('bug', 'low'),
      answered('bug', 'critical'),
      answered('bug', 'high'),
    ]);
    expect(tableOf(text)).toEqual([
      ['category / priority', 'critical', 'high', 'medium', 'low', 'sum'],
      ['bug', '1', '1', '-', '1', '3'],
      ['question', '-', '-', '-', '1', '1'],
      ['sum', '1', '1', '-', '2', '4'],
    ]);
  });

  it('keeps values that the analysis does not know', () => {
    const text = viewOf([answered('mystery', 'urgent')], { analysis: 'someone_elses' });
    expect(tableOf(text)).toEqual([
      ['category / priority', 'urgent', 'sum'],
      ['mystery', '1', '1'],
      ['sum', '1', '1'],
    ]);
  });

  it('is left out without a success', () => {
    expect(viewOf([unsuccessful('failed', 'timeout')])).not.toContain('category');
  });

  it('adds up for any answers', () => {
    const anyAnswer = fc.tuple(fc.constantFrom(...CATEGORIES), fc.constantFrom(...PRIORITIES));
    fc.assert(
      fc.property(fc.array(anyAnswer, { minLength: 1, maxLength: 60 }), answers => {
        const [head = [], ...rows] = tableOf(
          viewOf(answers.map(([category, priority]) => answered(category, priority))),
        );
        const sums = rows.pop() ?? [];
        const count = (cell: string | undefined) => (cell === '-' ? 0 : Number(cell));
        for (const [column] of head.entries()) {
          if (column > 0) expect(count(sums[column])).toBe(rows.reduce((sum, row) => sum + count(row[column]), 0));
        }
        expect(count(sums.at(-1))).toBe(answers.length);
        const rowSums = rows.map(row => count(row.at(-1)));
        expect(rowSums).toEqual(rowSums.toSorted((a, b) => b - a));
      }),
    );
  });
});

describe('figures', () => {
  const lineOf = (name: string, text: string) => text.split('\n').find(line => line.startsWith(name));

  it('shows times of calls, throughput and tokens', () => {
    const callMs = { mean: 500, p50: 410, p95: 918, p99: 1_300, max: 2_000 };
    const tokens = { promptTokens: 30_852, cachedTokens: 1_024, completionTokens: 6_318, totalTokens: 37_170 };
    const inFlight = { most: 10, mean: 9.68, overMs: 1_000 };
    const text = viewOf(THREE_LINES, { callMs, tokens, durationMs: 1_000, inFlight });
    expect(lineOf('Call ', text)).toMatch(/p50 410 ms, p95 918 ms, p99 1.3 s, longest 2.0 s$/);
    expect(lineOf('Throughput', text)).toMatch(/3.0\/s \(180\/min\), up to 10 calls in flight, 9.7 on average$/);
    expect(lineOf('Tokens', text)).toMatch(/30,852 prompt \(1,024 of them cached\) \+ 6,318 completion = 37,170$/);
  });

  it('shows where the time of an issue went', () => {
    const none = { queue: 0, model: 0, throttle: 0, retry: 0 };
    const text = viewOf(THREE_LINES, { spentMs: { total: none, mean: { ...none, queue: 3_200, model: 1_100 } } });
    expect(lineOf('Each issue', text)).toMatch(/ 3.2 s queued, 1.1 s in calls on average$/);
    const waits = { queue: 0, model: 1_100, throttle: 900, retry: 2_000 };
    expect(lineOf('Each issue', viewOf(THREE_LINES, { spentMs: { total: none, mean: waits } }))).toMatch(
      / 0 ms queued, 1.1 s in calls, 900 ms throttled, 2.0 s before retries on average$/,
    );
  });

  it('shows what the deployment admits, and what was made of it', () => {
    const tokensPerMinute = { achieved: 96_000, allowed: 100_000 };
    const rates = { tokensPerMinute, requestsPerMinute: { achieved: 80.4, allowed: null } };
    const textOver = (overMs: number) => viewOf(THREE_LINES, { ...rates, inFlight: { most: 3, mean: 2, overMs } });
    expect(lineOf('Each minute', textOver(60_000))).toMatch(/ 96,000 of 100,000 \(96 %\) tokens, 80 requests$/);
    expect(lineOf('First minute', textOver(59_999))).toMatch(/ 96,000 of 100,000 \(96 %\) tokens, 80 requests$/);
    expect(textOver(59_999)).not.toContain('Each minute');
    const nothing = { achieved: 0, allowed: 100 };
    const without = viewOf(THREE_LINES, { tokensPerMinute: nothing, requestsPerMinute: nothing });
    expect(without).not.toMatch(/(First|Each) minute/);
  });

  it('shows waits of a second and more, as one stream had them', () => {
    const waitedMs = { tokens: 60_000, requests: 1_000, service: 4_000, budget: 2_000, paused: 6_000 };
    expect(lineOf('Waits', viewOf(THREE_LINES, { streams: 2, waitedMs }))).toMatch(
      / 30.0 s for tokens, 2.0 s for the service, 1.0 s for the budget, 3.0 s paused, in each stream on average$/,
    );
    expect(viewOf(THREE_LINES)).not.toContain('Waits');
  });

  it('shows what storage took, and how long answers were', () => {
    const text = viewOf(THREE_LINES, {
      storage: { operations: 9, perIssue: 3, ms: 45 },
      completionTokens: { mean: 142, p995: 310, max: 500, reserved: 1_200 },
    });
    expect(lineOf('Storage', text)).toMatch(/ 3.0 operations an issue, 5 ms each$/);
    expect(lineOf('Answers', text)).toMatch(/ 142 tokens on average, 99.5 % within 310; 1,200 reserved for each$/);
    const bare = viewOf(THREE_LINES, { completionTokens: null });
    expect([lineOf('Storage', bare), lineOf('Answers', bare)]).toEqual([undefined, undefined]);
  });

  it('of a retry says which of them are of its own', () => {
    expect(lineOf('Attempt', viewOf(THREE_LINES, { attempt: 2 }))).toMatch(
      / 2: refusals, rates, waits and storage are its own, all else is of all attempts$/,
    );
    expect(lineOf('Attempt', viewOf(THREE_LINES))).toBeUndefined();
  });

  it('leaves out the throughput of a retry, which has only done the rest', () => {
    expect(lineOf('Throughput', viewOf(THREE_LINES, { attempt: 2 }))).toBeUndefined();
  });

  it('counts in the throughput only what was started', () => {
    const text = viewOf([...THREE_LINES, unsuccessful('not_started', 'deadline')], { durationMs: 1_000 });
    expect(lineOf('Throughput', text)).toContain('3.0/s');
  });

  it('leaves out times and throughput where there are none', () => {
    const text = viewOf([unsuccessful('not_started', 'deadline')]);
    expect([lineOf('Call ', text), lineOf('Each issue', text)]).toEqual([undefined, undefined]);
    expect(lineOf('Throughput', text)).toBeUndefined();
  });

  it('says when nothing was billed, and when the price is not known', () => {
    const report = reportOf(THREE_LINES);
    const price = 'Cost: $0.0030 by list price, 0.1 cents an issue';
    expect(lineOf('Cost', view(report, true))).toBe(`${price}; simulated, nothing was billed.`);
    expect(lineOf('Cost', view(report, null))).toBe(`${price}.`);
    expect(lineOf('Cost', view({ ...report, costPerIssueUsd: 0.0123 }))).toContain(', $0.0123 an issue.');
    const unknown = { costUsd: null, costPerIssueUsd: null, deployment: 'ours' };
    expect(lineOf('Cost', view({ ...report, ...unknown }))).toBe('Cost: price of ours unknown.');
  });

  it('says which share of the answers was free', () => {
    expect(lineOf('Cost', viewOf(THREE_LINES, { hitRate: 0.178 }))).toMatch(/; 18 % of the answers took no call\.$/);
    expect(lineOf('Cost', viewOf(THREE_LINES))).not.toContain('took no call');
  });

  it('says what was saved and what was put back, only if something was', () => {
    expect(lineOf('Calls', viewOf(THREE_LINES))).toMatch(/ 3$/);
    const changes = { coalesced: 2, cached: 1_000, deferrals: 7, throttled: 9 };
    const expected =
      /3, 2 equal to another issue, 1,000 from the cache, 9 refused for its limits, 7 times put back for later$/;
    expect(lineOf('Calls', viewOf(THREE_LINES, changes))).toMatch(expected);
    expect(lineOf('Calls', viewOf(THREE_LINES, { deferrals: 1 }))).toMatch(/3, 1 time put back for later$/);
  });

  it('tells of issues that were not sent whole', () => {
    expect(viewOf(THREE_LINES)).not.toContain('Shortened');
    expect(lineOf('Shortened', viewOf(THREE_LINES, { shortened: 3 }))).toContain('3 issues');
  });

  it('warns of what may have been paid twice', () => {
    expect(viewOf(THREE_LINES)).not.toContain('paid twice');
    expect(lineOf('Perhaps paid twice', viewOf(THREE_LINES, { possiblyPaidTwice: 2 }))).toContain('2 issues');
  });
});

describe('errors', () => {
  it('shows code, outcome, count, examples and advice', () => {
    const lines = Array.from({ length: 7 }, (_, i) => unsuccessful('failed', 'content_filter', `K-${i}`));
    const text = viewOf([...lines, unsuccessful('skipped', 'empty_issue', 'E-1')]);
    expect(text).toContain(
      "  content_filter: 7 failed (K-0, K-1, K-2, K-3, K-4, ...)\n    The service's content filter",
    );
    expect(text).toContain('  empty_issue: 1 skipped (E-1)\n');
  });

  it('shows nothing where nothing went wrong', () => {
    expect(viewOf(THREE_LINES)).not.toContain('did not succeed');
  });

  it('shows a code without advice in one line', () => {
    expect(
      viewOf([...THREE_LINES, unsuccessful('failed', 'brand_new', 'K-1')])
        .split('\n')
        .at(-1),
    ).toBe('  brand_new: 1 failed (K-1)');
  });
});

it('is plain text unless painted', () => {
  const report = reportOf([...THREE_LINES, unsuccessful('failed', 'timeout')]);
  const isPlain = (text: string) => [...text].every(character => character === '\n' || character >= ' ');
  expect(isPlain(view(report))).toBe(true);
  const painted = reportView(report, { isSimulated: false, paint: (style, text) => `<${style}>${text}</${style}>` });
  expect(painted).toMatch(/^<yellow>3 of 4 issues succeeded/);
  expect(painted.replaceAll(/<\/?\w+>/g, '').split('\n').length).toBe(view(report).split('\n').length);
});
