import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../../src/services/lines.ts';
import { inChunks } from '../helpers/chunks.ts';

async function lines(text: string, cuts: readonly number[] = []): Promise<string[]> {
  return Array.fromAsync(linesOf(inChunks(Buffer.from(text), cuts)));
}

describe('linesOf', () => {
  test('cut at any byte, text has the same lines', async () => {
    const text = 'a\nä€😀\n\n\u2028b\r\nlast';
    const expected = ['a', 'ä€😀', '', '\u2028b\r', 'last'];
    for (let cut = 0; cut <= Buffer.byteLength(text); cut++) expect(await lines(text, [cut])).toEqual(expected);
  });

  test('any lines in any chunks come back', async () => {
    const line = fc.string({ unit: 'binary', maxLength: 12 }).map(text => text.replaceAll('\n', '\u2029'));
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 8 }), fc.array(fc.nat(200)), async (expected, cuts) => {
        expect(await lines(expected.map(text => `${text}\n`).join(''), cuts)).toEqual(expected);
      }),
    );
  });

  test('the other line separators of Unicode and a carriage return are data', async () => {
    expect(await lines('a\u2028b\u2029c\u0085d\r\ne\rf')).toEqual(['a\u2028b\u2029c\u0085d\r', 'e\rf']);
  });

  test('a line feed ends a line and begins none', async () => {
    expect(await lines('')).toEqual([]);
    expect(await lines('a')).toEqual(['a']);
    expect(await lines('a\n')).toEqual(['a']);
    expect(await lines('\n\na\n\n')).toEqual(['', '', 'a', '']);
  });

  test('closes the chunks when the reader stops early', async () => {
    let closed = false;
    async function* chunks() {
      try {
        yield Buffer.from('a\nb\n');
        yield Buffer.from('c\n');
      } finally {
        closed = true;
      }
    }
    for await (const line of linesOf(chunks())) if (line === 'a') break;
    expect(closed).toBe(true);
  });
});
