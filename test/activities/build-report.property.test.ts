import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { StreamEnd } from '../../src/core/contracts.ts';
import type { LedgerRow } from '../../src/core/ledger.ts';
import { ledgerFacts, settledRow } from '../helpers/factories.ts';
import { DRAINED, fold, issuesOf } from '../helpers/report-bench.ts';

const row = fc.oneof(
  fc.constant(null),
  fc.constant(settledRow()),
  fc.constant(
    settledRow({ outcome: 'failed', code: 'timeout', answer: null, callMs: null, answeredAtMs: null, calls: 3 }),
  ),
  fc.constant(settledRow({ outcome: 'skipped', code: 'empty_issue', answer: null, calls: 0, costUsd: 0 })),
  fc.constant<LedgerRow>({ state: 'unknown', ...ledgerFacts({ failedAttempts: 2 }), code: 'timeout', atMs: 0 }),
  fc.constant<LedgerRow>({ state: 'claimed', ...ledgerFacts({ calls: 0 }), workerId: 'w', untilMs: 0 }),
);
const end = fc.constantFrom<StreamEnd>(
  DRAINED,
  { kind: 'deadline', code: null },
  { kind: 'fatal', code: 'forbidden' },
  { kind: 'died', code: null },
);

test('whatever a run came to, its totals are those of its rows and of its ledger', async () => {
  const run = fc.record({
    contents: fc.array(fc.nat(12), { minLength: 1, maxLength: 40, size: 'max' }),
    rows: fc.array(row, { minLength: 40, maxLength: 40 }),
    ends: fc.array(end, { minLength: 1, maxLength: 4 }),
  });
  await fc.assert(
    fc.asyncProperty(run, async given => {
      const firsts = given.contents.flatMap((content, index) =>
        given.contents.indexOf(content) === index ? [index] : [],
      );
      const rows = given.rows.map((each, index) => (firsts.includes(index) ? each : null));
      const { summary, lines, csv } = await fold({ ...given, rows });
      const counted = (outcome: string) => lines.filter(line => line.outcome === outcome).length;
      expect(lines.map(({ id }) => id)).toEqual(issuesOf(given.contents).map(({ id }) => id));
      expect(parse(csv)).toHaveLength(lines.length + 1);
      expect(summary.total).toBe(given.contents.length);
      expect(summary.succeeded + summary.failed + summary.skipped + summary.notStarted).toBe(summary.total);
      expect([summary.succeeded, summary.failed, summary.skipped, summary.notStarted]).toEqual(
        ['succeeded', 'failed', 'skipped', 'not_started'].map(counted),
      );
      const present = rows.slice(0, given.contents.length).filter(each => each !== null);
      expect(summary.calls).toBe(present.reduce((sum, { calls }) => sum + calls, 0));
      expect(summary.tokens.promptTokens).toBe(present.reduce((sum, { usage }) => sum + usage.promptTokens, 0));
      for (const index of firsts) {
        const found = rows[index];
        if (found?.state === 'claimed') expect(lines[index]?.outcome).toBe('failed');
        if (found) continue;
        const isStopped = given.ends.some(({ kind }) => kind === 'deadline' || kind === 'fatal');
        expect(lines[index]?.outcome).toBe(isStopped ? 'not_started' : 'failed');
      }
    }),
    { numRuns: 60 },
  );
});
