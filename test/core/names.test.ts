import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  capacityRunId,
  ledgerPartitions,
  ledgerPlace,
  ledgerTable,
  RunIdSchema,
  runBlobs,
  streamInstanceId,
  uploadBlobs,
} from '../../src/core/names.ts';

describe('RunIdSchema', () => {
  test.each(['a', '0', 'nightly-2026.01.01_b', 'x'.repeat(100)])('accepts %s', id => {
    expect(RunIdSchema.parse(id)).toBe(id);
  });

  test.each(['', '-a', '.a', '_uploads', '@a', 'a/b', 'a\\b', 'a#b', 'a?b', 'a b', 'a:1', 'ä', 'x'.repeat(101), 7])(
    'refuses %j, saying what is allowed',
    id => {
      const { error } = RunIdSchema.safeParse(id);
      expect(error?.issues[0]?.message).toBe(
        '1 to 100 characters of A-Z a-z 0-9 . _ -, starting with a letter or digit',
      );
    },
  );
});

describe('streamInstanceId', () => {
  test('joins run, attempt and stream', () => {
    expect(streamInstanceId('nightly', 2, 11)).toBe('nightly:2:11');
  });

  test('is never the same for two streams, as a run id holds no colon', () => {
    const triples = fc.tuple(fc.stringMatching(/^[a-z0-9._-]{1,5}$/), fc.nat(99), fc.nat(99));
    fc.assert(
      fc.property(triples, triples, (a, b) => {
        expect(streamInstanceId(...a) === streamInstanceId(...b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });
});

describe('the place of a ledger row', () => {
  const indexes = fc.nat(99_999_999);

  test('goes by the tables in turn, and in each to the next partition after 100 rows', () => {
    expect(ledgerPlace('r', 0, 16)).toEqual({ shard: 0, partitionKey: 'r:000000', rowKey: '00000000' });
    expect(ledgerPlace('r', 1_599, 16)).toEqual({ shard: 15, partitionKey: 'r:000000', rowKey: '00001599' });
    expect(ledgerPlace('r', 1_600, 16)).toEqual({ shard: 0, partitionKey: 'r:000001', rowKey: '00001600' });
    const places = Array.from({ length: 250 }, (_, index) => ledgerPlace('r', index, 1).partitionKey);
    expect([...Map.groupBy(places, key => key).values()].map(({ length }) => length)).toEqual([100, 100, 50]);
  });

  test('sorts as text in input order, in each table', () => {
    fc.assert(
      fc.property(indexes, indexes, fc.integer({ min: 1, max: 64 }), (a, b, shards) => {
        const [first, second] = [ledgerPlace('r', a, shards), ledgerPlace('r', b, shards)];
        const isBefore =
          first.partitionKey === second.partitionKey
            ? first.rowKey < second.rowKey
            : first.partitionKey < second.partitionKey;
        if (first.shard === second.shard) expect(isBefore).toBe(a < b);
        else expect(a).not.toBe(b);
      }),
    );
  });

  test("lies among its run's partitions, and among no other's", () => {
    const runIds = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,3}$/);
    const isIn = (key: string, { from, before }: ReturnType<typeof ledgerPartitions>) => key >= from && key < before;
    fc.assert(
      fc.property(runIds, runIds, indexes, (own, other, index) => {
        const { partitionKey } = ledgerPlace(own, index, 1);
        expect(isIn(partitionKey, ledgerPartitions(own))).toBe(true);
        expect(isIn(partitionKey, ledgerPartitions(other))).toBe(own === other);
        expect(isIn(partitionKey, ledgerPartitions(`${own}${other}`))).toBe(false);
      }),
    );
  });
});

describe('blob names', () => {
  test('lie below the run', () => {
    expect(runBlobs.folder('r')).toBe('r/');
    expect(runBlobs.source('r')).toBe('r/source.json');
    expect(runBlobs.open('r', '0a1b')).toBe('r/open-0a1b.json');
    expect(runBlobs.manifest('r')).toBe('r/manifest.json');
    expect(runBlobs.page('r', 12)).toBe('r/pages/00012.ndjson');
    expect(runBlobs.report('r')).toBe('r/report.json');
    expect(runBlobs.results('r', 'csv')).toBe('r/results.csv');
    expect(runBlobs.results('r', 'ndjson')).toBe('r/results.ndjson');
  });

  test('of uploads lie where no run can', () => {
    expect(uploadBlobs.content('u1')).toBe('_uploads/u1');
    expect(uploadBlobs.description('u1')).toBe('_uploads/u1.json');
    expect(RunIdSchema.safeParse('_uploads').success).toBe(false);
  });
});

test('an attempt of a run has a name of its own at the capacity entity, and a shard of the ledger a table', () => {
  expect(capacityRunId('r', 2)).toBe('r:2');
  expect([0, 15].map(ledgerTable)).toEqual(['FanfoldLedger0', 'FanfoldLedger15']);
});
