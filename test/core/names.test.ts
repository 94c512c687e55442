import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  capacityRunId,
  ledgerTable,
  RunIdSchema,
  rowKey,
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

describe('rowKey', () => {
  test('has eight digits', () => {
    expect(rowKey(0)).toBe('00000000');
    expect(rowKey(99_999)).toBe('00099999');
  });

  test('sorts as text in input order', () => {
    fc.assert(
      fc.property(fc.nat(99_999_999), fc.nat(99_999_999), (a, b) => {
        expect(rowKey(a) < rowKey(b)).toBe(a < b);
      }),
    );
  });
});

describe('blob names', () => {
  test('lie below the run', () => {
    expect(runBlobs.folder('r')).toBe('r/');
    expect(runBlobs.source('r')).toBe('r/source.json');
    expect(runBlobs.open('r', 2)).toBe('r/open-2.json');
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
