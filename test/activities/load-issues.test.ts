import { describe, expect, test } from 'vitest';
import { estimatedPromptTokens, messagesFor } from '../../src/core/analysis.ts';
import { progressOfCalls } from '../../src/core/answer-cache.ts';
import type { Source } from '../../src/core/contracts.ts';
import { addProgress, NO_PROGRESS } from '../../src/core/progress.ts';
import { triage } from '../../src/core/triage.ts';
import { ANSWER, thrownBy } from '../helpers/activities.ts';
import { issue, ledgerFacts, NOON_MS, plan, settledRow } from '../helpers/factories.ts';
import { createLoadBench } from '../helpers/load-bench.ts';

async function bench(text: string, changes: Partial<Source> = {}) {
  const all = createLoadBench();
  await all.blobs.write('source', text);
  const source: Source = { blob: 'source', format: 'csv', limit: null, ...changes };
  return {
    run: () => all.load({ source }),
    all: async () =>
      (await Array.fromAsync(all.pages.all('run'))).map(({ issue: { id }, sameAs, copies }) => [id, sameAs, copies]),
  };
}

const CSV = 'key,title\nA-1,Save fails\nA-2,Logo is blurred\nA-3,Save fails\n';

describe('loadIssues', () => {
  test('reads a source and finds issues with equal content', async () => {
    const { run, all } = await bench(CSV);
    expect(await run()).toMatchObject({ total: 3, units: 2, kept: NO_PROGRESS });
    expect(await all()).toEqual([
      ['A-1', null, 1],
      ['A-2', null, 0],
      ['A-3', 0, 0],
    ]);
  });

  test('says and stores the same when it is delivered again', async () => {
    const { run, all } = await bench(CSV);
    const [first, stored] = [await run(), await all()];
    expect(await run()).toEqual(first);
    expect(await all()).toEqual(stored);
  });

  test.each([
    ['ndjson', '{"title":"One"}\n{"title":"Two"}\n'],
    ['json', '{"issues":[{"title":"One"},{"title":"Two"}]}'],
  ] as const)('reads %s too', async (format, text) => {
    expect(await (await bench(text, { format })).run()).toMatchObject({ total: 2, units: 2 });
  });

  test('takes no more than the limit', async () => {
    const { run, all } = await bench(CSV, { limit: 2 });
    expect(await run()).toMatchObject({ total: 2, units: 2 });
    expect(await all()).toHaveLength(2);
  });

  test.each([
    ['a broken line', '{"title":"One"}\nsecret', 'loadIssues failed: line 2 must be valid JSON'],
    [
      'an id with two contents',
      '{"id":"secret","title":"One"}\n{"id":"secret","title":"Two"}',
      'loadIssues failed: issues.1.id must be one content for each id (a row without one has its number), but rows 1 and 2 differ',
    ],
    ['no issue', '\n', 'loadIssues failed: source must be 1 issue or more'],
  ])('refuses %s, by its place alone', async (_, text, message) => {
    expect((await thrownBy((await bench(text, { format: 'ndjson' })).run())).message).toBe(message);
  });

  test('refuses a table without a text, but does not quote its header', async () => {
    const { message } = await thrownBy((await bench('secret,points\n1,2\n')).run());
    expect(message).toMatch(/^loadIssues failed: header must be a column for the title or the description/);
    expect(message).not.toContain('secret');
  });

  test('fails where the source is missing', async () => {
    const { run } = await bench(CSV, { blob: 'missing' });
    expect((await thrownBy(run())).message).toBe('loadIssues failed: Error');
  });
});

test('of a run that was deleted meanwhile leaves nothing behind, whether it comes to its end or not', async () => {
  const removed: unknown[] = [];
  const bench = createLoadBench({
    runs: { read: async () => null },
    cleanup: { remove: async (...args) => void removed.push([...args, bench.blobs.content.size]) },
  });
  await bench.blobs.write('source', CSV);
  const source: Source = { blob: 'source', format: 'csv', limit: null };
  const gone = 'loadIssues failed: Error run_deleted';
  expect((await thrownBy(bench.load({ source, plan: plan({ ledgerShards: 4 }) }))).message).toBe(gone);
  const written = bench.blobs.content.size;
  expect(written).toBeGreaterThan(1);
  expect((await thrownBy(bench.load({ source: { ...source, blob: 'missing' } }))).message).toBe(gone);
  expect(removed).toEqual([
    ['run', 4, written],
    ['run', plan().ledgerShards, written],
  ]);
});

/** Issues by their content; equal letters are equal issues with ids of their own. */
const issuesOf = (contents: string) => [...contents].map((content, n) => issue({ id: `A-${n}`, title: content }));
const contentsOf = (...contents: string[]) => contents.map(title => issue({ title }));

describe('what is still to be done', () => {
  test('is everything for a first attempt without a cache, of which the mean and the largest prompt are told', async () => {
    const { give, load, open } = createLoadBench();
    const issues = [...issuesOf('ab'), issue({ id: 'long', description: 'x'.repeat(4_000) })];
    await give([...issues, ...issuesOf('ab').map(one => ({ ...one, id: `${one.id} again` }))]);
    const loaded = await load();
    const { units, openList, kept, promptTokensEach, promptTokensMost } = loaded;
    expect([units, openList, kept]).toEqual([3, null, NO_PROGRESS]);
    expect(await open(loaded)).toEqual([0, 1, 2]);
    const tokens = issues.map(one => estimatedPromptTokens(messagesFor(triage, one)));
    expect(promptTokensEach).toBeCloseTo(tokens.reduce((sum, each) => sum + each) / 3);
    expect(promptTokensMost).toBe(tokens[2]);
  });

  test('is not what the cache answers: that is settled, without calls or cost, and copies count', async () => {
    const { give, load, open, cacheAnswer, ledger } = createLoadBench();
    await give(issuesOf('abacab'));
    const [a, c] = contentsOf('a', 'c');
    await cacheAnswer(a ?? issue());
    const first = await load();
    expect(first).toMatchObject({ total: 6, units: 2 });
    expect(first.kept).toEqual({ ...NO_PROGRESS, succeeded: 3, coalesced: 2, cached: 3, withoutCall: 3 });
    expect(await open(first)).toEqual([1, 3]);
    expect(first.promptTokensEach).toBe(estimatedPromptTokens(messagesFor(triage, c ?? issue())));
    const row = { state: 'settled', outcome: 'succeeded', cached: true, calls: 0, costUsd: 0, answer: ANSWER };
    expect(ledger.row('run', 0)).toMatchObject({ ...row, attempt: 1, callMs: null, answeredAtMs: null });
    expect([1, 2, 3, 4, 5].map(index => ledger.row('run', index))).toEqual([null, null, null, null, null]);
    const stored = ledger.row('run', 0);
    const again = await load();
    expect(again).toEqual({ ...first, openList: expect.any(String) });
    expect(again.openList).not.toBe(first.openList);
    expect(ledger.row('run', 0)).toEqual(stored);
  });

  test('stays the same for who goes by a list, when a second delivery finds more in the cache', async () => {
    const { give, load, open, cacheAnswer } = createLoadBench();
    await give(issuesOf('abcd'));
    const [b = issue(), c = issue()] = contentsOf('b', 'c');
    await cacheAnswer(b);
    const first = await load();
    await cacheAnswer(c);
    expect(await open(await load())).toEqual([0, 3]);
    expect(await open(first)).toEqual([0, 2, 3]);
  });

  test('is nothing where the cache answers everything', async () => {
    const { give, load, open, cacheAnswer } = createLoadBench();
    await give(issuesOf('aab'));
    for (const one of contentsOf('a', 'b')) await cacheAnswer(one);
    const loaded = await load();
    expect(loaded).toMatchObject({ total: 3, units: 0, kept: { succeeded: 3, cached: 3 } });
    expect(loaded).toMatchObject({ promptTokensEach: 0, promptTokensMost: 0 });
    expect(await open(loaded)).toEqual([]);
  });

  test.each([
    ['where the run asks everything anew', plan({ useCache: false }), ANSWER],
    ['by another deployment', plan({ deployment: 'gpt-4o' }), ANSWER],
    ['older than its time', plan({ cacheTtlMs: 3_599_999 }), ANSWER],
    ['that does not pass the check', plan(), { ...ANSWER, confidence: 7 }],
    ['that is none', plan(), null],
  ])('is also what has a cached answer %s', async (_, changed, answer) => {
    const { give, load, cacheAnswer, ledger } = createLoadBench();
    await give(issuesOf('a'));
    await cacheAnswer(issue({ title: 'a' }), answer);
    expect(await load({ plan: changed })).toMatchObject({ units: 1, kept: NO_PROGRESS });
    expect(ledger.row('run', 0)).toBeNull();
  });

  test('is not what has a cached answer as old as its time', async () => {
    const { give, load, cacheAnswer } = createLoadBench();
    await give(issuesOf('a'));
    await cacheAnswer(issue({ title: 'a' }));
    expect(await load({ plan: plan({ cacheTtlMs: 3_600_000 }) })).toMatchObject({ units: 0 });
  });

  test('has what the check takes off an answer taken off', async () => {
    const { give, load, cacheAnswer, ledger } = createLoadBench();
    await give(issuesOf('a'));
    await cacheAnswer(issue({ title: 'a' }), { ...ANSWER, secret: 'x' });
    await load();
    expect(ledger.row('run', 0)).toMatchObject({ answer: ANSWER });
    expect(JSON.stringify(ledger.row('run', 0))).not.toContain('secret');
  });
});

describe('a further attempt', () => {
  const USAGE = ledgerFacts().usage;
  const failed = settledRow({ outcome: 'failed', code: 'refused', answer: null });

  async function secondAttempt(useCache: boolean) {
    const bench = createLoadBench();
    await bench.give(issuesOf('abcdefgaa'));
    const first = await bench.load({ plan: plan({ useCache: false }) });
    const rows = [
      settledRow(),
      failed,
      settledRow({ outcome: 'skipped', code: 'empty_issue', answer: null, ...ledgerFacts({ calls: 0, costUsd: 0 }) }),
      { state: 'claimed' as const, ...ledgerFacts(), workerId: 'host:1:a', untilMs: NOON_MS },
      { state: 'unknown' as const, ...ledgerFacts(), code: 'timeout' as const, atMs: NOON_MS },
      settledRow({ cached: true, ...ledgerFacts({ calls: 0, costUsd: 0 }) }),
    ];
    for (const [index, row] of rows.entries()) await bench.ledger.write('run', index, row, null);
    for (const one of contentsOf('a', 'b', 'g')) await bench.cacheAnswer(one);
    return { ...bench, first, loaded: await bench.load({ attempt: 2, plan: plan({ useCache }) }) };
  }

  test('keeps what succeeded and what was skipped, with its costs, and does the rest anew', async () => {
    const { first, loaded, open } = await secondAttempt(false);
    expect(loaded).toMatchObject({ total: 9, units: 4 });
    expect(await open(loaded)).toEqual([1, 3, 4, 6]);
    expect(loaded.kept).toMatchObject({ succeeded: 4, skipped: 1, failed: 0, coalesced: 2, cached: 1 });
    expect(loaded.kept.usage.promptTokens).toBe(6 * USAGE.promptTokens);
    expect(await open(first)).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  test('forgets nothing of what its calls took, also of those that brought no answer', async () => {
    const { loaded, ledger } = await secondAttempt(false);
    const rows = [0, 1, 2, 3, 4, 5].flatMap(index => ledger.row('run', index) ?? []);
    expect(rows.filter(({ state }) => state !== 'settled')).toHaveLength(2);
    const { calls, costUsd, usage } = rows.map(progressOfCalls).reduce(addProgress);
    expect(loaded.kept).toMatchObject({ calls, costUsd, usage });
    expect([calls, costUsd]).toEqual([4, 0.004]);
  });

  test('takes from the cache what failed before, and forgets nothing of what that cost', async () => {
    const { loaded, open, ledger, load } = await secondAttempt(true);
    expect(await open(loaded)).toEqual([3, 4]);
    expect(loaded.kept).toMatchObject({ succeeded: 6, skipped: 1, coalesced: 2, cached: 3, calls: 4, costUsd: 0.004 });
    expect(ledger.row('run', 0)).toEqual(settledRow());
    expect(ledger.row('run', 1)).toMatchObject({ attempt: 2, outcome: 'succeeded', cached: true, ...spentOf(failed) });
    expect(ledger.row('run', 6)).toMatchObject({ attempt: 2, outcome: 'succeeded', cached: true, calls: 0 });
    expect(await load({ attempt: 2 })).toEqual({ ...loaded, openList: expect.any(String) });
  });

  const spentOf = ({ calls, usage, costUsd }: typeof failed) => ({ calls, usage, costUsd });
});
