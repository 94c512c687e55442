import { describe, expect, test } from 'vitest';
import { createAnswerCache } from '../../src/services/answer-cache.ts';
import { sha256 } from '../../src/services/issue-source.ts';
import type { Storage } from '../../src/services/storage.ts';
import { ALL, cachedAnswer, FAMILY, fingerprintsOf, numbers, put, USAGE } from '../helpers/cached-answers.ts';
import { ownStorage } from '../helpers/test-storage.ts';

/** Of a family. */
const PARTITIONS = 16;

/** Storage that counts single reads, pages, of a size that it is told, and transactions. */
function countedStorage(maxPageSize = 1_000) {
  const storage = ownStorage();
  const counts = { reads: 0, pages: 0, transactions: 0 };
  const counted: Storage = {
    ...storage,
    table(name) {
      const table = storage.table(name);
      const { getEntity, listEntities, submitTransaction } = table;
      table.getEntity = ((...args: Parameters<typeof getEntity>) => {
        counts.reads += 1;
        return getEntity.apply(table, args);
      }) as typeof getEntity;
      table.listEntities = ((...args: Parameters<typeof listEntities>) => {
        const entities = listEntities.apply(table, args);
        const { byPage } = entities;
        entities.byPage = async function* (settings) {
          for await (const page of byPage.call(entities, { maxPageSize, ...settings })) {
            counts.pages += 1;
            yield page;
          }
        };
        return entities;
      }) as typeof listEntities;
      table.submitTransaction = (...args) => {
        counts.transactions += 1;
        return submitTransaction.apply(table, args);
      };
      return table;
    },
  };
  return { storage: counted, counts, raw: storage };
}

describe('the cache in Table storage', () => {
  test('writes by the hundred, and reads few one by one and many by the page', async () => {
    const { storage, counts } = countedStorage();
    const cache = createAnswerCache(storage);
    await put(
      cache,
      numbers(2_050).map(n => cachedAnswer(n)),
    );
    expect(counts.transactions).toBeLessThanOrEqual(2 * PARTITIONS);
    const read = async (wanted: number) => {
      Object.assign(counts, { reads: 0, pages: 0 });
      const fingerprints = fingerprintsOf(numbers(wanted));
      const { length } = await Array.fromAsync(cache.find(FAMILY, fingerprints, 0));
      return { length, ...counts };
    };
    expect(await read(200)).toMatchObject({ length: 200, reads: 200, pages: 0 });
    expect(await read(2_000)).toMatchObject({ length: 2_000, reads: 0, pages: PARTITIONS });
  });

  test('reads one by one what is little of a large family', async () => {
    const { storage, counts } = countedStorage(30);
    const cache = createAnswerCache(storage);
    await put(
      cache,
      numbers(6_000).map(n => cachedAnswer(n)),
    );
    const wanted = numbers(250).map(n => n * 25);
    const fingerprints = fingerprintsOf(wanted);
    expect(await Array.fromAsync(cache.find(FAMILY, fingerprints, 0))).toHaveLength(240);
    expect(counts.pages).toBeLessThan(6_000 / 30 / 2);
    expect(counts.reads).toBeGreaterThan(150);
    expect(counts.reads).toBeLessThan(250);
  });

  test('passes over what is damaged, and what is not of this app', async () => {
    const storage = ownStorage();
    const cache = createAnswerCache(storage);
    await put(
      cache,
      numbers(6).map(n => cachedAnswer(n)),
    );
    const table = storage.table('FanfoldCache');
    const keys = new Map<string, { partitionKey: string; rowKey: string }>();
    for await (const { partitionKey = '', rowKey = '' } of table.listEntities())
      keys.set(rowKey, { partitionKey, rowKey });
    const keysOf = (n: number) => keys.get(sha256(String(n))) ?? { partitionKey: '', rowKey: '' };
    const damage = (n: number, columns: Record<string, string | number>) =>
      table.updateEntity({ ...keysOf(n), ...columns }, 'Merge');
    await damage(0, { answer0: '{"n":' });
    await damage(1, { usage: '{}' });
    await damage(2, { storedAt: 'yesterday' });
    await damage(3, { bytes: 'many' });
    await table.upsertEntity(keysOf(4), 'Replace');
    await table.createEntity({ ...keysOf(5), rowKey: 'not a hash' });
    await table.createEntity({ partitionKey: 'foreign', rowKey: 'foreign', analysis: 'triage' });
    const isWhole = [cachedAnswer(5)];
    for (const wanted of [numbers(6), numbers(300)]) {
      const fingerprints = fingerprintsOf(wanted);
      expect(await Array.fromAsync(cache.find(FAMILY, fingerprints, 0))).toEqual(isWhole);
    }
    expect((await cache.stats()).entries).toBe(3);
    expect(await cache.clear(ALL)).toBe(8);
    expect(await Array.fromAsync(table.listEntities())).toEqual([]);
  });

  test('is cleared beyond a page, by transactions, also by two at one time', async () => {
    const { storage, counts } = countedStorage();
    const cache = createAnswerCache(storage);
    await put(
      cache,
      numbers(2_500).map(n => cachedAnswer(n)),
    );
    await put(cache, [cachedAnswer(0)], { ...FAMILY, version: 2 });
    counts.transactions = 0;
    const removed = await Promise.all([cache.clear(ALL), cache.clear(ALL)]);
    expect(removed[0] + removed[1]).toBe(2_501);
    expect(counts.transactions).toBeLessThan(80);
    expect(await cache.stats()).toMatchObject({ entries: 0 });
  });

  test('shows people what an entity is, and holds nothing else', async () => {
    const storage = ownStorage();
    await put(createAnswerCache(storage), [cachedAnswer(7)]);
    const { etag: _, timestamp: __, ...entity } = await firstOf(storage.table('FanfoldCache').listEntities());
    expect(entity).toEqual({
      partitionKey: expect.stringMatching(/^[\da-f]{13}$/),
      rowKey: sha256('7'),
      analysis: 'triage',
      version: 1,
      deployment: 'd1',
      storedAt: '2026-01-01T12:00:00.000Z',
      bytes: 7,
      usage: JSON.stringify(USAGE),
      answer0: '{"n":7}',
    });
  });
});

async function firstOf<T>(items: AsyncIterable<T>): Promise<T> {
  for await (const item of items) return item;
  throw new Error('There is none');
}
