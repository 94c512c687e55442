import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBuildReport } from '../../src/activities/build-report.ts';
import { progressOfRow } from '../../src/core/answer-cache.ts';
import type { RunSummary } from '../../src/core/contracts.ts';
import { decide, type LedgerRow } from '../../src/core/ledger.ts';
import { addProgress, NO_PROGRESS } from '../../src/core/progress.ts';
import { createResultsStore } from '../../src/services/results.ts';
import { ANSWER, runActivity } from '../helpers/activities.ts';
import { foldedRun, issue, ledgerFacts, NOON_MS, plan, reportInput, settledRow } from '../helpers/factories.ts';
import { createLoadBench } from '../helpers/load-bench.ts';
import { UNDELETED } from '../helpers/run-rows.ts';

const FATES = ['succeeded', 'failed', 'skipped', 'coalesced', 'released', 'untouched'] as const;
/** What becomes of an issue in an attempt; most are answered. */
const fate = fc.oneof(
  { weight: 3, arbitrary: fc.constant(FATES[0]) },
  { arbitrary: fc.constantFrom(...FATES), weight: 2 },
);

/** What a worker leaves of an issue that it comes to. */
function rowAfter(fated: (typeof FATES)[number], attempt: number, before: LedgerRow | null): LedgerRow | null {
  const delivery = { attempt, handedOutAtMs: NOON_MS, nowMs: NOON_MS };
  const decision = decide(before, { ...delivery, maxAttempts: 5, isGone: () => true });
  if (decision.action !== 'claim') throw new Error('an issue is open that nobody has to do');
  const { facts } = decision;
  const { usage, costUsd } = ledgerFacts();
  const promptTokens = facts.usage.promptTokens + usage.promptTokens;
  const called = {
    ...facts,
    calls: facts.calls + 1,
    usage: { ...usage, promptTokens },
    costUsd: (facts.costUsd ?? 0) + (costUsd ?? 0),
  };
  switch (fated) {
    case 'succeeded':
      return { ...settledRow({ answer: ANSWER }), ...called };
    case 'failed':
      return { ...settledRow({ outcome: 'failed', code: 'refused', answer: null }), ...called };
    case 'skipped':
      return { ...settledRow({ outcome: 'skipped', code: 'empty_issue', answer: null }), ...facts };
    case 'coalesced':
      return { ...settledRow({ answer: ANSWER, cached: true, callMs: null, answeredAtMs: null }), ...facts };
    case 'released':
      return { state: 'released', ...facts, code: 'rate_limited', atMs: NOON_MS };
    case 'untouched':
      return before;
  }
}

const attempts = fc.array(
  fc.record({
    useCache: fc.boolean(),
    /** Contents that another run has had answered since. */
    cached: fc.uniqueArray(fc.nat(15), { maxLength: 6 }),
    fates: fc.array(fate, { minLength: 16, maxLength: 16 }),
  }),
  { minLength: 1, maxLength: 3 },
);
const runs = fc.record({ contents: fc.array(fc.nat(15), { minLength: 1, maxLength: 40, size: 'max' }), attempts });

test('over any attempts, what is kept and what is done add up to the report, and nothing is asked twice', async () => {
  await fc.assert(
    fc.asyncProperty(runs, async ({ contents, attempts }) => {
      const { give, load, open, cacheAnswer, ledger, pages, cache, blobs } = createLoadBench();
      const results = createResultsStore(blobs);
      const report = createBuildReport({ ...UNDELETED, pages, ledger: () => ledger, results, cache });
      await give(contents.map((content, n) => issue({ id: `A-${n}`, title: String(content) })));
      const firsts = contents.flatMap((content, index) => (contents.indexOf(content) === index ? [index] : []));
      const copiesOf = (index: number) => contents.filter(content => content === contents[index]).length - 1;

      for (const [n, { useCache, cached, fates }] of attempts.entries()) {
        const attempt = n + 1;
        for (const content of cached) await cacheAnswer(issue({ title: String(content) }));
        const rowsBefore = firsts.map(index => ledger.row('run', index));
        const loaded = await load({ attempt, plan: plan({ useCache }) });
        const todo = await open(loaded);
        const answered = firsts.filter((_, i) => rowsBefore[i]?.state === 'settled' && succeeded(rowsBefore[i]));
        expect(todo.filter(index => answered.includes(index))).toEqual([]);

        let progress = NO_PROGRESS;
        let [calls, costUsd] = [loaded.kept.calls, loaded.kept.costUsd ?? 0];
        for (const index of todo) {
          const entry = await ledger.read('run', index);
          const row = rowAfter(fates[contents[index] ?? 0] ?? 'untouched', attempt, entry?.row ?? null);
          calls += (row?.calls ?? 0) - (entry?.row.calls ?? 0);
          costUsd += (row?.costUsd ?? 0) - (entry?.row.costUsd ?? 0);
          if (row && row !== entry?.row) await ledger.write('run', index, row, entry?.etag ?? null);
          if (row?.state === 'settled' && row.attempt === attempt)
            progress = addProgress(progress, progressOfRow(row, copiesOf(index)));
        }
        const input = reportInput({ runId: 'run', attempt, plan: plan({ useCache }), loaded: foldedRun({ loaded }) });
        const summary = await runActivity<RunSummary>(report, input);
        const { succeeded: good, cached: fromCache, coalesced, skipped } = addProgress(loaded.kept, progress);
        expect(summary).toMatchObject({
          succeeded: good,
          cached: fromCache,
          coalesced,
          skipped,
          total: contents.length,
        });
        const rows = firsts.map(index => ledger.row('run', index));
        expect(summary.calls).toBe(rows.reduce((sum, row) => sum + (row?.calls ?? 0), 0));
        expect(summary.calls).toBe(calls);
        expect(summary.costUsd).toBeCloseTo(costUsd, 9);
      }
    }),
    { numRuns: 100 },
  );
});

function succeeded(row: LedgerRow | null | undefined): boolean {
  return row?.state === 'settled' && row.outcome !== 'failed';
}

test('a run of the same issues buys nothing; one of which half have changed buys exactly that half', async () => {
  const first = createLoadBench();
  const issues = Array.from({ length: 40 }, (_, n) => issue({ id: `A-${n}`, title: `Title ${n}` }));
  await first.give(issues);
  expect((await first.load()).units).toBe(40);
  for (let index = 0; index < 40; index++) {
    await first.ledger.write('run', index, settledRow({ answer: ANSWER }), null);
  }
  const report = createBuildReport({
    ...first,
    ledger: () => first.ledger,
    results: createResultsStore(first.blobs),
    ...UNDELETED,
  });
  await runActivity(report, reportInput({ runId: 'run' }));

  const again = { runId: 'again', attempt: 1 };
  const { units, kept } = await first.load(again);
  expect(units).toBe(0);
  expect(kept).toEqual({ ...NO_PROGRESS, succeeded: 40, cached: 40, withoutCall: 40 });
  const summary = await runActivity<RunSummary>(
    report,
    reportInput({ ...again, loaded: foldedRun({ ends: [], progress: NO_PROGRESS }) }),
  );
  expect(summary).toMatchObject({ succeeded: 40, cached: 40, calls: 0, costUsd: 0, hitRate: 1 });

  await first.give(
    issues.map((one, n) => (n % 2 === 0 ? { ...one, description: 'changed' } : { ...one, id: `B-${n}` })),
  );
  expect(await first.load({ ...again, runId: 'half' })).toMatchObject({
    units: 20,
    kept: { succeeded: 20, cached: 20 },
  });
});
