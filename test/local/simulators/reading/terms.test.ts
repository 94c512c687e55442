import { describe, expect, it } from 'vitest';
import { compileTerms, wordsOf } from '../../../../local/simulators/reading/terms.ts';

const find = compileTerms([
  { id: 'crash', terms: ['crash*, stack overflow', 'クラッシュ'] },
  { id: 'loss', terms: ['data loss, lost all'] },
  { id: 'calm', terms: ['not urgent, no hurry'] },
]);
const ids = (text: string) => find(text).map(hit => hit.id);

describe('compileTerms', () => {
  it.each([
    ['It crashes', ['crash']],
    ['CRASHED twice, then crashed', ['crash', 'crash']],
    ['a stack-overflow', ['crash']],
    ['stack\n overflow', ['crash']],
    ['accrash', []],
    ['data losses', []],
    ['lost all of it: data loss', ['loss', 'loss']],
    ['起動時にクラッシュします', ['crash']],
  ])('reads %j', (text, expected) => {
    expect(ids(text)).toEqual(expected);
  });

  it('leaves out what is denied, unless the denial is the term', () => {
    expect(ids('there is no data loss')).toEqual([]);
    expect(ids('kein crash')).toEqual([]);
    expect(ids('this is not urgent')).toEqual(['calm']);
    expect(ids('I do not know why, but it crashes')).toEqual(['crash']);
  });

  it('quotes the text as written', () => {
    expect(find('We LOST  all rows')).toEqual([{ id: 'loss', term: 'lost all', phrase: 'LOST  all' }]);
  });
});

describe('wordsOf', () => {
  it('lowers case and keeps apostrophes', () => {
    expect(wordsOf("Can’t open über-file 42, can't")).toEqual(["can't", 'open', 'über', 'file', '42', "can't"]);
  });
});
