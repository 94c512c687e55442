import type { Asked } from './meanings.ts';
import { spelledOut, strongestKind } from './reading/evidence.ts';
import { KIND_NAMES, KIND_PARENT } from './reading/kind-names.ts';
import type { Kind } from './reading/lexicon-kinds.ts';
import type { IssueReading } from './reading/reading.ts';
import type { Draw } from './seeded.ts';

/** Places of words on a scale of five: 4 = most. */
const SCALE: Readonly<Record<string, number>> = {
  ...words(4, 'critical blocker highest urgent showstopper emergency immediate xl huge'),
  ...words(3, 'high major important severe large l'),
  ...words(2, 'medium normal moderate average standard default m'),
  ...words(1, 'low minor small s'),
  ...words(0, 'trivial lowest cosmetic negligible none informational xs tiny'),
};
const NUMBERED = /^(?:p|s|sev|severity|prio|priority|level)?\s*(\d)$/;
const SENTIMENTS: Readonly<Record<string, 'negative' | 'positive' | 'neutral'>> = {
  negative: 'negative',
  frustrated: 'negative',
  angry: 'negative',
  annoyed: 'negative',
  positive: 'positive',
  happy: 'positive',
  satisfied: 'positive',
  neutral: 'neutral',
  calm: 'neutral',
};
const ANGER =
  /terrible|awful|useless|garbage|unacceptable|worst|joke|fed up|sick of|hate|furious|!!|ridiculous|disappointed/i;
const THANKS = /love (this|the|how)|great (work|product|job)|awesome|fantastic|thanks for (the|this|your)/i;
/** A scale of two mapped words is already one ("low" and "high"). */
const LEAST_SCALE_VALUES = 2;

/** Picks the value that fits the issue best; the seed decides only where the issue says nothing. */
export function chooseValue<T>(values: readonly [T, ...T[]], asked: Asked, reading: IssueReading, draw: Draw): T {
  const names = values.map(value => spelledOut(String(value)));
  const index =
    byLanguage(names, asked, reading) ??
    bySentiment(names, reading) ??
    byKind(names, asked, reading) ??
    byScale(names, asked, reading) ??
    byWords(names, reading) ??
    byDefault(names);
  return (index === undefined ? undefined : values[index]) ?? draw.pick(values, asked.name, 'value');
}

/** Scores from 0 for values that the issue supports; used to fill lists of enum values. */
export function supportedValues<T>(values: readonly T[], asked: Asked, reading: IssueReading): T[] {
  return values.filter(value => {
    const name = spelledOut(String(value));
    const kind = KIND_NAMES[name];
    const kindScore = kind && asked.meaning !== 'component' ? (reading.kindScores.get(kind) ?? 0) : 0;
    return kindScore >= 2 || wordScore(name, reading) >= 1;
  });
}

function byLanguage(names: readonly string[], asked: Asked, reading: IssueReading): number | undefined {
  if (asked.meaning !== 'language') return undefined;
  const english = new Intl.DisplayNames(['en'], { type: 'language' }).of(reading.language)?.toLowerCase();
  return found(
    names.findIndex(name => name === reading.language || name === english || name.startsWith(`${reading.language} `)),
  );
}

function bySentiment(names: readonly string[], reading: IssueReading): number | undefined {
  if (names.filter(name => SENTIMENTS[name]).length < LEAST_SCALE_VALUES) return undefined;
  const prose = [reading.text.title, ...reading.text.sentences].join(' ');
  const sentiment = ANGER.test(prose) ? 'negative' : THANKS.test(prose) ? 'positive' : 'neutral';
  return found(names.findIndex(name => SENTIMENTS[name] === sentiment));
}

/** Every kind's score goes to the value that stands for it, or for the nearest kind above it that is offered. */
function byKind(names: readonly string[], asked: Asked, reading: IssueReading): number | undefined {
  const offered = new Map<Kind, number>();
  for (const [index, name] of names.entries()) {
    const kind = KIND_NAMES[name];
    if (kind && !offered.has(kind)) offered.set(kind, index);
  }
  if (offered.size < Math.min(2, names.length) || (asked.meaning !== 'kind' && offered.size * 2 < names.length))
    return undefined;
  const scores = new Map<Kind, number>();
  for (const [kind, score] of reading.kindScores) {
    const target = offeredFor(kind, offered);
    if (target) scores.set(target, (scores.get(target) ?? 0) + score);
  }
  const kind = strongestKind(scores);
  const named = highest(
    new Map(names.map((name, index) => [index, KIND_NAMES[name] ? 0 : wordScore(name, reading) * 2])),
  );
  return offered.get(kind) ?? named ?? offered.get('other');
}

function offeredFor(kind: Kind, offered: ReadonlyMap<Kind, number>): Kind | undefined {
  const seen = new Set<Kind>();
  for (let current: Kind | undefined = kind; current && !seen.has(current); current = KIND_PARENT[current]) {
    seen.add(current);
    if (offered.has(current)) return current;
  }
  return undefined;
}

/** Values in an order (critical … low, P1 … P4): the one nearest to the level that the issue has. */
function byScale(names: readonly string[], asked: Asked, reading: IssueReading): number | undefined {
  const places = placesOf(names);
  if (places === undefined) return undefined;
  const level = levelFor(asked, reading);
  let [best, bestDistance] = [-1, Number.POSITIVE_INFINITY];
  for (const [index, place] of places) {
    const distance = Math.abs(place - level);
    if (distance < bestDistance) [best, bestDistance] = [index, distance];
  }
  return found(best);
}

function placesOf(names: readonly string[]): ReadonlyMap<number, number> | undefined {
  const digits = names.map(name => NUMBERED.exec(name)?.[1]);
  if (names.length > 1 && digits.every(digit => digit !== undefined)) {
    // P1 is the most urgent; the places spread evenly however many there are.
    const sorted = [...digits].map(Number).sort((a, b) => a - b);
    return new Map(
      digits.map((digit, index) => [index, 4 - (4 * sorted.indexOf(Number(digit))) / (sorted.length - 1)]),
    );
  }
  const places = new Map(
    names.flatMap((name, index) => {
      const place = SCALE[name] ?? SCALE[name.split(' ')[0] ?? ''];
      return place === undefined ? [] : [[index, place] as const];
    }),
  );
  return places.size >= LEAST_SCALE_VALUES && places.size >= names.length - 1 ? places : undefined;
}

/** The level from 0 to 4 of what is asked: urgency, unless effort or confidence is meant. */
export function levelFor(asked: Asked, reading: IssueReading): number {
  if (asked.meaning === 'confidence') return 1 + reading.confidence * 2;
  if (asked.meaning === 'effort') return effortOf(reading);
  return reading.urgency;
}

/** A guess from 0 to 4 by kind and length: a typo is small, a wish with a long story is not. */
export function effortOf({ kind, text, areas }: IssueReading): number {
  const base = kind === 'documentation' ? 0.6 : kind === 'question' ? 0.8 : kind === 'feature' ? 2.4 : 1.8;
  return Math.min(4, base + Math.min(1, text.sentences.length / 12) + (areas.length > 3 ? 0.5 : 0));
}

/** The value whose words the issue uses, or whose name is an area that it is about. */
function byWords(names: readonly string[], reading: IssueReading): number | undefined {
  return highest(new Map(names.map((name, index) => [index, wordScore(name, reading)])));
}

function wordScore(name: string, { words: said, areas, details, component }: IssueReading): number {
  const area = areas.findIndex(known => known === name || known.split(' ').includes(name));
  const areaScore = area < 0 ? 0 : 2 / (area + 1);
  const own = component?.toLowerCase() === name ? 3 : 0;
  const platform = details.trace?.platform === name ? 2 : 0;
  const parts = name.split(' ').filter(word => word.length > 2);
  return areaScore + own + platform + (parts.length > 0 && parts.every(word => said.has(word)) ? 1 : 0);
}

/** "other", "unknown" and their like, where nothing else fits. */
function byDefault(names: readonly string[]): number | undefined {
  return found(names.findIndex(name => KIND_NAMES[name] === 'other'));
}

function highest(scores: ReadonlyMap<number, number>): number | undefined {
  let [best, bestScore]: [number | undefined, number] = [undefined, 0];
  for (const [index, score] of scores) if (score > bestScore) [best, bestScore] = [index, score];
  return best;
}

function found(index: number): number | undefined {
  return index < 0 ? undefined : index;
}

function words(place: number, list: string): Record<string, number> {
  return Object.fromEntries(list.split(' ').map(word => [word, place]));
}
