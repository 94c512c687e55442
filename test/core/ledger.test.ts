import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addCalls,
  type CallCounts,
  decide,
  type FactsInHand,
  factsOf,
  type LedgerFacts,
  type LedgerRow,
  NO_CALLS,
  NO_FACTS,
  NO_TIME,
  queuedSinceMs,
  untoldOf,
} from '../../src/core/ledger.ts';
import { ledgerFacts, settledRow } from '../helpers/factories.ts';

const NOW_MS = 1_000_000;
/** Handed out two seconds ago, in the second attempt of the run. */
const HANDED_OUT_MS = NOW_MS - 2_000;
const context = { attempt: 2, handedOutAtMs: HANDED_OUT_MS, nowMs: NOW_MS, maxAttempts: 5, isGone: () => false };

/** Facts of the run's second attempt; every call was told. */
const factsNow = ({ untold = NO_CALLS, ...changes }: Partial<FactsInHand> = {}): FactsInHand => ({
  ...ledgerFacts({ attempt: 2, ...changes }),
  untold,
});
/** One call, of which no output has told. */
const ONE_CALL: CallCounts = {
  calls: 1,
  admittedTokens: 1_300,
  throttled: 0,
  usage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
  costUsd: 0.001,
  lastUsage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
};
/** The facts after so much waiting of a kind. */
const waited = (kind: 'throttle' | 'retry', durationMs: number, facts: FactsInHand): FactsInHand => ({
  ...facts,
  spentMs: { ...facts.spentMs, [kind]: facts.spentMs[kind] + durationMs },
});

function claimed(untilMs: number, changes: Partial<FactsInHand> = {}): LedgerRow {
  return { state: 'claimed', workerId: 'w1', untilMs, ...factsNow(changes) };
}

/** Put back at the very moment of the decision. */
function unknown(failedAttempts: number): LedgerRow {
  return { state: 'unknown', code: 'timeout', atMs: NOW_MS, ...factsNow({ failedAttempts }) };
}

describe('decide', () => {
  test('claims an issue that has no row', () => {
    expect(decide(null, context)).toEqual({ action: 'claim', facts: { ...NO_FACTS, untold: NO_CALLS, attempt: 2 } });
    expect(NO_FACTS).toEqual({
      attempt: 1,
      failedAttempts: 0,
      possiblyPaidTwice: false,
      calls: 0,
      admittedTokens: 0,
      spentMs: { queue: 0, model: 0, throttle: 0, retry: 0 },
      usage: { promptTokens: 0, completionTokens: 0, cachedTokens: 0 },
      costUsd: 0,
    });
  });

  test('uses a settled row', () => {
    const row = settledRow({ attempt: 2, outcome: 'failed', code: 'content_filter' });
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
      facts: factsNow({
        failedAttempts: 1,
        possiblyPaidTwice: true,
        calls: 2,
        untold: { ...NO_CALLS, calls: 1 },
      }),
    });
  });

  test('counts the call of each lost worker, and of no other end', () => {
    const lost = decide(claimed(0, { calls: 3 }), context);
    expect(lost).toMatchObject({ action: 'claim', facts: { calls: 4 } });
    expect(decide(unknown(0), context)).toMatchObject({ action: 'claim', facts: { calls: 1 } });
  });

  test('a call that was surely not billed is not paid twice', () => {
    const facts = factsNow({ failedAttempts: 2 });
    const row: LedgerRow = { state: 'released', code: 'rate_limited', atMs: NOW_MS, ...facts };
    expect(decide(row, context)).toEqual({ action: 'claim', facts });
  });

  test('a call that may have been billed may be paid twice', () => {
    const facts = factsNow({ failedAttempts: 2, possiblyPaidTwice: true });
    expect(decide(unknown(2), context)).toEqual({ action: 'claim', facts });
  });

  test('gives up with the last code, and what was not called again was not paid twice', () => {
    const facts = factsNow({ failedAttempts: 5 });
    expect(decide(unknown(5), context)).toEqual({ action: 'give_up', code: 'timeout', facts });
  });

  test('gives up on an issue that lost its worker too often', () => {
    expect(decide(claimed(0, { failedAttempts: 3 }), context).action).toBe('claim');
    const facts = factsNow({ failedAttempts: 5, calls: 2, untold: { ...NO_CALLS, calls: 1 } });
    expect(decide(claimed(0, { failedAttempts: 4 }), context)).toEqual({
      action: 'give_up',
      code: 'worker_lost',
      facts,
    });
  });
});

describe('calls that no output has told of', () => {
  test('add up, with a price only as long as each has one', () => {
    const usage = { promptTokens: 200, completionTokens: 20, cachedTokens: 0 };
    const lastUsage = { promptTokens: 90, completionTokens: 9, cachedTokens: 0 };
    const two = { calls: 2, admittedTokens: 2_600, throttled: 0, usage, costUsd: 0.002, lastUsage };
    expect(addCalls(ONE_CALL, { ...ONE_CALL, lastUsage })).toEqual(two);
    const refused = { ...NO_CALLS, calls: 1, throttled: 1, costUsd: null };
    expect(addCalls(two, refused)).toEqual({ ...two, calls: 3, throttled: 1, costUsd: null });
  });

  test.each(['released', 'unknown'] as const)('are in hand with a row that is %s', state => {
    const row: LedgerRow = { state, code: 'service_error', atMs: NOW_MS, ...factsNow({ untold: ONE_CALL }) };
    expect(decide(row, context)).toMatchObject({ action: 'claim', facts: { calls: 1, untold: ONE_CALL } });
    const exhausted = { ...row, failedAttempts: 5 };
    expect(decide(exhausted, context)).toMatchObject({ action: 'give_up', facts: { untold: ONE_CALL } });
  });

  test('are one more for a lost worker', () => {
    const untold = { ...ONE_CALL, calls: 2 };
    expect(decide(claimed(0, { untold: ONE_CALL }), context)).toMatchObject({ facts: { calls: 2, untold } });
  });

  test('of an earlier attempt of the run are left to its summary', () => {
    const row: LedgerRow = { ...claimed(0, { untold: ONE_CALL }), attempt: 1 };
    expect(decide(row, context)).toMatchObject({ facts: { calls: 2, untold: { ...NO_CALLS, calls: 1 } } });
    expect(untoldOf(settledRow({ untold: ONE_CALL }), 2)).toEqual(NO_CALLS);
  });

  test('are what a settled row tells once more, and none in a row of an older version', () => {
    expect(untoldOf(settledRow({ attempt: 2, untold: ONE_CALL }), 2)).toEqual(ONE_CALL);
    const { lastUsage: _, ...older } = ONE_CALL;
    const olderRow = settledRow({ attempt: 2, untold: older as CallCounts });
    expect(untoldOf(olderRow, 2)).toEqual({ ...ONE_CALL, lastUsage: null });
    expect(untoldOf(settledRow({ attempt: 2 }), 2)).toEqual(NO_CALLS);
    expect(decide(settledRow({ outcome: 'failed', attempt: 1 }), context)).toMatchObject({
      facts: { untold: NO_CALLS },
    });
  });
});

describe('the time since a row was put back', () => {
  const putBack = (code: 'rate_limited' | 'quota_exhausted' | 'breaker_open' | 'service_error', agoMs: number) =>
    ({ state: 'released', code, atMs: NOW_MS - agoMs, ...factsNow() }) satisfies LedgerRow;
  const factsAfter = (row: LedgerRow) => decide(row, context);

  test.each([
    ['rate_limited', 'throttle'],
    ['quota_exhausted', 'throttle'],
    ['breaker_open', 'retry'],
    ['service_error', 'retry'],
  ] as const)('for %s is time of the kind %s, until the issue was handed out again', (code, kind) => {
    const facts = waited(kind, 28_000, factsNow());
    expect(factsAfter(putBack(code, 30_000))).toEqual({ action: 'claim', facts });
    expect(queuedSinceMs(putBack(code, 30_000), context)).toBe(HANDED_OUT_MS);
  });

  test('by a throw, after which the same hand-out comes again, lasts until now', () => {
    expect(factsAfter(putBack('service_error', 1_500))).toMatchObject({ facts: waited('retry', 1_500, factsNow()) });
    expect(queuedSinceMs(putBack('service_error', 1_500), context)).toBe(NOW_MS);
  });

  test('is never less than nothing, whatever two clocks say', () => {
    expect(factsAfter(putBack('rate_limited', -500))).toMatchObject({ facts: factsNow() });
  });

  test('in an earlier attempt of the run was no waiting', () => {
    const row: LedgerRow = { ...putBack('rate_limited', 900_000), attempt: 1 };
    expect(decide(row, context)).toEqual({ action: 'claim', facts: factsNow() });
    expect(queuedSinceMs(row, context)).toBe(HANDED_OUT_MS);
  });
});

test('an issue that no worker came to queues since it was handed out; one of a lost worker, since it came again', () => {
  expect(queuedSinceMs(null, context)).toBe(HANDED_OUT_MS);
  expect(queuedSinceMs(claimed(0), context)).toBe(NOW_MS);
});

describe('what is left of an earlier attempt of the run', () => {
  test('is kept where it was answered or skipped', () => {
    for (const outcome of ['succeeded', 'skipped'] as const) {
      const row = settledRow({ outcome });
      expect(decide(row, context)).toEqual({ action: 'use', row });
    }
  });

  test('begins anew where it failed, with what it took so far', () => {
    const row = settledRow({ outcome: 'failed', code: 'service_error', failedAttempts: 5, calls: 10 });
    expect(decide(row, context)).toEqual({ action: 'claim', facts: factsNow({ calls: 10 }) });
  });

  test.each(['released', 'unknown'] as const)('has all its attempts again where it is %s', state => {
    const row: LedgerRow = { state, code: 'timeout', atMs: 0, ...ledgerFacts({ failedAttempts: 5 }) };
    const facts = factsNow({ possiblyPaidTwice: state === 'unknown' });
    expect(decide(row, context)).toEqual({ action: 'claim', facts });
  });
});

const count = fc.nat(10);
const facts: fc.Arbitrary<LedgerFacts> = fc.record({
  attempt: fc.constant(2),
  failedAttempts: count,
  possiblyPaidTwice: fc.boolean(),
  calls: count,
  admittedTokens: count,
  spentMs: fc.constant(NO_TIME),
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
    atMs: fc.integer({ min: NOW_MS - 5_000, max: NOW_MS }),
  }),
);
const unsettledRows: fc.Arbitrary<LedgerRow> = fc.tuple(unsettledStates, facts).map(([a, b]) => ({ ...a, ...b }));
const contexts = fc
  .integer({ min: 1, max: 8 })
  .map(maxAttempts => ({ ...context, maxAttempts, isGone: (id: string) => id === 'gone' }));

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
        const { spentMs, ...rest } = decision.facts;
        const { spentMs: _, ...before } = factsOf(row);
        expect(rest).toEqual({
          ...before,
          failedAttempts: failuresOf(row),
          possiblyPaidTwice: row.possiblyPaidTwice || callsAgain,
          calls: row.calls + (row.state === 'claimed' ? 1 : 0),
          untold: { ...NO_CALLS, calls: row.state === 'claimed' ? 1 : 0 },
        });
        expect(spentMs.throttle + spentMs.retry).toBe('atMs' in row ? queuedSinceMs(row, anyContext) - row.atMs : 0);
      }),
    );
  });
});
