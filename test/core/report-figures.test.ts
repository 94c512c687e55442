import { describe, expect, test } from 'vitest';
import { type ReportInput, RunSummarySchema, type StreamEnd } from '../../src/core/contracts.ts';
import { NO_FACTS } from '../../src/core/ledger.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import type { ResultLine } from '../../src/core/report.ts';
import { createFigures, endOfRun } from '../../src/core/report-figures.ts';
import {
  capacityView,
  foldedRun,
  NOON_MS,
  plan,
  reportInput,
  resultLine,
  summary,
  unsuccessful,
} from '../helpers/factories.ts';

const end = (kind: StreamEnd['kind'], code: string | null = null): StreamEnd => ({ kind, code });
const WITHOUT_CALL = { ...NO_FACTS, callMs: null, answeredAtMs: null };

function figuresOf(lines: readonly ResultLine[], input: ReportInput = reportInput()) {
  const figures = createFigures(input);
  for (const line of lines) figures.add(line);
  const sum = (of: (line: ResultLine) => number) => lines.reduce((total, line) => total + of(line), 0);
  return figures.build({
    succeeded: lines.filter(({ outcome }) => outcome === 'succeeded').length,
    calls: sum(({ calls }) => calls),
    admittedTokens: sum(({ admittedTokens }) => admittedTokens),
    costUsd: sum(({ costUsd }) => costUsd ?? 0),
  });
}

/** A success whose call ran from one second after noon to another. */
const called = (fromSecond: number, toSecond: number, changes: Partial<ResultLine> = {}) =>
  resultLine({
    callMs: (toSecond - fromSecond) * 1_000,
    answeredAtMs: NOON_MS + toSecond * 1_000,
    ...changes,
  });

describe('the end of a run', () => {
  test.each<[readonly StreamEnd[], StreamEnd]>([
    [[], end('drained')],
    [[end('drained'), end('drained')], end('drained')],
    [[end('drained'), end('died')], end('died')],
    [[end('died'), end('deadline')], end('deadline')],
    [[end('deadline'), end('fatal', 'forbidden')], end('fatal', 'forbidden')],
    [[end('fatal', 'forbidden'), end('budget')], end('budget')],
    [[end('budget'), end('cancelled'), end('drained')], end('cancelled')],
    [[end('fatal'), end('fatal', 'unauthorized'), end('drained')], end('fatal', 'unauthorized')],
  ])('of %j is %j', (ends, expected) => {
    expect(endOfRun(ends)).toEqual(expected);
  });

  test.each([
    ['drained', unsuccessful('failed', 'activity_failed'), null, null],
    ['budget', unsuccessful('not_started', 'budget'), 'budget', 'budget'],
    ['budget', resultLine(), 'budget', null],
    ['died', unsuccessful('failed', 'stream_failed'), 'died', 'died'],
    ['died', unsuccessful('failed', 'timeout'), 'died', null],
  ] as const)('%s with a line of %j', (kind, line, reason, incomplete) => {
    const { stopped, ...figures } = figuresOf([line], reportInput({ loaded: foldedRun({ ends: [end(kind)] }) }));
    expect([stopped?.reason ?? null, figures.incomplete]).toEqual([reason, incomplete]);
  });
});

describe('what caps hold for a call', () => {
  const hold = (changes: Parameters<typeof reportInput>[0] = {}) => figuresOf([], reportInput(changes)).callHold;

  test('is what its largest prompt and its answer may be billed', () => {
    expect(hold()).toEqual({ tokens: 1.5 * 700 + 1_200, usd: expect.closeTo((1_050 * 0.15 + 1_200 * 0.6) / 1e6, 12) });
    expect(hold({ plan: plan({ price: null }) })).toEqual({ tokens: 2_250, usd: 0 });
  });

  test('goes by the room that answers need', () => {
    const learned = (triage: number) => foldedRun({ capacity: capacityView({ maxCompletionTokens: { triage } }) });
    expect(hold({ loaded: learned(144) })?.tokens).toBe(1_050 + 144);
    expect(hold({ loaded: learned(9_000) })?.tokens).toBe(2_250);
  });

  test('is not known where the issues could not be read', () => {
    expect(hold({ loaded: null })).toBeNull();
  });
});

describe('a retry that stopped', () => {
  const stoppedAt = (attempt: number, kind: StreamEnd['kind'] = 'budget') =>
    reportInput({ attempt, loaded: foldedRun({ ends: [end(kind)] }) });
  const failedIn = (attempt: number | null) => ({ ...unsuccessful('failed', 'service_error'), attempt });

  test.each([
    ['a failure of an earlier attempt was not done again', failedIn(1), 'budget', 'budget'],
    ['it failed again', failedIn(2), 'budget', null],
    ['no worker ever came to it', failedIn(null), 'budget', null],
    ['it was answered in an earlier attempt', resultLine({ attempt: 1 }), 'budget', null],
    ['it was skipped in an earlier attempt', unsuccessful('skipped', 'empty_issue'), 'budget', null],
    ['nothing stopped it', failedIn(1), 'drained', null],
  ] as const)('is incomplete or not: %s', (_, line, kind, incomplete) => {
    expect(figuresOf([line], stoppedAt(2, kind)).incomplete).toBe(incomplete);
  });
});

describe('figures', () => {
  test('tell what came without a call from what was bought', () => {
    const { hitRate, costPerIssueUsd } = figuresOf([
      resultLine({ costUsd: 0.004 }),
      resultLine({ coalescedWith: 'A', ...WITHOUT_CALL }),
      resultLine({ coalescedWith: 'A', cached: true, ...WITHOUT_CALL }),
      resultLine({ cached: true, ...WITHOUT_CALL }),
      unsuccessful('skipped', 'empty_issue'),
    ]);
    expect({ hitRate, costPerIssueUsd }).toEqual({ hitRate: 0.75, costPerIssueUsd: 0.001 });
    const nothing = figuresOf([unsuccessful('failed', 'timeout')]);
    expect([nothing.hitRate, nothing.costPerIssueUsd, nothing.callMs, nothing.completionTokens]).toEqual(
      Array(4).fill(null),
    );
    const unknown = createFigures(reportInput());
    unknown.add(resultLine({ costUsd: null }));
    expect(unknown.build({ succeeded: 1, calls: 1, admittedTokens: 0, costUsd: null }).costPerIssueUsd).toBeNull();
  });

  test('add up where the time went, and share it among the issues that were called for', () => {
    const { spentMs } = figuresOf([
      resultLine({ spentMs: { queue: 100, model: 1_000, throttle: 5_000, retry: 0 } }),
      unsuccessful('failed', 'timeout'),
      resultLine({ calls: 3, spentMs: { queue: 300, model: 2_001, throttle: 0, retry: 2_000 } }),
      resultLine({ cached: true, ...WITHOUT_CALL }),
    ]);
    expect(spentMs).toEqual({
      total: { queue: 400, model: 3_001, throttle: 5_000, retry: 2_000 },
      mean: { queue: 200, model: 1_501, throttle: 2_500, retry: 1_000 },
    });
  });

  test('count calls in flight, of this attempt alone', () => {
    const lines = [called(0, 60), called(30, 90), called(30, 120), called(0, 400, { attempt: 1 })];
    const second = lines.map(line => ({ ...line, attempt: line.attempt === 1 && line.callMs === 400_000 ? 1 : 2 }));
    const { inFlight, callMs } = figuresOf(second, reportInput({ attempt: 2 }));
    expect(inFlight).toEqual({ most: 3, mean: 1.75, overMs: 120_000 });
    expect(callMs).toEqual({ mean: 152_500, p50: 60_000, p95: 400_000, p99: 400_000, max: 400_000 });
  });

  test('take the requests and tokens of a first attempt from its rows, those of a later one from its streams', () => {
    const lines = [called(0, 60, { admittedTokens: 900, calls: 2 }), called(60, 120, { admittedTokens: 1_100 })];
    const progress = { ...NO_PROGRESS, calls: 1, admittedTokens: 300 };
    const first = figuresOf(lines, reportInput({ loaded: foldedRun({ progress }) }));
    expect(first).toMatchObject({
      newCalls: 3,
      admittedTokens: 2_000,
      tokensPerMinute: { achieved: 1_000, allowed: null },
      requestsPerMinute: { achieved: 1.5, allowed: null },
      bufferPercent: null,
    });
    const again = lines.map(line => ({ ...line, attempt: 2 }));
    const second = figuresOf(again, reportInput({ attempt: 2, loaded: foldedRun({ progress }) }));
    expect(second).toMatchObject({
      newCalls: 1,
      admittedTokens: 2_000,
      tokensPerMinute: { achieved: 150 },
      requestsPerMinute: { achieved: 0.5 },
    });
  });

  test('count less than a minute as one', () => {
    const { tokensPerMinute } = figuresOf([called(0, 6, { admittedTokens: 900 })]);
    expect(tokensPerMinute.achieved).toBe(900);
  });

  test('name the lesser of the limits that were set and those that were learned', () => {
    const capacity = capacityView({ bufferPercent: 8 });
    const learned = figuresOf([called(0, 1)], reportInput({ loaded: foldedRun({ capacity }) }));
    expect(learned).toMatchObject({
      tokensPerMinute: { allowed: 100_000 },
      requestsPerMinute: { allowed: 600 },
      bufferPercent: 8,
    });
    const set = plan({ tokensPerMinute: 5_000, requestsPerMinute: 7, bufferPercent: 30 });
    expect(figuresOf([called(0, 1)], reportInput({ plan: set, loaded: foldedRun({ capacity }) }))).toMatchObject({
      tokensPerMinute: { allowed: 5_000 },
      requestsPerMinute: { allowed: 7 },
      bufferPercent: 30,
    });
    const tooHigh = plan({ tokensPerMinute: 200_000, requestsPerMinute: 601 });
    expect(figuresOf([called(0, 1)], reportInput({ plan: tooHigh, loaded: foldedRun({ capacity }) }))).toMatchObject({
      tokensPerMinute: { allowed: 100_000 },
      requestsPerMinute: { allowed: 600 },
    });
    expect(figuresOf([called(0, 1)], reportInput({ plan: plan({ requestsPerMinute: 7 }) }))).toMatchObject({
      requestsPerMinute: { allowed: 7 },
      bufferPercent: null,
    });
  });

  test('show what answers took, and what was reserved for them', () => {
    const usage = (completionTokens: number) => ({ promptTokens: 100, completionTokens, cachedTokens: 0 });
    const lines = [
      resultLine({ usage: usage(100) }),
      resultLine({ usage: usage(200) }),
      resultLine({ usage: usage(900), calls: 2 }),
      resultLine({ usage: usage(900), coalescedWith: 'A' }),
      unsuccessful('failed', 'refused'),
    ];
    const sizes = { mean: 150, p995: 200, max: 200 };
    expect(figuresOf(lines).completionTokens).toEqual({ ...sizes, reserved: 1_200 });
    const reservedBy = (room: number) =>
      reportInput({ loaded: foldedRun({ capacity: capacityView({ maxCompletionTokens: { triage: room } }) }) });
    expect(figuresOf(lines, reservedBy(320)).completionTokens).toEqual({ ...sizes, reserved: 320 });
    expect(figuresOf(lines, reservedBy(Number.MAX_SAFE_INTEGER)).completionTokens?.reserved).toBe(1_200);
  });

  test('hand on what only streams know', () => {
    const progress = {
      ...NO_PROGRESS,
      succeeded: 4,
      throttled: 3,
      longestRetryAfterMs: 9_000,
      storage: { operations: 12, ms: 60 },
      waitedMs: { ...NO_PROGRESS.waitedMs, tokens: 700 },
    };
    const loaded = foldedRun({ progress, ends: [end('drained'), end('drained')] });
    expect(figuresOf([resultLine()], reportInput({ loaded }))).toMatchObject({
      throttled: 3,
      longestRetryAfterMs: 9_000,
      storage: { operations: 12, perIssue: 3, ms: 60 },
      waitedMs: progress.waitedMs,
      streams: 2,
    });
  });

  test('are all zero for a run whose issues could not be read, in either attempt', () => {
    for (const attempt of [1, 2]) {
      const figures = figuresOf([], reportInput({ attempt, loaded: null, failure: 'no such blob' }));
      expect(RunSummarySchema.parse(summary(figures))).toEqual(summary());
    }
  });
});

test('a summary of version 0.1.0 reads as one without these figures', () => {
  const { runId, attempt, analysis, status, error, startedAt, endedAt, durationMs, total, tokens, costUsd } = summary();
  const { succeeded, failed, skipped, notStarted, cached, coalesced, batches, deferrals, calls } = summary();
  const { possiblyPaidTwice, shortened } = summary();
  const head = { runId, attempt, analysis, status, error, startedAt, endedAt, durationMs };
  const counts = { total, succeeded, failed, skipped, notStarted, cached, coalesced, batches, deferrals, calls };
  const old = { ...head, ...counts, possiblyPaidTwice, shortened, tokens, costUsd };
  expect(RunSummarySchema.parse(old)).toEqual(summary());
  expect(RunSummarySchema.parse(old)).toMatchObject({ verdict: null, stopped: null, incomplete: null, newCalls: 0 });
});
