import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANALYSES, analysisNamed } from '../../src/core/analyses.ts';
import {
  estimatedPromptTokens,
  isShortened,
  MAX_ISSUE_CHARACTERS,
  messagesFor,
  questionOf,
  readAnswer,
  repairMessages,
} from '../../src/core/analysis.ts';
import { triage } from '../../src/core/triage.ts';
import { issue } from '../helpers/factories.ts';

function sentText(description: string): string {
  return messagesFor(triage, issue({ description }))[1]?.content ?? '';
}

describe('analysisNamed', () => {
  test('finds the analyses that come with the app', () => {
    expect(Object.keys(ANALYSES)).toEqual(['triage']);
    expect(analysisNamed('triage')).toBe(triage);
  });

  test.each(['divination', 'constructor'])('throws for "%s", naming those there are', name => {
    expect(() => analysisNamed(name)).toThrow(`No analysis is named "${name}"; there are: triage`);
  });
});

describe('messagesFor', () => {
  test('puts what never changes first', () => {
    const [first, ...rest] = messagesFor(triage, issue());
    expect(first).toEqual({ role: 'system', content: triage.instructions });
    expect(messagesFor(triage, issue({ title: 'Other' }))[0]).toEqual(first);
    expect(rest).toEqual([{ role: 'user', content: 'Title: Save fails\n\nDescription:\nThe disk is full.' }]);
  });

  test('sends all that is known of the issue, but neither id nor URL', () => {
    const full = issue({
      type: 'Bug',
      status: 'Open',
      priority: 'High',
      labels: ['ui', 'save'],
      comments: ['Same here.', 'Fixed?'],
      url: 'https://example.com/APP-1',
    });
    expect(messagesFor(triage, full)[1]?.content).toBe(
      [
        'Title: Save fails',
        'Type: Bug',
        'Status: Open',
        'Priority: High',
        'Labels: ui, save',
        'Description:\nThe disk is full.',
        'Comment 1:\nSame here.',
        'Comment 2:\nFixed?',
      ].join('\n\n'),
    );
  });

  test('tells which issues are sent shortened', () => {
    const overhead = messagesFor(triage, issue({ description: '' }))[1]?.content.length ?? 0;
    const room = MAX_ISSUE_CHARACTERS - overhead;
    expect(isShortened(issue({ description: 'x'.repeat(room) }))).toBe(false);
    expect(isShortened(issue({ description: 'x'.repeat(room + 1) }))).toBe(true);
  });

  test('sends a text of just the limit whole, one more character shortened', () => {
    const frame = sentText('').length;
    const longest = 'x'.repeat(MAX_ISSUE_CHARACTERS - frame);
    expect(sentText(longest)).toHaveLength(96_000);
    expect(sentText(longest)).not.toContain('left out');
    expect(sentText(`${longest}x`)).toContain('\n\n[… 1 characters left out …]\n\n');
  });

  test('keeps the first three quarters and the last quarter of a long text', () => {
    const text = sentText(`${'a'.repeat(100_000)}${'z'.repeat(100_000)}`);
    const [head = '', note, tail = ''] = text.split('\n\n').slice(1);
    expect(head).toMatch(/^Description:\na+$/);
    expect(note).toMatch(/^\[… \d+ characters left out …\]$/);
    expect(tail).toBe('z'.repeat(24_000));
    expect(text.indexOf(note ?? 'missing')).toBe(72_000 + 2);
  });

  test('never splits a surrogate pair, and says exactly how much it left out', () => {
    const fillers = fc.tuple(fc.nat(3), fc.nat(3));
    fc.assert(
      fc.property(fillers, ([before, after]) => {
        const description = `${'a'.repeat(before)}${'😀'.repeat(60_000)}${'z'.repeat(after)}`;
        const text = sentText(description);
        expect(text.isWellFormed()).toBe(true);
        expect(text).not.toContain('\uFFFD');
        const leftOut = Number(/(\d+) characters left out/.exec(text)?.[1]);
        const noteLength = `\n\n[… ${leftOut} characters left out …]\n\n`.length;
        expect(text.length - noteLength + leftOut).toBe(sentText('').length + description.length);
        expect(text.length - noteLength).toBeLessThanOrEqual(MAX_ISSUE_CHARACTERS);
      }),
    );
  });
});

describe('repairMessages', () => {
  test('appends the answer and what was wrong with it', () => {
    const messages = messagesFor(triage, issue());
    expect(repairMessages(messages, '{"category":"bgu"}', 'category is wrong')).toEqual([
      ...messages,
      { role: 'assistant', content: '{"category":"bgu"}' },
      {
        role: 'user',
        content:
          'That answer does not fit the schema: category is wrong\n' +
          'Answer again, with the whole corrected JSON object and nothing else.',
      },
    ]);
  });
});

describe('estimatedPromptTokens', () => {
  test('is a quarter of all characters, rounded up once', () => {
    const messages = ['12345', '123', '1'].map(content => ({ role: 'user' as const, content }));
    expect(estimatedPromptTokens(messages)).toBe(3);
    expect(estimatedPromptTokens(messages.slice(0, 2))).toBe(2);
    expect(estimatedPromptTokens([])).toBe(0);
  });
});

describe('readAnswer', () => {
  const good = {
    category: 'bug',
    priority: 'high',
    priorityReason: 'Data is lost.',
    component: null,
    summary: 'Saving fails.',
    labels: ['save'],
    missingInformation: [],
    language: 'en',
    confidence: 0.9,
  };

  test('answers what fits', () => {
    expect(readAnswer(triage, JSON.stringify(good))).toEqual({ fits: true, answer: good });
  });

  test.each(['', 'Sure! Here it is:', '{"category":"bug"'])('says of %j that it is not JSON', text => {
    expect(readAnswer(triage, text)).toEqual({ fits: false, fault: 'it is not JSON' });
  });

  test.each<[string, object, RegExp]>([
    ['category', { category: 'bgu' }, /"crash".*at category/s],
    ['confidence', { confidence: 1.2 }, /<=1.*at confidence/s],
    ['language', { language: 'English' }, /ISO 639-1.*at language/s],
    ['labels', { labels: [''] }, />=1 characters.*at labels\[0\]/s],
    ['summary', { summary: undefined }, /expected string.*at summary/s],
  ])('names %s and what it may be', (_, change, fault) => {
    const read = readAnswer(triage, JSON.stringify({ ...good, ...change }));
    expect(read).toEqual({ fits: false, fault: expect.stringMatching(fault) });
  });

  test('names every fault at once', () => {
    const read = readAnswer(triage, '{}');
    const fields = read.fits ? [] : [...read.fault.matchAll(/at (\w+)/g)].map(match => match[1]);
    expect(fields).toEqual(Object.keys(good));
  });

  test('takes any text without throwing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), text => {
        expect(readAnswer(triage, text).fits).toBe(false);
      }),
    );
  });
});

describe('questionOf', () => {
  const question = questionOf(triage, 'd1', issue());

  test('is equal for issues of equal content', () => {
    expect(questionOf(triage, 'd1', issue({ id: 'OTHER', url: 'https://x' }))).toBe(question);
  });

  test.each([
    ['the analysis', questionOf({ ...triage, name: 'other' }, 'd1', issue())],
    ['its version', questionOf({ ...triage, version: 2 }, 'd1', issue())],
    ['its token limit', questionOf({ ...triage, maxCompletionTokens: 9 }, 'd1', issue())],
    ['the deployment', questionOf(triage, 'd2', issue())],
    ['the content', questionOf(triage, 'd1', issue({ description: '' }))],
  ])('differs with %s', (_, other) => {
    expect(other).not.toBe(question);
  });
});
