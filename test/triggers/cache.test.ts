import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { AnswerFamily } from '../../src/core/answer-cache.ts';
import { createAnswerMemory } from '../../src/services/answer-memory.ts';
import { createCacheDelete, createCacheGet } from '../../src/triggers/cache.ts';
import { NOON_MS } from '../helpers/factories.ts';
import { callHandler, httpRequest } from '../helpers/http.ts';
import { createMemoryCache } from '../helpers/memory-stores.ts';

const FAMILY: AnswerFamily = { analysis: 'triage', version: 1, deployment: 'd1', maxCompletionTokens: 500 };
const USAGE = { promptTokens: 1, completionTokens: 1, cachedTokens: 0 };

/** A cache of three answers: of two deployments and of another analysis; an hour, a minute and no time old. */
async function filled() {
  const cache = createMemoryCache();
  const families = [FAMILY, { ...FAMILY, deployment: 'd 2' }, { ...FAMILY, analysis: 'other' }];
  for (const [n, family] of families.entries()) {
    const storedAtMs = NOON_MS - ([3_600_000, 60_000, 0][n] ?? 0);
    await cache.openWriter(family).add({ fingerprint: `f${n}`, answer: { n }, storedAtMs, usage: USAGE });
  }
  const answers = createAnswerMemory({ maxBytes: 10_000, ttlMs: 1_000, nowMs: () => NOON_MS });
  answers.remember('f0', { n: 0 });
  const look = () => callHandler(createCacheGet({ cache }), httpRequest());
  const clear = (query: Record<string, string> = {}, logged: unknown[] = []) =>
    callHandler(createCacheDelete({ cache, answers }), httpRequest({ method: 'DELETE', query }), logged);
  return { look, clear, answers };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now: NOON_MS }));
afterEach(() => void vi.useRealTimers());

describe('GET /api/cache', () => {
  test('tells how much is kept, and of what', async () => {
    const { status, json, headers } = await (await filled()).look();
    expect(status).toBe(200);
    expect(headers.get('x-process-time')).toMatch(/^[\d.]+$/);
    expect(json).toMatchObject({ entries: 3, bytes: 21, oldestAt: '2026-01-01T11:00:00.000Z' });
    expect(json.families).toHaveLength(3);
    expect(json.families[0]).toEqual({
      analysis: 'other',
      version: 1,
      deployment: 'd1',
      entries: 1,
      bytes: 7,
      oldestAt: '2026-01-01T12:00:00.000Z',
    });
  });

  test('of an empty cache has no oldest answer', async () => {
    const { json } = await callHandler(createCacheGet({ cache: createMemoryCache() }), httpRequest());
    expect(json).toEqual({ entries: 0, bytes: 0, oldestAt: null, families: [] });
  });

  test('hides why storage fails', async () => {
    const cache = { stats: () => Promise.reject(new Error('secret')) };
    const { status, text } = await callHandler(createCacheGet({ cache }), httpRequest());
    expect(status).toBe(500);
    expect(text).not.toContain('secret');
  });
});

describe('DELETE /api/cache', () => {
  test('forgets everything, in the memory of the process too, and says how much', async () => {
    const { look, clear, answers } = await filled();
    const logged: unknown[] = [];
    expect(await clear({}, logged)).toMatchObject({ status: 200, json: { removed: 3 } });
    expect((await look()).json.entries).toBe(0);
    expect(answers.recall('f0')).toBeUndefined();
    expect(logged).toEqual(['3 answers are forgotten']);
    expect((await clear()).json).toEqual({ removed: 0 });
  });

  test.each([
    [{ analysis: 'triage' }, 2],
    [{ deployment: 'd 2' }, 1],
    [{ olderThanSeconds: '60' }, 1],
    [{ olderThanSeconds: '59' }, 2],
    [{ olderThanSeconds: '0' }, 2],
    [{ analysis: 'triage', olderThanSeconds: '3599' }, 1],
    [{ analysis: 'nothing' }, 0],
    [{ analysis: 'other', code: 'a-function-key' }, 1],
  ])('forgets by %j', async (query, removed) => {
    const { look, clear } = await filled();
    expect((await clear(query as Record<string, string>)).json).toEqual({ removed });
    expect((await look()).json.entries).toBe(3 - removed);
  });

  test.each([
    [{ analysys: 'triage' }, 'analysys'],
    [{ analysis: '' }, 'analysis'],
    [{ deployment: '' }, 'deployment'],
    [{ olderThanSeconds: '-1' }, 'olderThanSeconds'],
    [{ olderThanSeconds: '1d' }, 'olderThanSeconds'],
    [{ olderThanSeconds: '3153600001' }, 'olderThanSeconds'],
  ])('refuses %j, and forgets nothing', async (query, field) => {
    const { look, clear } = await filled();
    expect(await clear(query as Record<string, string>)).toMatchObject({
      status: 400,
      json: { violations: [{ field }] },
    });
    expect((await look()).json.entries).toBe(3);
  });
});
