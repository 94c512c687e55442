import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide, type LedgerFacts, type LedgerRow, NO_FACTS } from '../../src/core/ledger.ts';
import { ledgerFacts, settledRow } from '../helpers/factories.ts';

const NOW_MS = 1_000_000;
const context = { nowMs: NOW_MS, maxAttempts: 5, isGone: () => false };

function claimed(untilMs: number, changes: Partial<LedgerFacts> = {}): LedgerRow {
  return { state: 'claimed', workerId: 'w1', untilMs, ...ledgerFacts(changes) };
}

function unknown(failedAttempts: number): LedgerRow {
  return { state: 'unknown', code: 'timeout', ...ledgerFacts({ failedAttempts }) };
}

describe('decide', () => {
  test('claims an issue that has no row', () => {
    expect(decide(null, context)).toEqual({ action: 'claim', facts: NO_FACTS });
    expect(NO_FACTS).toEqual({
      failedAttempts: 0,
      possiblyPaidTwice: false,
      calls: 0,
      usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 },
      costUsd: 0,
    });
  });

  test('uses a settled row', () => {
    const row = settledRow({ outcome: 'failed', code: 'content_filter' });
    expect(decide(row, context)).toEqual({ action: 'use', row });
  });

  test('waits for a live claim until it ends, not longer', () => {
    expect(decide(claimed(NOW_MS + 1), context)).toEqual({ action: 'wait', untilMs: NOW_MS + 1 });
    expect(decide(claimed(NOW_MS), context).action).toBe('claim');
  });

  test('takes over the claim of a worker that is gone, before it has run out', () => {
    const decision = decide(claimed(NOW_MS + 60_000), { ...context, isGone: id => id === 'w1' });
    expect(decision).toEqual({
      action: 'claim',
      facts: ledgerFacts({ failedAttempts: 1, possiblyPaidTwice: true, calls: 2 }),
    });
  });

  test('counts the call of each lost worker, and of no other end', () => {
    const lost = decide(claimed(0, { calls: 3 }), context);
    expect(lost).toMatchObject({ action: 'claim', facts: { calls: 4 } });
    expect(decide(unknown(0), context)).toMatchObject({ action: 'claim', facts: { calls: 1 } });
  });

  test('a call that was surely not billed is not paid twice', () => {
    const row: LedgerRow = { state: 'released', code: 'rate_limited', ...ledgerFacts({ failedAttempts: 2 }) };
    expect(decide(row, context)).toEqual({ action: 'claim', facts: ledgerFacts({ failedAttempts: 2 }) });
  });

  test('a call that may have been billed may be paid twice', () => {
    const facts = ledgerFacts({ failedAttempts: 2, possiblyPaidTwice: true });
    expect(decide(unknown(2), context)).toEqual({ action: 'claim', facts });
  });

  test('gives up with the last code, and what was not called again was not paid twice', () => {
    const facts = ledgerFacts({ failedAttempts: 5 });
    expect(decide(unknown(5), context)).toEqual({ action: 'give_up', code: 'timeout', facts });
  });

  test('gives up on an issue that lost its worker too often', () => {
    expect(decide(claimed(0, { failedAttempts: 3 }), context).action).toBe('claim');
    const facts = ledgerFacts({ failedAttempts: 5, calls: 2 });
    expect(decide(claimed(0, { failedAttempts: 4 }), context)).toEqual({
      action: 'give_up',
      code: 'worker_lost',
      facts,
    });
  });
});

const count = fc.nat(10);
const facts: fc.Arbitrary<LedgerFacts> = fc.record({
  failedAttempts: count,
  possiblyPaidTwice: fc.boolean(),
  calls: count,
  usage: fc.record({ promptTokens: count, completionTokens: count, cachedTokens: count }),
  costUsd: fc.option(count),
});
const unsettledStates = fc.oneof(
  fc.record({
    state: fc.constant('claimed' as const),
    workerId: fc.constantFrom('alive', 'gone'),
    untilMs: fc.integer({ min: NOW_MS - 2, max: NOW_MS + 2 }),
  }),
  fc.record({
    state: fc.constantFrom('released' as const, 'unknown' as const),
    code: fc.constantFrom('timeout' as const, 'rate_limited' as const),
  }),
);
const unsettledRows: fc.Arbitrary<LedgerRow> = fc.tuple(unsettledStates, facts).map(([a, b]) => ({ ...a, ...b }));
const contexts = fc
  .integer({ min: 1, max: 8 })
  .map(maxAttempts => ({ nowMs: NOW_MS, maxAttempts, isGone: (id: string) => id === 'gone' }));

function isLive(row: LedgerRow): boolean {
  return row.state === 'claimed' && row.untilMs > NOW_MS && row.workerId === 'alive';
}

/** Attempts that failed by now: a dead claim is one more. */
function failuresOf(row: LedgerRow): number {
  return row.failedAttempts + (row.state === 'claimed' ? 1 : 0);
}

describe('decide, over all rows', () => {
  test('never claims a settled row', () => {
    fc.assert(
      fc.property(contexts, facts, (anyContext, anyFacts) => {
        expect(decide(settledRow(anyFacts), anyContext).action).toBe('use');
      }),
    );
  });

  test('waits for a live claim and for nothing else', () => {
    fc.assert(
      fc.property(unsettledRows, contexts, (row, anyContext) => {
        expect(decide(row, anyContext).action === 'wait').toBe(isLive(row));
      }),
    );
  });

  test('gives up exactly when as many attempts have failed as are allowed', () => {
    fc.assert(
      fc.property(unsettledRows, contexts, (row, anyContext) => {
        fc.pre(!isLive(row));
        const expected = failuresOf(row) >= anyContext.maxAttempts ? 'give_up' : 'claim';
        expect(decide(row, anyContext).action).toBe(expected);
      }),
    );
  });

  test('keeps the facts: a lost worker adds its call; calling again after a maybe billed call may pay twice', () => {
    fc.assert(
      fc.property(unsettledRows, contexts, (row, anyContext) => {
        const decision = decide(row, anyContext);
        fc.pre(decision.action === 'claim' || decision.action === 'give_up');
        const callsAgain = decision.action === 'claim' && row.state !== 'released';
        const { usage, costUsd } = row;
        expect(decision.facts).toEqual({
          failedAttempts: failuresOf(row),
          possiblyPaidTwice: row.possiblyPaidTwice || callsAgain,
          calls: row.calls + (row.state === 'claimed' ? 1 : 0),
          usage,
          costUsd,
        });
      }),
    );
  });
});
