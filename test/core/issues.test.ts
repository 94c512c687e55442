import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkHeaders,
  contentOf,
  createCoalescer,
  hasTextField,
  IssueSchema,
  isEmptyIssue,
  normaliseRecord,
} from '../../src/core/issues.ts';
import { InvalidInputError } from '../../src/core/problems.ts';
import { issue } from '../helpers/factories.ts';

describe('checkHeaders', () => {
  test.each([['Summary'], ['id', 'Body'], ['HEAD-line'], ['description', 'x']])('accepts %s', (...headers) => {
    expect(() => checkHeaders(headers)).not.toThrow();
  });

  test('refuses a table without a text, naming what it found and what it expects', () => {
    expect(() => checkHeaders(['Issue key', 'Points'])).toThrow(
      'header is "Issue key, Points"; allowed: a column for the title or the description, named one of: ' +
        'title, summary, subject, headline, description, body, text, content, details',
    );
  });
});

test.each([
  [{ Summary: '' }, true],
  [{ id: 1, 'BO-dy': null }, true],
  [{ fields: { summary: 'x' } }, true],
  [{ id: 1, fields: { status: 'Open' } }, false],
  [{ fields: 'summary', Status: 'title' }, false],
  [{}, false],
])('of %j it is %s that it has a field for title or description', (record, expected) => {
  expect(hasTextField(Object.entries(record))).toBe(expected);
});

describe('normaliseRecord', () => {
  test('reads a Jira export: the key wins over the id, repeated Labels and Comment columns add up', () => {
    const record = [
      ['Summary', 'Login fails'],
      ['Issue key', 'APP-7'],
      ['Issue id', '10042'],
      ['Issue Type', 'Bug'],
      ['Status', 'Open'],
      ['Priority', 'High'],
      ['Labels', 'login'],
      ['Labels', 'sso'],
      ['Labels', ''],
      ['Labels', 'login'],
      ['Description', 'After the update.'],
      ['Comment', '01/Jan/26;ann;Seen too.'],
      ['Comment', ''],
      ['Comment', '02/Jan/26;bob;Fixed?'],
      ['Custom field (Points)', '3'],
    ] as const;
    expect(normaliseRecord(record, 1)).toEqual({
      id: 'APP-7',
      title: 'Login fails',
      description: 'After the update.',
      type: 'Bug',
      status: 'Open',
      priority: 'High',
      labels: ['login', 'sso'],
      comments: ['01/Jan/26;ann;Seen too.', '02/Jan/26;bob;Fixed?'],
    });
  });

  test('the key wins wherever it stands', () => {
    expect(
      normaliseRecord(
        [
          ['Issue id', '10042'],
          ['Issue key', 'APP-7'],
        ],
        1,
      ).id,
    ).toBe('APP-7');
    expect(
      normaliseRecord(
        [
          ['Issue id', '10042'],
          ['Issue key', ''],
        ],
        1,
      ).id,
    ).toBe('10042');
  });

  test('reads an issue of the Jira API: nested fields, objects by their name', () => {
    const fields = { summary: 'Login fails', issuetype: { name: 'Bug' }, status: { name: 'Open' }, labels: ['sso'] };
    expect(
      normaliseRecord(
        [
          ['id', '10042'],
          ['key', 'APP-7'],
          ['fields', fields],
        ],
        1,
      ),
    ).toEqual({
      id: 'APP-7',
      title: 'Login fails',
      description: '',
      type: 'Bug',
      status: 'Open',
      labels: ['sso'],
    });
  });

  test('reads an issue of the GitHub API: a number as id, labels with blanks as they are', () => {
    const record = Object.entries({
      number: 12,
      html_url: 'https://github.com/a/b/issues/12',
      title: 'Crash',
      body: null,
      state: 'open',
      labels: [{ name: 'good first issue' }, { name: 'bug' }, null],
    });
    expect(normaliseRecord(record, 1)).toEqual({
      id: '12',
      title: 'Crash',
      description: '',
      status: 'open',
      labels: ['good first issue', 'bug'],
      url: 'https://github.com/a/b/issues/12',
    });
  });

  test('splits a text of labels', () => {
    expect(normaliseRecord([['tags', ' a, b;c  d\na ']], 1).labels).toEqual(['a', 'b', 'c', 'd']);
    expect(normaliseRecord([['tags', ' ,; ']], 1)).not.toHaveProperty('labels');
  });

  test('joins several descriptions; of several titles the first non-empty one counts', () => {
    const record = [
      ['Title', ' '],
      ['Subject', 'B'],
      ['Summary', 'C'],
      ['Body', 'x'],
      ['Details', 'y'],
    ] as const;
    expect(normaliseRecord(record, 1)).toEqual({ id: '1', title: 'B', description: 'x\ny' });
  });

  test('keeps line ends and tabs, drops control and replacement characters', () => {
    const description = '\uFEFFone\r\ntwo\rthree\tfour\u0000\u0007\uFFFD\uD800 five \u{1F468}\u200D\u{1F469} ';
    expect(normaliseRecord([['text', description]], 1).description).toBe(
      'one\ntwo\nthree\tfour five \u{1F468}\u200D\u{1F469}',
    );
  });

  test.each([
    ['a number', 5, '5'],
    ['a truth value', true, 'true'],
    ['an object with a value', { value: 'v' }, 'v'],
    ['an object with a body', { author: {}, body: 'b' }, 'b'],
    ['an object with nothing known', { a: 1 }, ''],
    ['an object within an object', { name: { name: 'deep' } }, 'deep'],
    [
      'rich text',
      { type: 'doc', content: [{ content: [{ text: 'one' }] }, { content: [{ text: 'two' }] }] },
      'one\ntwo',
    ],
    ['what nests without end', Array.from({ length: 60 }).reduce<unknown>(inner => [inner], 'x'), ''],
    ['null', null, ''],
    ['a list: its first', ['', 'one', 'two'], 'one'],
  ])('takes %s as a title', (_, value, expected) => {
    expect(normaliseRecord([['title', value]], 1).title).toBe(expected);
  });

  test('takes any JSON without throwing, and gives a valid issue', () => {
    const headers = fc.oneof(fc.constantFrom('key', 'id', 'title', 'body', 'labels', 'comment', 'fields'), fc.string());
    const records = fc.array(fc.tuple(headers, fc.jsonValue()));
    fc.assert(
      fc.property(records, fc.integer({ min: 1, max: 1e6 }), (record, rowNumber) => {
        const normalised = normaliseRecord(record, rowNumber);
        expect(IssueSchema.parse(normalised)).toEqual(normalised);
        expect(normalised.id).not.toBe('');
      }),
    );
  });

  test('gives the row number as id where the record has none', () => {
    const texts = fc.constantFrom('title', 'body', 'labels', 'status', 'url');
    fc.assert(
      fc.property(fc.array(fc.tuple(texts, fc.jsonValue())), fc.integer({ min: 1, max: 1e6 }), (record, rowNumber) => {
        const idOf = (extra: [string, unknown][]) => normaliseRecord([...record, ...extra], rowNumber).id;
        expect(idOf([])).toBe(String(rowNumber));
        expect(
          idOf([
            ['id', ' '],
            ['key', ''],
          ]),
        ).toBe(String(rowNumber));
        expect(idOf([['id', 'own']])).toBe('own');
      }),
    );
  });
});

describe('isEmptyIssue', () => {
  test.each([
    [{ title: '', description: '' }, true],
    [{ title: '--- ...', description: '\n\t!?' }, true],
    [{ title: '', description: '', comments: ['…'] }, true],
    [{ title: '7', description: '' }, false],
    [{ title: '', description: '修复' }, false],
    [{ title: '', description: '', comments: ['ok'] }, false],
    [{ title: '', description: '', labels: ['bug'], type: 'Bug' }, true],
  ])('%j: %s', (parts, expected) => {
    expect(isEmptyIssue(issue(parts))).toBe(expected);
  });
});

describe('contentOf', () => {
  test('does not depend on id and url', () => {
    expect(contentOf(issue({ id: 'A', url: 'https://a' }))).toBe(contentOf(issue({ id: 'B' })));
  });

  test.each([
    { title: 'x' },
    { description: 'x' },
    { type: 'x' },
    { status: 'x' },
    { priority: 'x' },
    { labels: ['x'] },
    { comments: ['x'] },
  ])('depends on %j', change => {
    expect(contentOf(issue(change))).not.toBe(contentOf(issue()));
  });

  test('keeps fields apart', () => {
    expect(contentOf(issue({ type: 'x' }))).not.toBe(contentOf(issue({ status: 'x' })));
    expect(contentOf(issue({ labels: ['x'] }))).not.toBe(contentOf(issue({ comments: ['x'] })));
  });
});

describe('createCoalescer', () => {
  test('refers later issues of equal content to the first', () => {
    const coalescer = createCoalescer();
    const placed = ['f1', 'f2', 'f1', 'f1'].map((print, n) => coalescer.add(issue({ id: String(n) }), print));
    expect(placed).toEqual([
      { index: 0, sameAs: null },
      { index: 1, sameAs: null },
      { index: 2, sameAs: 0 },
      { index: 3, sameAs: 0 },
    ]);
    expect([...coalescer.copies()]).toEqual([[0, 2]]);
    expect(coalescer.total()).toBe(4);
    expect(coalescer.units()).toBe(2);
  });

  test('coalesces a row that is given twice', () => {
    const coalescer = createCoalescer();
    coalescer.add(issue({ id: 'A' }), 'f1');
    expect(coalescer.add(issue({ id: 'A' }), 'f1')).toEqual({ index: 1, sameAs: 0 });
  });

  test('refuses an id that returns with other content, naming both rows', () => {
    const coalescer = createCoalescer();
    coalescer.add(issue({ id: 'A' }), 'f1');
    coalescer.add(issue({ id: 'B' }), 'f2');
    coalescer.add(issue({ id: 'A' }), 'f1');
    expect(() => coalescer.add(issue({ id: 'A' }), 'f2')).toThrow(InvalidInputError);
    expect(() => coalescer.add(issue({ id: 'B' }), 'f1')).toThrow(
      'issues.4.id is "B"; allowed: one content for each id (a row without one has its number), but rows 2 and 5 differ',
    );
  });

  test('an id refused for its other content is known by its first row still', () => {
    const coalescer = createCoalescer();
    coalescer.add(issue({ id: '2' }), 'f1');
    for (const row of [2, 3]) {
      expect(() => coalescer.add(issue({ id: '2' }), 'f2')).toThrow(`but rows 1 and ${row} differ`);
    }
  });

  test('counts add up, and sameAs is the first earlier issue of equal content', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e')), prints => {
        const coalescer = createCoalescer();
        const placed = prints.map((print, n) => coalescer.add(issue({ id: String(n) }), print));
        const firsts = prints.map(print => prints.indexOf(print));
        expect(placed).toEqual(firsts.map((first, index) => ({ index, sameAs: first === index ? null : first })));
        const copies = [...coalescer.copies().values()].reduce((sum, n) => sum + n, 0);
        expect(coalescer.total()).toBe(prints.length);
        expect(coalescer.units() + copies).toBe(prints.length);
      }),
    );
  });
});
