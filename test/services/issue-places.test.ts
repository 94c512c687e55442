import { describe, expect, test } from 'vitest';
import { contentOf, type Issue } from '../../src/core/issues.ts';
import { countIssues, inPieces, placeIssues, readIssues, sha256 } from '../../src/services/issue-source.ts';
import { issue } from '../helpers/factories.ts';

describe('placeIssues', () => {
  async function place(issues: readonly Issue[], limit: number | null = null) {
    async function* each() {
      yield* issues;
    }
    const places: unknown[] = [];
    const counts = await countIssues(placeIssues(each(), contentOf, limit), ({ index, sameAs, issue: { id } }) =>
      places.push([id, index, sameAs]),
    );
    return { places, ...counts, copies: Object.fromEntries(counts.copies) };
  }

  const [a, b] = [issue({ id: 'A' }), issue({ id: 'B', title: 'Other' })];

  test('numbers issues, and points copies to the first of them', async () => {
    expect(await place([a, b, { ...a, id: 'A2' }, a, { ...b, id: 'B2' }])).toEqual({
      places: [
        ['A', 0, null],
        ['B', 1, null],
        ['A2', 2, 0],
        ['A', 3, 0],
        ['B2', 4, 1],
      ],
      total: 5,
      units: 2,
      copies: { 0: 2, 1: 1 },
    });
  });

  test('takes no more than the limit, and looks at no issue beyond it', async () => {
    expect(await place([a, b, { ...b, id: 'A' }], 2)).toMatchObject({ total: 2, units: 2 });
    expect(await place([a, b], 5)).toMatchObject({ total: 2 });
  });

  test('refuses one id with two contents by both rows, and a source without issues', async () => {
    await expect(place([a, b, { ...b, id: 'A' }])).rejects.toThrow(
      'issues.2.id is "A"; allowed: one content for each id (a row without one has its number), but rows 1 and 3 differ',
    );
    await expect(place([])).rejects.toThrow('source is "0 issues"; allowed: 1 issue or more');
  });
});

test('a few bytes are one piece, and are read like a file', async () => {
  const bytes = Buffer.from('title\nOne\n');
  expect(await Array.fromAsync(inPieces(bytes))).toEqual([bytes]);
  expect(await Array.fromAsync(readIssues('csv', inPieces(bytes)))).toEqual([
    { id: '1', title: 'One', description: '' },
  ]);
});

test('sha256 is the known hash, of text and of bytes', () => {
  const known = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  expect(sha256('abc')).toBe(known);
  expect(sha256(Buffer.from('abc'))).toBe(known);
});
