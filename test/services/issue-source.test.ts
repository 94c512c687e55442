import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Source } from '../../src/core/contracts.ts';
import type { Issue } from '../../src/core/issues.ts';
import { InvalidInputError } from '../../src/core/problems.ts';
import { inPieces, readIssues } from '../../src/services/issue-source.ts';
import { inChunks } from '../helpers/chunks.ts';

function read(format: Source['format'], text: string | Buffer, cuts: readonly number[] = []): Promise<Issue[]> {
  return Array.fromAsync(readIssues(format, inChunks(Buffer.from(text), cuts)));
}

/** The message with which reading is refused; fails for any other error, and for none. */
async function refusal(format: Source['format'], text: string): Promise<string> {
  const error = await read(format, text).then(
    () => null,
    thrown => thrown,
  );
  expect(error).toBeInstanceOf(InvalidInputError);
  return error.message;
}

describe('CSV', () => {
  test.each([
    ['comma', ','],
    ['semicolon', ';'],
    ['tab', '\t'],
  ])('is read with the delimiter %s, as its header tells', async (_, delimiter) => {
    const rows = [
      ['id', 'title', 'description'],
      ['A-1', 'Save; fails, often', 'One\ttab'],
    ];
    expect(await read('csv', stringify(rows, { delimiter }))).toEqual([
      { id: 'A-1', title: 'Save; fails, often', description: 'One\ttab' },
    ]);
  });

  test('has its delimiter found beside quoted ones, line ends and quotes in the header', async () => {
    const header = '"Title, short, or ""long""\nas you like";"Title";"Description"';
    expect(await read('csv', `${header}\nx;Save fails;Disk full\n`)).toEqual([
      { id: '1', title: 'Save fails', description: 'Disk full' },
    ]);
  });

  test('may begin with a byte-order mark, and end its lines in any way', async () => {
    for (const end of ['\n', '\r\n', '\r']) {
      const text = `\uFEFF${['title;body', 'One;a, b, c', '', 'Two;d'].join(end)}`;
      expect(await read('csv', text)).toEqual([
        { id: '1', title: 'One', description: 'a, b, c' },
        { id: '2', title: 'Two', description: 'd' },
      ]);
    }
  });

  test('keeps line breaks, quotes and delimiters of quoted cells', async () => {
    const text = 'title,description\r\n"Says ""no"", loudly","line 1\nline 2\r\n\r\nline 4"\r\n';
    expect(await read('csv', text)).toEqual([
      { id: '1', title: 'Says "no", loudly', description: 'line 1\nline 2\n\nline 4' },
    ]);
  });

  test('of a Jira export: the key beside the id, repeated Labels and Comment columns', async () => {
    const rows = [
      ['Summary', 'Issue key', 'Issue id', 'Labels', 'Labels', 'Labels', 'Description', 'Comment', 'Comment'],
      ['Login fails', 'APP-7', '10042', 'login', 'sso', '', 'After the update.', '01/Jan/26;ann;Seen too.', ''],
      ['Logo is blurred', 'APP-8', '10043', '', '', '', '', '', ''],
    ];
    expect(await read('csv', stringify(rows))).toEqual([
      {
        id: 'APP-7',
        title: 'Login fails',
        description: 'After the update.',
        labels: ['login', 'sso'],
        comments: ['01/Jan/26;ann;Seen too.'],
      },
      { id: 'APP-8', title: 'Logo is blurred', description: '' },
    ]);
  });

  test('may have rows that are too short, or end in empty cells', async () => {
    expect(await read('csv', 'id,title,description\nA-1\nA-2,Two\nA-3,Three,text,, \n')).toEqual([
      { id: 'A-1', title: '', description: '' },
      { id: 'A-2', title: 'Two', description: '' },
      { id: 'A-3', title: 'Three', description: 'text' },
    ]);
  });

  test('may not have a row with more in it than the header: a comma there would cut the issue short', async () => {
    expect(await refusal('csv', 'id,title\nA-1,One\nA-2,secret, and more\n')).toBe(
      'row 2 is "3 cells"; allowed: at most 2, as the header has; a cell that holds the delimiter must be in quotes',
    );
  });

  test.each([
    ['a quote that is never closed', 'title\nfine\n"secret text', /^line \d+ is "CSV_QUOTE_NOT_CLOSED"/],
    ['text after a closing quote', 'title\nfine\n"sec"ret\n', /^line 3 is "CSV_INVALID_CLOSING_QUOTE"/],
    ['a quote within a cell', 'title\nfine\nsec"ret\n', /^line 3 is "INVALID_OPENING_QUOTE"/],
  ])('with %s is refused by its line, without a word of it', async (_, text, message) => {
    const refused = await refusal('csv', text);
    expect(refused).toMatch(message);
    expect(refused).toContain('allowed: CSV in which quotes are closed, and doubled within a cell');
    expect(refused).not.toMatch(/sec|ret/);
  });

  test('without a column of text is refused by its header', async () => {
    expect(await refusal('csv', 'key,points\nA-1,3\n')).toMatch(
      /^header is "key, points"; allowed: a column for the title/,
    );
  });

  test('gives the same issues in whatever chunks it comes', async () => {
    const text = `\uFEFF"Key";"Ti,tle";"title";"body"\r\nA-1;x;"Über ""€""";"😀\r\nzwei"\r\n\r\nA-2;;Zwei\r\n`;
    const expected = await read('csv', text);
    expect(expected).toEqual([
      { id: 'A-1', title: 'Über "€"', description: '😀\nzwei' },
      { id: 'A-2', title: 'Zwei', description: '' },
    ]);
    const length = Buffer.byteLength(text);
    for (let cut = 0; cut <= length; cut++) expect(await read('csv', text, [cut])).toEqual(expected);
    expect(
      await read(
        'csv',
        text,
        Array.from({ length }, (_, at) => at),
      ),
    ).toEqual(expected);
  });

  test('of any cells gives them back, in any chunks', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', 'ä', '€', '😀', ' ', '"', ',', ';', '\t', '\n', '\r', "'"),
      maxLength: 8,
    });
    const row = fc.tuple(cell, cell);
    const rows = fc.array(row, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(rows, fc.constantFrom(',', ';', '\t'), fc.array(fc.nat(300)), async (cells, delimiter, cuts) => {
        const text = stringify(
          [['key', 'title', 'description'], ...cells.map(([title, body], n) => [n + 1, title, body])],
          {
            delimiter,
            quoted_string: true,
          },
        );
        const asText = (value: string) => value.replace(/\r\n?/g, '\n').replaceAll('\uFFFD', '').trim();
        expect(await read('csv', text, cuts)).toEqual(
          cells.map(([title, body], n) => ({ id: String(n + 1), title: asText(title), description: asText(body) })),
        );
      }),
      { numRuns: 60 },
    );
  });

  test('lets go of its chunks when the reader has enough or the text is broken, and passes their errors on', async () => {
    let open = 0;
    async function* chunks(tail: () => Buffer) {
      open += 1;
      try {
        yield Buffer.from('title,description\n');
        for (let n = 0; n < 1_000; n++) yield Buffer.from(`Title ${n},${'x'.repeat(1_000)}\n`);
        yield tail();
      } finally {
        open -= 1;
      }
    }
    const settled = () => new Promise<void>(resolve => setImmediate(resolve));
    const endless = readIssues(
      'csv',
      chunks(() => Buffer.from('Last,')),
    );
    expect((await endless.next()).value?.title).toBe('Title 0');
    expect(open).toBe(1);
    await endless.return(undefined);
    await settled();
    expect(open).toBe(0);

    await expect(
      Array.fromAsync(
        readIssues(
          'csv',
          chunks(() => Buffer.from('a"b\n')),
        ),
      ),
    ).rejects.toThrow('line 1002');
    const failure = new Error('the blob is gone');
    const failing = chunks(() => {
      throw failure;
    });
    await expect(Array.fromAsync(readIssues('csv', failing))).rejects.toBe(failure);
    expect(open).toBe(0);
  });
});

describe('NDJSON', () => {
  test('is one issue a line, empty lines aside, with a byte-order mark or carriage returns if need be', async () => {
    const text = '\uFEFF{"key":"A-1","title":"One"}\r\n\r\n  \n{"title":"Two","body":"a\u2028b"}';
    expect(await read('ndjson', text)).toEqual([
      { id: 'A-1', title: 'One', description: '' },
      { id: '2', title: 'Two', description: 'a\u2028b' },
    ]);
  });

  test.each([
    ['no JSON', 'secret', 'line 3 is "6 characters"; allowed: valid JSON'],
    ['a list', '["secret"]', 'line 3 is "a list"; allowed: an object with a title or a description'],
    ['a text', '"secret"', 'line 3 is "string"; allowed: an object with a title or a description'],
  ])('with %s in a line is refused by the number of that line in the file', async (_, line, message) => {
    expect(await refusal('ndjson', `{"title":"fine"}\n\n${line}\n`)).toBe(message);
  });

  test('gives the same issues in whatever chunks it comes', async () => {
    const titles = fc.array(fc.string({ unit: 'binary' }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(titles, fc.array(fc.nat(500)), async (texts, cuts) => {
        const text = texts.map(title => `${JSON.stringify({ title })}\n`).join('');
        expect(await read('ndjson', text, cuts)).toEqual(
          await read('json', JSON.stringify(texts.map(title => ({ title })))),
        );
      }),
      { numRuns: 50 },
    );
  });
});

describe('JSON', () => {
  const list = [
    { id: 7, title: 'One', labels: ['a b'] },
    { fields: { summary: 'Two' }, key: 'A-2' },
  ];
  const issues = [
    { id: '7', title: 'One', description: '', labels: ['a b'] },
    { id: 'A-2', title: 'Two', description: '' },
  ];

  test.each([
    ['a list', JSON.stringify(list)],
    ['an object with a list', JSON.stringify({ issues: list })],
    ['a list after a byte-order mark', `\uFEFF${JSON.stringify(list)}`],
  ])('is %s', async (_, text) => {
    expect(await read('json', text, [1, 2, 9])).toEqual(issues);
  });

  test.each([
    ['no JSON', '[secret]', 'body is "8 characters"; allowed: valid JSON'],
    ['no list', '{"issue":"secret"}', 'body is "object"; allowed: a list of issues, or an object with a list "issues"'],
    ['null', 'null', 'body is "object"; allowed: a list of issues, or an object with a list "issues"'],
    [
      'a member that is no issue',
      '[{"title":"a"},["secret"]]',
      'issues.1 is "a list"; allowed: an object with a title or a description',
    ],
  ])('that is or has %s is refused', async (_, text, message) => {
    expect(await refusal('json', text)).toBe(message);
  });
});

describe('bytes in pieces', () => {
  test('are the same bytes, and let other work have its turn between them', async () => {
    const bytes = Buffer.alloc(700_000, 'abcdefg');
    const turns: string[] = [];
    const pieces: Uint8Array[] = [];
    for await (const piece of inPieces(bytes)) {
      pieces.push(piece);
      turns.push('piece');
      setImmediate(() => turns.push('other work'));
    }
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);
    expect(turns).toEqual(['piece', 'other work', 'piece', 'other work', 'piece', 'other work']);
  });
});
