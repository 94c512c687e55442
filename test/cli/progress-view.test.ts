import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createProgressView } from '../../cli/progress-view.ts';
import type { RunStatus } from '../../src/core/run-status.ts';
import { unsuccessful } from '../helpers/factories.ts';
import { statusOf, THREE_LINES } from '../helpers/fake-app.ts';

const LINES = [...THREE_LINES, unsuccessful('failed', 'timeout'), unsuccessful('skipped', 'empty_issue')];
const statusAfter = (done: number) => statusOf('run-1', LINES, done, done === LINES.length ? 'completed' : undefined);

function lineHarness(issues: number | null = 5) {
  const lines: string[] = [];
  let nowMs = 0;
  const view = createProgressView({
    terminal: { barStream: null, err: line => lines.push(line) },
    nowMs: () => nowMs,
    issues,
  });
  return { view, lines, at: (ms: number) => (nowMs = ms) };
}

describe('without a terminal', () => {
  it('writes a line at first, every 10 s, and at the end', () => {
    const { view, lines, at } = lineHarness();
    for (const [second, done] of [
      [0, 0],
      [2, 1],
      [9.9, 2],
      [10, 2],
      [12, 3],
      [14, 5],
    ] as const) {
      at(second * 1_000);
      view.update(statusAfter(done));
    }
    view.stop();
    expect(lines).toEqual([
      '0/5',
      '2/5 | 12/min | ETA 14.8 s | 2 succeeded',
      '5/5 | 1 failed | 1 skipped | 3 succeeded',
    ]);
  });

  it('does not say the same twice', () => {
    const { view, lines, at } = lineHarness();
    view.update(statusAfter(5));
    at(60_000);
    view.update(statusAfter(5));
    view.stop();
    expect(lines).toHaveLength(1);
  });

  it('says a note once, and again when it comes back', () => {
    const { view, lines } = lineHarness();
    for (const note of ['no answer', 'no answer', '', 'no answer', '']) view.note(note);
    expect(lines).toEqual(['no answer', 'no answer']);
  });

  it('says what it does when it is not counting issues', () => {
    const { view, lines, at } = lineHarness(null);
    const status = statusAfter(0);
    const { progress } = status;
    view.update({ ...status, progress: { ...progress, total: 0 }, phase: 'loading' });
    at(10_000);
    view.update({ ...status, progress: { ...progress, total: 5, done: 5 }, phase: 'reporting' });
    expect(lines).toEqual(['0/? | reading the issues', '5/5 | writing the report']);
  });
});

describe('what a run stands still for', () => {
  const linesFor = (changes: Partial<RunStatus>) => {
    const { view, lines } = lineHarness();
    view.update({ ...statusAfter(2), ...changes });
    return lines.at(-1);
  };

  it.each([
    ['tokens', 'waits for tokens'],
    ['requests', 'waits for requests'],
    ['service', 'waits for the service'],
    ['budget', 'waits for its budget'],
    ['paused', 'paused'],
  ] as const)('%s', (waitingFor, text) => {
    expect(linesFor({ waitingFor })).toBe(`2/5 | ${text} | 2 succeeded`);
  });

  it('is what it was told before what its streams say', () => {
    expect(linesFor({ status: 'paused', waitingFor: 'tokens' })).toBe('2/5 | paused | 2 succeeded');
    expect(linesFor({ status: 'cancelling', waitingFor: 'paused' })).toBe('2/5 | cancelling | 2 succeeded');
  });

  it('is nothing once all is done', () => {
    expect(linesFor({ ...statusAfter(5), waitingFor: 'tokens' })).toBe('5/5 | 1 failed | 1 skipped | 3 succeeded');
  });

  it.each<[Partial<RunStatus>, boolean]>([
    [{}, true],
    [{ waitingFor: 'tokens' }, true],
    [{ waitingFor: 'budget' }, false],
    [{ waitingFor: 'paused' }, false],
    [{ status: 'paused' }, false],
    [{ status: 'cancelling' }, false],
    [{ status: 'terminated' }, false],
  ])('leaves an ETA only to a run that goes on by itself: %j', (changes, hasEta) => {
    const { view, lines, at } = lineHarness();
    view.update({ ...statusAfter(1), ...changes });
    at(10_000);
    view.update({ ...statusAfter(2), ...changes });
    expect(/ETA 30.0 s/.test(lines.at(-1) ?? '')).toBe(hasEta);
  });

  it('is of no matter once it has ended, also with issues that were not started', () => {
    const { view, lines, at } = lineHarness();
    const ended = statusOf('run-1', [...LINES, unsuccessful('not_started', 'cancelled')], 6, 'completed');
    view.update({ ...ended, status: 'running', progress: { ...ended.progress, done: 0 } });
    at(10_000);
    view.update(ended);
    expect(lines.at(-1)).toBe('5/6 | 1 failed | 1 skipped | 3 succeeded');
  });

  it('comes with what is taken of the nearer cap', () => {
    const caps = (maxCostUsd: number | null, maxTokens: number | null) =>
      linesFor({ caps: { maxCostUsd, maxTokens } })?.split(' | ')[1];
    expect(caps(0.5, null)).toBe('$0.0020 of $0.5000 taken');
    expect(caps(0.5, 300)).toBe('220 of 300 tokens taken');
    expect(caps(0.0021, 300)).toBe('$0.0020 of $0.0021 taken');
    expect(caps(null, 1_000_000)).toBe('220 of 1,000,000 tokens taken');
    const unpriced = { taken: { tokens: 220, usd: null }, caps: { maxCostUsd: 0.5, maxTokens: null } };
    expect(linesFor(unpriced)).toBe('2/5 | 2 succeeded');
  });

  it('counts for its cap what earlier attempts took', () => {
    const ofBoth = { taken: { tokens: 900_000, usd: 0.2 }, caps: { maxCostUsd: 1, maxTokens: 1_000_000 } };
    expect(linesFor(ofBoth)).toBe('2/5 | 900,000 of 1,000,000 tokens taken | 2 succeeded');
  });
});

/** A stream that looks like a terminal of some width and keeps what is written. */
function fakeTerminal(columns: number) {
  let written = '';
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns, rows: 24 });
  stream.on('data', chunk => {
    written += chunk;
  });
  return {
    stream: stream as unknown as NodeJS.WriteStream,
    written: () => stripVTControlCharacters(written),
    raw: () => written,
  };
}

describe('on a terminal', () => {
  it('draws a bar with figures, and leaves the last state', () => {
    const { stream, written } = fakeTerminal(100);
    const view = createProgressView({ terminal: { barStream: stream, err: () => {} }, nowMs: () => 0, issues: 5 });
    view.update(statusAfter(2));
    view.update(statusAfter(5));
    view.stop();
    expect(written()).toContain('░░░░░');
    const last = written().slice(written().lastIndexOf('░') + 1);
    expect(last).toMatch(/█+ 5\/5 \| 1 failed \| 1 skipped \| 3 succeeded\s*$/);
  });

  /** The last state of a bar in which so many of 10,000 are done after 10 s. */
  function lastState(columns: number, counts: { succeeded: number; failed: number; skipped: number }): string {
    const { stream, written } = fakeTerminal(columns);
    let nowMs = 0;
    const terminal = { barStream: stream, err: () => {} };
    const view = createProgressView({ terminal, nowMs: () => nowMs, issues: 10_000 });
    const status = statusAfter(0);
    const { progress } = status;
    view.update({ ...status, progress: { ...progress, total: 10_000, done: 0 } });
    nowMs = 10_000;
    const done = counts.succeeded + counts.failed + counts.skipped;
    view.update({ ...status, progress: { ...progress, ...counts, total: 10_000, done } });
    view.stop();
    // Nothing was done in any state before.
    return written().slice(written().indexOf('█')).trimEnd();
  }

  it('leaves the bar at least 20 of 80 columns, with the figures whole beside it', () => {
    const last = lastState(80, { succeeded: 2_500, failed: 0, skipped: 0 });
    expect(last).toBe('█████░░░░░░░░░░░░░░░ 2,500/10,000 | 15,000/min | ETA 30.0 s | 2,500 succeeded');
    expect(last.length).toBeLessThanOrEqual(80);
  });

  it('drops the figures that do not fit, the least important first, and cuts none', () => {
    const counts = { succeeded: 2_490, failed: 7, skipped: 3 };
    expect(lastState(80, counts)).toMatch(/ETA 30\.0 s \| 7 failed\s*$/);
    expect(lastState(120, counts)).toMatch(/7 failed \| 3 skipped \| 2,490 succeeded\s*$/);
    expect(lastState(30, counts)).toMatch(/░ 2,500\/10/);
  });

  it('shows the cursor again', () => {
    const { stream, raw } = fakeTerminal(100);
    const view = createProgressView({ terminal: { barStream: stream, err: () => {} }, nowMs: () => 0, issues: null });
    view.stop();
    expect(raw().lastIndexOf('\u001b[?25h')).toBeGreaterThan(raw().lastIndexOf('\u001b[?25l'));
  });

  it('shows a note in place of the figures, and takes it back', () => {
    const { stream, written } = fakeTerminal(60);
    const view = createProgressView({ terminal: { barStream: stream, err: () => {} }, nowMs: () => 0, issues: 5 });
    view.update(statusAfter(2));
    view.note('no answer');
    view.stop();
    expect(written()).toMatch(/no answer\s*$/);
    const again = createProgressView({ terminal: { barStream: stream, err: () => {} }, nowMs: () => 0, issues: 5 });
    again.update(statusAfter(2));
    again.note('no answer');
    again.note('');
    again.stop();
    expect(written()).toMatch(/2\/5 \| 2 succeeded\s*$/);
  });
});
