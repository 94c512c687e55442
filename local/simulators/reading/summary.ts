import { hintsIn, isEmptied } from './evidence.ts';
import type { IssueText } from './issue-text.ts';
import { isFunctionWord } from './language.ts';
import { wordsOf } from './terms.ts';

const MAX_SUMMARY_CHARACTERS = 200;
const LONG_TITLE_CHARACTERS = 90;
const GREETING =
  /^(hi|hello|hey|dear|thanks|thank you|cheers|regards|best|hallo|guten tag|danke|mit freundlichen|bonjour|merci|cordialement|hola|gracias|olá|oi|obrigad\w*|ciao|grazie|cześć|dzień dobry|dziękuję|pozdrawiam|привет|здравствуйте|спасибо|привіт|добрий день|дякую|こんにちは|お世話に|よろしく|你好|您好|谢谢|안녕하세요|감사)/i;
const HEADING = /^[^.!?]{0,40}:$|^(expected|actual|steps|environment|description|version)\b.{0,25}$/i;
const STEP = /^\s*\d+[.)]\s/;

/** Most of the words are numbers: a list of versions and machines. */
const VERSION_SHARE = 0.25;

/** Greatest title length in words that still says nothing by itself. */
const EMPTY_TITLE_WORDS = 2;

/**
 * Condenses an issue into one sentence of at most 200 characters, in the issue's own language: the title, and the
 * sentence of the description that says most beyond it.
 */
export function summarize(issue: IssueText): string {
  const title = issue.title
    .replace(/^\[[^\]]*\]\s*/, '')
    .replace(/\s+:/g, ':')
    .replace(/[\s.!。]+$/, '');
  if (isEmptied(issue))
    return `${title === '' ? 'No title' : title}: the text gives orders to its reader instead of describing an issue.`;
  const sentence = bestSentence(issue, title);
  if (title === '' && sentence === '') return 'The issue has no text.';
  if (title === '') return ended(shortened(sentence, MAX_SUMMARY_CHARACTERS));
  const titleSays = isUnspaced(title) ? title.length > 4 : wordsOf(title).length > EMPTY_TITLE_WORDS;
  if (sentence === '' || title.length > LONG_TITLE_CHARACTERS) return ended(shortened(title, MAX_SUMMARY_CHARACTERS));
  if (!titleSays && hintsIn(title) === 0) return ended(shortened(sentence, MAX_SUMMARY_CHARACTERS));
  const question = /[?？]$/.test(title);
  const room = MAX_SUMMARY_CHARACTERS - title.length - 2;
  return ended(`${title}${question ? ' ' : ': '}${shortened(question ? sentence : lowered(sentence), room)}`);
}

/** The sentence of the description that says most beyond the title; "" when there is none worth adding. */
export function bestSentence(issue: IssueText, title: string): string {
  const titleWords = new Set(meaningfulWords(title));
  let [best, bestScore] = ['', 0];
  for (const [index, written] of issue.sentences.slice(0, 60).entries()) {
    const sentence = withoutGreeting(written);
    const score = worth(sentence, titleWords) - index * 0.15;
    if (score > bestScore) [best, bestScore] = [sentence, score];
  }
  return best.replace(STEP, '');
}

function worth(sentence: string, titleWords: ReadonlySet<string>): number {
  if (GREETING.test(sentence) || HEADING.test(sentence)) return 0;
  const numbers = sentence.match(/(?<![\p{L}\d])\d[\d.,]*/gu)?.length ?? 0;
  const words = isUnspaced(sentence) ? sentence.length / 2 : wordsOf(sentence).length;
  if (words < 4) return 0;
  const fresh = meaningfulWords(sentence).filter(word => !titleWords.has(word)).length;
  if (fresh === 0) return 0;
  const length = words > 40 ? 0.3 : words < 7 ? 0.6 : 1;
  const ending = /[.!?…。！？)"']$/.test(sentence) ? 1 : 0.6;
  const substance = numbers / words >= VERSION_SHARE ? 0.3 : 1;
  return (1 + Math.min(hintsIn(sentence), 4) * 0.8) * length * ending * substance - (STEP.test(sentence) ? 1.2 : 0);
}

/** "Hello, when I click …" begins with what matters. */
function withoutGreeting(sentence: string): string {
  if (!GREETING.test(sentence)) return sentence;
  const [, rest = ''] = /^[^,!.]{2,25}[,!]\s*(.+)$/su.exec(sentence) ?? [];
  return rest === '' ? sentence : rest;
}

/** Words that carry meaning: no function words, no numbers, three letters or more. */
export function meaningfulWords(text: string): string[] {
  return wordsOf(text).filter(word => word.length > 2 && !isFunctionWord(word) && /^\p{L}[\p{L}'-]+$/u.test(word));
}

function isUnspaced(text: string): boolean {
  return /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]{4}/u.test(text);
}

/** A function word at the start goes to lower case after a colon; names and nouns stay. */
function lowered(sentence: string): string {
  const [first = ''] = sentence.split(/[\s,]/, 1);
  const lower = first.toLowerCase();
  if (first === 'I' || first.startsWith("I'") || !isFunctionWord(lower)) return sentence;
  return lower + sentence.slice(first.length);
}

/** At most so many characters, cut between words, marked by "…". */
export function shortened(text: string, characters: number): string {
  const flat = text.replace(/\s+/g, ' ').trim();
  if (flat.length <= characters) return flat;
  const cut = flat.slice(0, Math.max(1, characters - 1));
  const blank = cut.lastIndexOf(' ');
  return `${(blank > characters * 0.6 ? cut.slice(0, blank) : cut).replace(/[\s,;:–-]+$/, '')}…`;
}

function ended(text: string): string {
  if (/[.!?…。！？]["')]?$/.test(text)) return text;
  return `${text.replace(/[:;,]+$/, '')}${isUnspaced(text) ? '。' : '.'}`;
}
