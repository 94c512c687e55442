import { createReadStream } from 'node:fs';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { beforeAll, describe, expect, test } from 'vitest';
import { messagesFor } from '../../src/core/analysis.ts';
import { triage } from '../../src/core/triage.ts';
import { readIssues } from '../../src/services/issue-source.ts';
import { createTokenizer } from '../../src/services/tokenizer.ts';

let countTokens: (text: string) => number;
beforeAll(async () => {
  countTokens = await createTokenizer().load();
});

describe('the tokens of a text', () => {
  test.each([
    ['', 0],
    ['hello world', 2],
    ['tiktoken is great!', 6],
    ['antidisestablishmentarianism', 6],
    ['2 + 2 = 4', 7],
    ['お誕生日おめでとう', 8],
  ])('%j are %i, as the model counts them', (text, tokens) => {
    expect(countTokens(text)).toBe(tokens);
  });

  test('of marks of the chat format are those of a text', () => {
    expect(countTokens('<|endoftext|>')).toBeGreaterThan(3);
    expect(countTokens('<|im_start|>system')).toBeGreaterThan(3);
  });

  test('of the sample issues are those of the tokenizer for whole texts', async () => {
    const file = new URL('../../examples/sample-issues.csv', import.meta.url);
    for await (const issue of readIssues('csv', createReadStream(file))) {
      const text = messagesFor(triage, issue).at(-1)?.content ?? '';
      expect(countTokens(text)).toBe(encode(text).length);
    }
  });

  test.each([
    ['one letter', 'a', 12_000],
    ['blanks', ' ', 750],
    ['line breaks', '\n', 6_000],
    ['Chinese without a blank', '漢字仮名', 120_000],
    ['base64', 'QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo', null],
  ])('of 96,000 characters of %s come soon, where the whole would take minutes', (_, unit, whole) => {
    const startedMs = performance.now();
    const tokens = countTokens(unit.repeat(96_000 / unit.length));
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    if (whole !== null) expect(Math.abs(tokens / whole - 1)).toBeLessThan(0.02);
  });

  test('of a text that is counted in pieces are almost those of the whole', () => {
    const text = `${'The quick brown fox. '.repeat(50)}${'x1y2'.repeat(300)} ${'more words here '.repeat(50)}`;
    expect(Math.abs(countTokens(text) - encode(text).length)).toBeLessThanOrEqual(8);
  });
});
