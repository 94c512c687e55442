import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CachedAnswer } from '../../src/core/answer-cache.ts';
import { type AnswerCache, type CacheFilter, createAnswerCache } from '../../src/services/answer-cache.ts';
import { sha256 } from '../../src/services/issue-source.ts';
import { ALL, cachedAnswer, FAMILY, fingerprintsOf, numbers, put } from '../helpers/cached-answers.ts';
import { NOON_MS } from '../helpers/factories.ts';
import { createMemoryCache } from '../helpers/memory-stores.ts';
import { ownStorage } from '../helpers/test-storage.ts';

const byFingerprint = (answers: readonly CachedAnswer[]) =>
  answers.toSorted((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1));

async function found(cache: AnswerCache, wanted: readonly number[], family = FAMILY, storedFromMs = 0) {
  const fingerprints = fingerprintsOf(wanted);
  const answers = await Array.fromAsync(cache.find(family, fingerprints, storedFromMs));
  expect(await cache.count(family, fingerprints, storedFromMs)).toBe(answers.length);
  return byFingerprint(answers);
}

describe.each([
  ['in Table storage', () => createAnswerCache(ownStorage())],
  ['in memory, for other tests', createMemoryCache],
])('the cache %s', (_, createCache) => {
  test('is empty before anything was stored', async () => {
    const cache = createCache();
    expect(await found(cache, [])).toEqual([]);
    expect(await found(cache, numbers(300))).toEqual([]);
    expect(await cache.stats()).toEqual({ entries: 0, bytes: 0, oldestAt: null, families: [] });
    expect(await cache.clear(ALL)).toBe(0);
  });

  test.each([
    ['few', 5, [0, 1, 4, 7]],
    ['many', 1_250, numbers(1_300)],
    ['many of which none is there', 3, numbers(1_300).slice(3)],
  ])('finds what is wanted and there: %s', async (_name, stored, wanted) => {
    const cache = createCache();
    const answers = numbers(stored).map(n => cachedAnswer(n));
    await put(cache, answers);
    const expected = answers.filter((_answer, n) => wanted.includes(n));
    expect(await found(cache, wanted)).toEqual(byFingerprint(expected));
  });

  test('gives answers of another analysis, version, deployment or room to nobody else', async () => {
    const cache = createCache();
    const families = [
      FAMILY,
      { ...FAMILY, analysis: 'other' },
      { ...FAMILY, version: 2 },
      { ...FAMILY, deployment: 'd2' },
      { ...FAMILY, maxCompletionTokens: 600 },
    ];
    for (const [answer, family] of families.entries()) await put(cache, [cachedAnswer(0, { answer })], family);
    for (const [answer, family] of families.entries())
      expect(await found(cache, [0, ...numbers(300)], family)).toEqual([cachedAnswer(0, { answer })]);
    expect(await found(cache, [0], { ...FAMILY, version: 3 })).toEqual([]);
  });

  test.each([1, 300])('does not find what was stored too long ago, of %i wanted', async count => {
    const cache = createCache();
    const wanted = numbers(count);
    await put(cache, [cachedAnswer(0)]);
    expect(await found(cache, wanted, FAMILY, NOON_MS)).toEqual([cachedAnswer(0)]);
    expect(await found(cache, wanted, FAMILY, NOON_MS + 1)).toEqual([]);
  });

  test('takes the newer of two answers, and nothing of a longer one before it', async () => {
    const cache = createCache();
    await put(cache, [cachedAnswer(0, { answer: 'x'.repeat(70_000) })]);
    const newer = cachedAnswer(0, { answer: 'short', storedAtMs: NOON_MS + 5 });
    await put(cache, [newer]);
    expect(await found(cache, [0])).toEqual([newer]);
    expect(await cache.stats()).toMatchObject({ entries: 1, bytes: 7, oldestAt: '2026-01-01T12:00:00.005Z' });
  });

  test('gives answers of any kind back equal', async () => {
    const cache = createCache();
    const kinds: unknown[] = [
      null,
      0,
      'ä😀\u2028"\\',
      { labels: ['\ud83d', ''], nested: { a: [null] } },
      'ö😀'.repeat(20_000),
    ];
    await put(
      cache,
      kinds.map((answer, n) => cachedAnswer(n, { answer })),
    );
    const answers = await found(cache, numbers(kinds.length));
    for (const [n, answer] of kinds.entries()) {
      expect(answers.find(({ fingerprint }) => fingerprint === sha256(String(n)))?.answer).toEqual(answer);
    }
  });

  test('leaves out what no table entity can hold, and keeps its neighbours', async () => {
    const cache = createCache();
    const answers = ['x', 'x'.repeat(400_000), 'x'.repeat(500_000), 'y'].map((answer, n) =>
      cachedAnswer(n, { answer }),
    );
    await put(cache, answers);
    expect((await found(cache, numbers(4))).map(({ answer }) => String(answer).length).sort()).toEqual([1, 1, 400_000]);
  });

  test('tells how much it holds, by analysis, version and deployment', async () => {
    const cache = createCache();
    const other = { ...FAMILY, deployment: 'a-first' };
    await put(cache, [cachedAnswer(0, { answer: 'ä' }), cachedAnswer(1, { storedAtMs: NOON_MS - 1_000 })]);
    await put(cache, [cachedAnswer(0)], { ...FAMILY, maxCompletionTokens: 9 });
    await put(cache, [cachedAnswer(5)], other);
    expect(await cache.stats()).toEqual({
      entries: 4,
      bytes: 4 + 3 * 7,
      oldestAt: '2026-01-01T11:59:59.000Z',
      families: [
        {
          analysis: 'triage',
          version: 1,
          deployment: 'a-first',
          entries: 1,
          bytes: 7,
          oldestAt: '2026-01-01T12:00:00.000Z',
        },
        {
          analysis: 'triage',
          version: 1,
          deployment: 'd1',
          entries: 3,
          bytes: 18,
          oldestAt: '2026-01-01T11:59:59.000Z',
        },
      ],
    });
  });

  test.each<[string, Partial<CacheFilter>, number[]]>([
    ['everything', {}, []],
    ['an analysis', { analysis: 'triage' }, [2]],
    ['a deployment', { deployment: "d'2" }, [0, 2]],
    ['what is older', { storedBeforeMs: NOON_MS + 1 }, [1, 2]],
    ['what is all of it', { analysis: 'triage', deployment: 'd1', storedBeforeMs: NOON_MS + 1 }, [1, 2]],
    ['nothing', { analysis: 'unknown' }, [0, 1, 2]],
  ])('is cleared of %s', async (_name, filter, left) => {
    const cache = createCache();
    const families = [FAMILY, { ...FAMILY, deployment: "d'2" }, { ...FAMILY, analysis: 'other' }];
    for (const [n, family] of families.entries()) {
      await put(cache, [cachedAnswer(n, { answer: n, storedAtMs: NOON_MS + n })], family);
    }
    expect(await cache.clear({ ...ALL, ...filter })).toBe(3 - left.length);
    const answers = [];
    for (const family of families) answers.push(...(await found(cache, numbers(3), family)));
    expect(answers.map(({ answer }) => answer)).toEqual(left);
  });

  test('holds what a map would hold, whatever is stored and wanted', async () => {
    const cache = createCache();
    const expected = new Map<number, CachedAnswer>();
    const steps = fc.array(fc.uniqueArray(fc.nat(40), { maxLength: 30 }), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.nat(60)), async (stored, wanted) => {
        for (const [step, ns] of stored.entries()) {
          const answers = ns.map(n => cachedAnswer(n, { answer: [n, step] }));
          for (const [i, n] of ns.entries()) expected.set(n, answers[i] as CachedAnswer);
          await put(cache, answers);
        }
        const there = [...new Set(wanted)].flatMap(n => expected.get(n) ?? []);
        expect(await found(cache, wanted)).toEqual(byFingerprint(there));
      }),
      { numRuns: 10 },
    );
  });
});
