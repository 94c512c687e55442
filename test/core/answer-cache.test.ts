import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { questionOf } from '../../src/core/analysis.ts';
import { cachedRow, familyOf, familyText, isKept, progressOfRow } from '../../src/core/answer-cache.ts';
import { decide, type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { triage } from '../../src/core/triage.ts';
import { NO_USAGE } from '../../src/core/usage.ts';
import { issue, ledgerFacts, NOON_MS, settledRow } from '../helpers/factories.ts';

const claimed: LedgerRow = { state: 'claimed', ...ledgerFacts(), workerId: 'host:1:a', untilMs: NOON_MS };
const unknown: LedgerRow = { state: 'unknown', ...ledgerFacts({ failedAttempts: 2 }), code: 'timeout', atMs: NOON_MS };
const failed = settledRow({ outcome: 'failed', code: 'refused', answer: null, failedAttempts: 3 });
const skipped = settledRow({ outcome: 'skipped', code: 'empty_issue', answer: null });

describe('a family of answers', () => {
  test('is that of analysis, version, deployment and room', () => {
    expect(familyOf(triage, 'd1')).toEqual({
      analysis: 'triage',
      version: triage.version,
      deployment: 'd1',
      maxCompletionTokens: triage.maxCompletionTokens,
    });
  });

  test('has a text of its own, and changes with each thing that changes a question', () => {
    const names = fc.record({ name: fc.string(), deployment: fc.string(), version: fc.nat(3), room: fc.nat(3) });
    fc.assert(
      fc.property(names, names, (a, b) => {
        const [one, other] = [a, b].map(({ name, version, room, deployment }) => {
          const analysis = { ...triage, name, version, maxCompletionTokens: room };
          return {
            text: familyText(familyOf(analysis, deployment)),
            question: questionOf(analysis, deployment, issue()),
          };
        });
        expect(one?.text === other?.text).toBe(one?.question === other?.question);
      }),
    );
  });
});

describe('the row of an issue that the cache answers', () => {
  test('has neither calls nor tokens nor cost', () => {
    const row = cachedRow({ a: 1 }, 1, null);
    expect(row).toEqual({
      ...NO_FACTS,
      attempt: 1,
      state: 'settled',
      outcome: 'succeeded',
      code: null,
      answer: { a: 1 },
      cached: true,
      callMs: null,
      answeredAtMs: null,
      requestId: null,
    });
    expect(row).toMatchObject({ calls: 0, usage: NO_USAGE, costUsd: 0, possiblyPaidTwice: false });
  });

  test.each([failed, unknown, claimed])('keeps what an earlier attempt of the run spent ($state)', earlier => {
    const { calls, usage, costUsd, admittedTokens, spentMs } = earlier;
    expect(cachedRow({ a: 1 }, 2, earlier)).toEqual({
      ...cachedRow({ a: 1 }, 2, null),
      ...{ calls, usage, costUsd, admittedTokens, spentMs },
    });
  });

  test('is used by whichever worker comes to it', () => {
    const row = cachedRow({ a: 1 }, 2, failed);
    const delivery = { attempt: 2, handedOutAtMs: NOON_MS, nowMs: NOON_MS };
    const context = { ...delivery, maxAttempts: 5, isGone: () => false };
    expect(decide(row, context)).toEqual({ action: 'use', row });
  });
});

test('what succeeded or was skipped is kept by a later attempt, nothing else', () => {
  const rows = [settledRow(), settledRow({ cached: true }), skipped, failed, claimed, unknown, null];
  expect(rows.map(isKept)).toEqual([true, true, true, false, false, false, false]);
});

describe('what a row comes to', () => {
  const spent = { calls: 1, admittedTokens: 1_300, usage: ledgerFacts().usage, costUsd: 0.001 };

  test.each([
    ['a success', settledRow(), { succeeded: 3, coalesced: 2, withoutCall: 2 }],
    [
      'a success from the cache',
      settledRow({ cached: true }),
      { succeeded: 3, coalesced: 2, cached: 3, withoutCall: 3 },
    ],
    ['a failure', failed, { failed: 3 }],
    ['a skip', skipped, { skipped: 3 }],
  ])('with two copies: %s', (_, row, counts) => {
    expect(progressOfRow(row, 2)).toEqual({ ...NO_PROGRESS, ...spent, ...counts });
  });

  test('without copies is itself alone', () => {
    expect(progressOfRow(cachedRow({}, 1, null), 0)).toEqual({
      ...NO_PROGRESS,
      succeeded: 1,
      cached: 1,
      withoutCall: 1,
    });
  });
});
