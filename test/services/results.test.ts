import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReportBuilder, type ResultLine } from '../../src/core/report.ts';
import { createBlobStore } from '../../src/services/blobs.ts';
import { createResultsStore, csvOf } from '../../src/services/results.ts';
import { reportInput, resultLine, unsuccessful } from '../helpers/factories.ts';
import { createMemoryBlobs } from '../helpers/memory-stores.ts';
import { ownStorage } from '../helpers/test-storage.ts';

const COLUMNS = [
  'index',
  'id',
  'title',
  'outcome',
  'code',
  'coalescedWith',
  'cached',
  'callMs',
  'calls',
  'promptTokens',
  'completionTokens',
  'costUsd',
];
const lines: ResultLine[] = [
  resultLine({
    index: 0,
    title: 'Saving, "again"',
    answer: { category: 'bug', labels: ['disk', 'a, b'], confidence: 0.5 },
  }),
  unsuccessful('failed', 'refused', 'APP-2'),
  resultLine({ index: 2, id: 'APP-3', coalescedWith: 'APP-1', costUsd: null, callMs: null }),
];

async function written(answerFields: readonly string[], given: readonly ResultLine[], blobs = createMemoryBlobs()) {
  const results = createResultsStore(blobs);
  const writer = results.openWriter('run', answerFields);
  for (const line of given) await writer.add(line);
  await writer.close();
  return results;
}

const textOf = (content: Buffer | null) => content?.toString('utf8');

describe('results', () => {
  test('are not there before they are written', async () => {
    const results = createResultsStore(createMemoryBlobs());
    expect(await results.read('run', 'csv')).toBeNull();
    expect(await results.readReport('run')).toBeNull();
    await expect(Array.fromAsync(results.lines('run'))).rejects.toThrow();
  });

  test('are the same lines in both forms, in order', async () => {
    const results = createResultsStore(createBlobStore(ownStorage()));
    const writer = results.openWriter('run', ['category', 'labels']);
    for (const line of lines) await writer.add(line);
    await writer.close();
    expect(await Array.fromAsync(results.lines('run'))).toEqual(lines);
    expect(textOf(await results.read('run', 'ndjson'))).toBe(lines.map(line => `${JSON.stringify(line)}\n`).join(''));
    expect(textOf(await results.read('run', 'csv'))).toBe(csvOf(lines, ['category', 'labels']));
  });

  test('of no issue are an empty file, and a header alone', async () => {
    const results = await written(['category'], []);
    expect(textOf(await results.read('run', 'ndjson'))).toBe('');
    expect(textOf(await results.read('run', 'csv'))).toBe(`${[...COLUMNS, 'category'].join(',')}\n`);
    expect(await Array.fromAsync(results.lines('run'))).toEqual([]);
  });

  test('keep line separators and quotes of texts within their line', async () => {
    const line = resultLine({ title: 'a\nb\u2028c "d"', answer: { summary: 'e\r\nf' } });
    expect(await Array.fromAsync((await written([], [line])).lines('run'))).toEqual([line]);
  });

  test('come with a report as JSON', async () => {
    const results = createResultsStore(createMemoryBlobs());
    const { report } = createReportBuilder(reportInput(), { rows: 'category', columns: 'priority' }).build();
    await results.writeReport('run', report);
    const text = textOf(await results.readReport('run')) ?? '';
    expect(JSON.parse(text)).toEqual(report);
    expect(text.endsWith('}\n')).toBe(true);
  });
});

describe('CSV', () => {
  test('has a column for each fact and each field of the answer; lists are joined', () => {
    expect(parse(csvOf(lines, ['category', 'labels', 'confidence']))).toEqual([
      [...COLUMNS, 'category', 'labels', 'confidence'],
      [
        '0',
        'APP-1',
        'Saving, "again"',
        'succeeded',
        '',
        '',
        'false',
        '1500',
        '1',
        '100',
        '10',
        '0.001',
        'bug',
        'disk; a, b',
        '0.5',
      ],
      ['0', 'APP-2', 'Save fails', 'failed', 'refused', '', 'false', '', '0', '0', '0', '0', '', '', ''],
      ['2', 'APP-3', 'Save fails', 'succeeded', '', 'APP-1', 'false', '', '1', '100', '10', '', 'bug', '', ''],
    ]);
  });

  test.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '＝1', '=HYPERLINK("http://x","y")'])(
    'quotes %j, which a spreadsheet would run',
    title => {
      const [, row] = parse(
        csvOf([resultLine({ title, id: title, answer: { category: title } })], ['category']),
      ) as string[][];
      expect(row?.[1]).toBe(`'${title}`);
      expect(row?.[2]).toBe(`'${title}`);
      expect(row?.at(-1)).toBe(`'${title}`);
    },
  );

  test('quotes a list whose first member would be run', () => {
    const [, row] = parse(csvOf([resultLine({ answer: { labels: ['=1+1', 'b'] } })], ['labels'])) as string[][];
    expect(row?.at(-1)).toBe("'=1+1; b");
  });

  test('gives any text back, but for an apostrophe before a formula', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', 'ä', '😀', ' ', '"', ',', ';', '\n', '\r', '\t', "'", '=', '-', '\u2028'),
    });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text), { minLength: 1 }), pairs => {
        const given = pairs.map(([title, summary]) => resultLine({ title, answer: { summary } }));
        const [, ...rows] = parse(csvOf(given, ['summary'])) as string[][];
        const plain = (cell: string | undefined) => cell?.replace(/^'(?=[=+\-@\t\r])/, '');
        expect(rows.map(row => [plain(row[2]), plain(row.at(-1))])).toEqual(
          pairs.map(pair => pair.map(cell => plain(cell))),
        );
      }),
    );
  });
});
