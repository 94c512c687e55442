/** Something to look for, and the words that tell it. */
export interface Concept<Id extends string = string> {
  readonly id: Id;
  /** Terms of one or more words, parted by commas; `*` at a word's end stands for any ending. */
  readonly terms: readonly string[];
}

/** A place where a concept was found. */
export interface TermHit<Id extends string = string> {
  readonly id: Id;
  /** The text as written there. */
  readonly phrase: string;
  /** The term that matched. */
  readonly term: string;
}

interface CompiledTerm<Id extends string> {
  readonly id: Id;
  readonly term: string;
  readonly words: readonly string[];
}

interface Token {
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
const WORD = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}]+)*/gu;
const NEGATORS = new Set(
  'no not without never none nor kein keine keinen nicht ohne pas sans sin não sem non senza bez nie niet geen нет без не нема'.split(
    ' ',
  ),
);
const NEGATION_REACH = 2;
/** Terms with an open end are found by their first letters; none may be shorter. */
const PREFIX_LETTERS = 3;

/**
 * Compiles concepts into one matcher that goes over a text once, however many terms there are. A hit directly after a
 * negation ("no data loss") is left out, unless the term begins with the negation itself.
 */
export function compileTerms<Id extends string>(concepts: readonly Concept<Id>[]): (text: string) => TermHit<Id>[] {
  const byWord = new Map<string, CompiledTerm<Id>[]>();
  const byPrefix = new Map<string, CompiledTerm<Id>[]>();
  const unspaced: CompiledTerm<Id>[] = [];
  for (const { id, terms } of concepts) {
    for (const term of terms.flatMap(line => line.split(', '))) {
      const words = term.toLowerCase().split(/[\s-]+/);
      const [first = ''] = words;
      const compiled = { id, term, words };
      if (UNSPACED.test(term)) unspaced.push(compiled);
      else if (first.endsWith('*')) append(byPrefix, first.slice(0, PREFIX_LETTERS), compiled);
      else append(byWord, first, compiled);
    }
  }
  return text => {
    const tokens = tokenize(text);
    const hits: TermHit<Id>[] = [];
    for (const [index, token] of tokens.entries()) {
      const candidates = [
        ...(byWord.get(token.word) ?? []),
        ...(byPrefix.get(token.word.slice(0, PREFIX_LETTERS)) ?? []),
      ];
      for (const { id, term, words } of candidates) {
        const last = tokens[index + words.length - 1];
        if (!last || !words.every((word, offset) => fits(tokens[index + offset]?.word ?? '', word))) continue;
        if (isNegated(tokens, index)) continue;
        hits.push({ id, term, phrase: text.slice(token.start, last.end) });
      }
    }
    if (UNSPACED.test(text)) {
      for (const { id, term } of unspaced) if (text.includes(term)) hits.push({ id, term, phrase: term });
    }
    return hits;
  };
}

/** The words of a text in lower case, apostrophes made equal. */
export function wordsOf(text: string): string[] {
  return tokenize(text).map(token => token.word);
}

function tokenize(text: string): Token[] {
  return [...text.matchAll(WORD)].map(match => ({
    word: match[0].toLowerCase().replaceAll('’', "'"),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}

function fits(word: string, pattern: string): boolean {
  return pattern.endsWith('*') ? word.startsWith(pattern.slice(0, -1)) : word === pattern;
}

function isNegated(tokens: readonly Token[], index: number): boolean {
  return tokens.slice(Math.max(0, index - NEGATION_REACH), index).some(token => NEGATORS.has(token.word));
}
