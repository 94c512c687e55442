import { describe, expect, test } from 'vitest';
import type { LedgerRow } from '../../src/core/ledger.ts';
import { createLedgerStore, createLedgerStores } from '../../src/services/ledger-store.ts';
import type { Storage } from '../../src/services/storage.ts';
import { ledgerFacts, settledRow } from '../helpers/factories.ts';
import { createMemoryLedger } from '../helpers/memory-stores.ts';
import { ownStorage } from '../helpers/test-storage.ts';

const claimed: LedgerRow = { state: 'claimed', ...ledgerFacts(), workerId: 'host:1:a', untilMs: 5_000 };
const released: LedgerRow = { state: 'released', ...ledgerFacts({ costUsd: null }), code: 'rate_limited', atMs: 1_000 };
const unknown: LedgerRow = { state: 'unknown', ...ledgerFacts({ failedAttempts: 2 }), code: 'timeout', atMs: 1_000 };

/**
 * As JSON its 32,000th code unit is the first half of a pair. It is short, because the storage emulator breaks
 * characters where it reads a long request piece by piece.
 */
const PAIR_ACROSS = `${'x'.repeat(31_998)}${'😀'.repeat(20)}`;

describe.each([
  ['in one table', () => createLedgerStore(ownStorage(), 1)],
  ['in 16 tables', () => createLedgerStore(ownStorage(), 16)],
  ['in memory, for other tests', createMemoryLedger],
])('the ledger %s', (_, createLedger) => {
  test('has no row of an issue that nobody came to, and takes the first one', async () => {
    const ledger = createLedger();
    expect(await ledger.read('run', 3)).toBeNull();
    const etag = await ledger.write('run', 3, claimed, null);
    expect(etag).toEqual(expect.any(String));
    expect(await ledger.read('run', 3)).toEqual({ row: claimed, etag });
    expect(await ledger.read('run', 4)).toBeNull();
    expect(await ledger.read('other', 3)).toBeNull();
  });

  test('lets one of two insert', async () => {
    const ledger = createLedger();
    const tags = await Promise.all([ledger.write('run', 0, claimed, null), ledger.write('run', 0, released, null)]);
    expect(tags.filter(tag => tag !== null)).toHaveLength(1);
    expect((await ledger.read('run', 0))?.row).toEqual(tags[0] ? claimed : released);
    expect(await ledger.write('run', 0, unknown, null)).toBeNull();
  });

  test('replaces a row by its tag, and by no older one', async () => {
    const ledger = createLedger();
    const first = await ledger.write('run', 0, claimed, null);
    const second = await ledger.write('run', 0, released, first);
    expect(second).not.toBe(first);
    expect(await ledger.write('run', 0, unknown, first)).toBeNull();
    expect(await ledger.read('run', 0)).toEqual({ row: released, etag: second });
    const third = await ledger.write('run', 0, settledRow(), second);
    expect(await ledger.read('run', 0)).toEqual({ row: settledRow(), etag: third });
  });

  test.each([
    ['short', { a: 1, b: [null, 'ä'] }],
    ['of one chunk and a little more', { text: 'x'.repeat(32_000) }],
    ['of three chunks', { text: 'x'.repeat(70_000) }],
    ['with a pair of code units across the end of a chunk', PAIR_ACROSS],
    ['with a pair just before the end of a chunk', `x${PAIR_ACROSS}`],
    ['with halves of pairs', { text: '\ud83d'.repeat(9_000), other: '\ude00'.repeat(9_000) }],
    ['with the line separators of Unicode', 'a\u2028b\u2029c'],
    ['null', null],
  ])('gives an answer back equal that is %s', async (_, answer) => {
    const ledger = createLedger();
    await ledger.write('run', 0, settledRow({ answer }), null);
    expect((await ledger.read('run', 0))?.row).toEqual(settledRow({ answer }));
    expect(await ledger.openReader('run')(0)).toEqual(settledRow({ answer }));
  });

  test('keeps nothing of a longer answer that is replaced', async () => {
    const ledger = createLedger();
    const etag = await ledger.write('run', 0, settledRow({ answer: 'x'.repeat(70_000) }), null);
    await ledger.write('run', 0, settledRow({ answer: 'short' }), etag);
    expect((await ledger.read('run', 0))?.row).toEqual(settledRow({ answer: 'short' }));
  });

  test('is read by ascending index, with null for every gap, and for one run alone', async () => {
    const ledger = createLedger();
    const present = [0, 1, 5, 16, 17, 33, 40];
    for (const index of present) await ledger.write('run', index, settledRow({ callMs: index }), null);
    await ledger.write('run-2', 2, settledRow(), null);
    const rowAt = ledger.openReader('run');
    const found: unknown[] = [];
    for (let index = 0; index < 50; index++) {
      const row = await rowAt(index);
      if (row) found.push([index, row.state === 'settled' && row.callMs]);
    }
    expect(found).toEqual(present.map(index => [index, index]));
    expect(await ledger.openReader('nobody')(0)).toBeNull();
  });

  test('takes many settled rows at one time, over whatever is there', async () => {
    const ledger = createLedger();
    const etag = await ledger.write('run', 3, settledRow({ answer: 'x'.repeat(70_000) }), null);
    await ledger.write('run', 4, claimed, null);
    await ledger.write('other', 5, claimed, null);
    const rows = Array.from({ length: 450 }, (_, n) =>
      settledRow({ callMs: n, answer: `ä😀\u2028${n}`, cached: true }),
    );
    const writer = ledger.openWriter('run');
    for (const [n, row] of rows.entries()) await writer.add(3 * n, row);
    await writer.close();
    const rowAt = ledger.openReader('run');
    for (let index = 0; index <= 3 * 449; index++) {
      expect(await rowAt(index)).toEqual(index === 4 ? claimed : index % 3 === 0 ? rows[index / 3] : null);
    }
    expect((await ledger.read('other', 5))?.row).toEqual(claimed);
    expect(await ledger.write('run', 3, claimed, etag)).toBeNull();
    const { etag: newer = '' } = (await ledger.read('run', 3)) ?? {};
    expect(await ledger.write('run', 3, released, newer)).toEqual(expect.any(String));
  });

  test('takes rows that are spread over many partitions, and come back to them', async () => {
    const ledger = createLedger();
    const indexes = [0, 1].flatMap(n => Array.from({ length: 70 }, (_, partition) => 1_600 * partition + n));
    const writer = ledger.openWriter('run');
    for (const index of indexes) await writer.add(index, settledRow({ callMs: index }));
    await writer.close();
    for (const index of indexes) expect((await ledger.read('run', index))?.row).toMatchObject({ callMs: index });
  });

  test('takes no row at all, too, and nothing twice over', async () => {
    const ledger = createLedger();
    await ledger.openWriter('run').close();
    expect(await ledger.openReader('run')(0)).toBeNull();
    for (const callMs of [1, 2]) {
      const writer = ledger.openWriter('run');
      await writer.add(0, settledRow({ callMs }));
      await writer.close();
      expect(await ledger.openReader('run')(0)).toMatchObject({ callMs });
    }
  });

  test('may be read with leaps', async () => {
    const ledger = createLedger();
    for (let index = 0; index < 40; index++) await ledger.write('run', index, settledRow({ callMs: index }), null);
    const rowAt = ledger.openReader('run');
    for (const index of [7, 23, 39]) expect(await rowAt(index)).toMatchObject({ callMs: index });
  });
});

describe('the ledger in Table storage', () => {
  test('is read beyond the rows of one page', async () => {
    const storage = ownStorage();
    const ledger = createLedgerStore(storage, 1);
    await ledger.read('run', 0);
    const { state, ...rest } = settledRow();
    const entities = Array.from({ length: 1_100 }, (_, index) => ({
      partitionKey: `run:${String(Math.floor(index / 100)).padStart(6, '0')}`,
      rowKey: String(index).padStart(8, '0'),
      state,
      row: JSON.stringify({ state, ...rest, callMs: index, answer: null }),
    }));
    for (let at = 0; at < entities.length; at += 100) {
      await storage
        .table('FanfoldLedger0')
        .submitTransaction(entities.slice(at, at + 100).map(entity => ['create', entity]));
    }
    const rowAt = ledger.openReader('run');
    const latencies: unknown[] = [];
    for (let index = 0; index < 1_101; index++) latencies.push((await rowAt(index))?.state === 'settled');
    expect(latencies.lastIndexOf(true)).toBe(1_099);
    expect(latencies.filter(Boolean)).toHaveLength(1_100);
  });

  test('is written in bulk by requests of up to 100 rows, and of less than 4 MB', async () => {
    const storage = ownStorage();
    const sizes: number[] = [];
    const table: typeof storage.table = name => {
      const client = storage.table(name);
      const { submitTransaction } = client;
      client.submitTransaction = (actions, options) => {
        sizes.push(actions.length);
        return submitTransaction.call(client, actions, options);
      };
      return client;
    };
    const ledger = createLedgerStore({ ...storage, table }, 2);
    const write = async (rows: number, answer: unknown) => {
      sizes.length = 0;
      const writer = ledger.openWriter('run');
      for (let index = 0; index < rows; index++) await writer.add(index, settledRow({ answer }));
      await writer.close();
      return sizes.toSorted((a, b) => b - a);
    };
    expect(await write(450, 'short')).toEqual([100, 100, 100, 100, 25, 25]);
    expect(await write(20, 'x'.repeat(400_000))).toEqual([8, 8, 2, 2]);
    expect(await ledger.openReader('run')(19)).toMatchObject({ answer: 'x'.repeat(400_000) });
  });

  test('spreads issues over its tables by number, and shows state, outcome and code as columns', async () => {
    const storage = ownStorage();
    const ledger = createLedgerStore(storage, 4);
    await ledger.write('run', 5, settledRow({ outcome: 'failed', code: 'refused', answer: null }), null);
    await ledger.write('run', 6, claimed, null);
    const columnsOf = async (table: number, rowKey: string) =>
      storage.table(`FanfoldLedger${table}`).getEntity('run:000000', rowKey);
    expect(await columnsOf(1, '00000005')).toMatchObject({ state: 'settled', outcome: 'failed', code: 'refused' });
    expect(await columnsOf(2, '00000006')).toMatchObject({ state: 'claimed', outcome: '', code: '' });
  });

  test('of two runs is spread over the tables of each, by the number that it began with', async () => {
    const storage = ownStorage();
    const ledgers = createLedgerStores(storage);
    await ledgers(1).write('one', 5, claimed, null);
    await ledgers(4).write('four', 5, released, null);
    const tableOf = async (runId: string) => {
      const tables: number[] = [];
      for (const table of [0, 1]) {
        const entity = await storage
          .table(`FanfoldLedger${table}`)
          .getEntity(`${runId}:000000`, '00000005')
          .catch(() => null);
        if (entity) tables.push(table);
      }
      return tables;
    };
    expect([await tableOf('one'), await tableOf('four')]).toEqual([[0], [1]]);
    expect((await ledgers(1).read('one', 5))?.row).toEqual(claimed);
    expect((await ledgers(4).read('four', 5))?.row).toEqual(released);
    expect(await ledgers(1).read('four', 5)).toBeNull();
    expect(await ledgers(4).openReader('four')(5)).toEqual(released);
    expect(ledgers(4)).toBe(ledgers(4));
  });

  test('stores whole characters in each property of an answer', async () => {
    const storage = ownStorage();
    await createLedgerStore(storage, 1).write('run', 0, settledRow({ answer: PAIR_ACROSS }), null);
    const entity = await storage.table('FanfoldLedger0').getEntity<Record<string, unknown>>('run:000000', '00000000');
    const chunks = Object.entries(entity).flatMap(([name, value]) => (/^answer\d+$/.test(name) ? [String(value)] : []));
    expect(chunks.map(chunk => chunk.isWellFormed() && chunk.length)).toEqual([31_999, 41]);
  });

  /** A ledger whose client sends each write twice, as after a lost answer, and gives the answer to the second. */
  function createRepeatingLedger(storage: Storage) {
    const table: Storage['table'] = name => {
      const client = storage.table(name);
      const { createEntity, updateEntity } = client;
      client.createEntity = async (...args) => {
        await createEntity.apply(client, args);
        return createEntity.apply(client, args);
      };
      client.updateEntity = async (...args) => {
        await updateEntity.apply(client, args);
        return updateEntity.apply(client, args);
      };
      return client;
    };
    return createLedgerStore({ ...storage, table }, 1);
  }

  test.each([
    ['short', { text: 'ä😀\u2028' }],
    ['of three chunks', { text: 'x'.repeat(70_000) }],
  ])('takes its own write for done where the client meets it by a repeat; the answer is %s', async (_, answer) => {
    const storage = ownStorage();
    const [ledger, plain] = [createRepeatingLedger(storage), createLedgerStore(storage, 1)];
    const first = await ledger.write('run', 0, claimed, null);
    expect(await plain.read('run', 0)).toEqual({ row: claimed, etag: first });
    const second = await ledger.write('run', 0, settledRow({ answer }), first);
    expect(second).not.toBe(first);
    expect(await plain.read('run', 0)).toEqual({ row: settledRow({ answer }), etag: second });
  });

  test("does not take another's row for its own, be it in its answer alone", async () => {
    const ledger = createLedgerStore(ownStorage(), 1);
    const text = 'x'.repeat(40_000);
    const first = await ledger.write('run', 0, claimed, null);
    await ledger.write('run', 0, settledRow({ answer: `${text}a` }), first);
    expect(await ledger.write('run', 0, settledRow({ answer: `${text}b` }), first)).toBeNull();
    expect(await ledger.write('run', 0, settledRow({ answer: `${text}b` }), null)).toBeNull();
    expect(await ledger.write('run', 0, { ...claimed, workerId: 'other:1:a' } as LedgerRow, null)).toBeNull();
  });

  test('has lost a row that was deleted since it was read', async () => {
    const storage = ownStorage();
    const gone = Object.assign(new Error('changed'), { statusCode: 412 });
    const table: Storage['table'] = name =>
      Object.assign(storage.table(name), { updateEntity: () => Promise.reject(gone) });
    const ledger = createLedgerStore({ ...storage, table }, 1);
    expect(await ledger.write('run', 0, released, 'a tag')).toBeNull();
  });

  test('throws what storage answers beside conflicts', async () => {
    await expect(createLedgerStore(ownStorage(), 1).write('run/1', 0, claimed, null)).rejects.toThrow();
    await expect(createLedgerStore(ownStorage(), 1).write('run', 0, claimed, 'no tag')).rejects.toThrow();
  });
});
