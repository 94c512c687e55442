import { type Details, findDetails } from './details.ts';
import {
  findPlatforms,
  hintsIn,
  type KindScores,
  rankAreas,
  scoreKinds,
  strongestKind,
  type UrgencyReason,
  weighUrgency,
} from './evidence.ts';
import { type IssueText, parseIssueText } from './issue-text.ts';
import { detectLanguage } from './language.ts';
import type { Kind } from './lexicon-kinds.ts';
import { meaningfulWords, summarize } from './summary.ts';
import { wordsOf } from './terms.ts';

/** An issue as a person who triages would have read it. Answers of any schema are composed from this. */
export interface IssueReading {
  readonly text: IssueText;
  /** ISO 639-1. */
  readonly language: string;
  readonly kindScores: KindScores;
  readonly kind: Kind;
  /** 0 (trivial) to 4 (critical). */
  readonly urgency: number;
  readonly urgencyReasons: readonly UrgencyReason[];
  /** Part of the product, as the issue or the usual names call it; undefined when nothing tells. */
  readonly component: string | undefined;
  /** Areas by the usual names, strongest first. */
  readonly areas: readonly string[];
  /** At most five, lower case with hyphens. */
  readonly labels: readonly string[];
  /** What one would have to ask for. */
  readonly missing: readonly string[];
  readonly summary: string;
  /** 0 to 1: how clear the evidence is. */
  readonly confidence: number;
  readonly details: Details;
  /** Every word of the issue's prose, lower case. */
  readonly words: ReadonlySet<string>;
}

const MAX_LABELS = 5;
const FREQUENT_WORDS = 3;
const CANDIDATE_WORDS = 12;
const FAULTY: ReadonlySet<Kind> = new Set([
  'bug',
  'crash',
  'data_loss',
  'regression',
  'performance',
  'access',
  'billing',
  'installation',
]);
const WISHES: ReadonlySet<Kind> = new Set(['feature', 'improvement', 'task']);
/** Fewer words than this are too few to act on. */
const FEW_WORDS = 6;

/** Reads the text of a user message that holds an issue. The same text always gives the same reading. */
export function readIssue(message: string): IssueReading {
  const text = parseIssueText(message);
  const prose = [text.title, ...text.sentences].join('\n');
  const details = findDetails(text);
  const kindScores = scoreKinds(text, details.trace !== undefined);
  const kind = strongestKind(kindScores);
  const { level, reasons } = weighUrgency(text, kind);
  const areas = rankAreas(text);
  const words = wordsOf(prose);
  return {
    text,
    language: detectLanguage(prose),
    kindScores,
    kind,
    urgency: level,
    urgencyReasons: reasons,
    component: namedComponent(text.title) ?? areas[0],
    areas,
    labels: labelsOf(text, kindScores, kind, details, areas),
    missing: missingOf(
      kind,
      details,
      prose,
      words.length,
      reasons.some(({ label }) => label === 'it is cosmetic'),
    ),
    summary: summarize(text),
    confidence: confidenceOf(text, kindScores, prose),
    details,
    words: new Set(words),
  };
}

/** "[Exporter] …" and "Exporter: …" name their component. */
function namedComponent(title: string): string | undefined {
  const bracketed = /^\[([\p{L}][\p{L}\p{N} ._/-]{1,28})\]/u.exec(title)?.[1];
  if (bracketed && !/^(bug|feature|request|question|urgent|draft|wip|rfc|doc|docs|security|critical)/i.test(bracketed))
    return bracketed;
  const prefix = /^([\p{L}][\p{L}\p{N}._/-]{1,20}(?: [\p{L}\p{N}]{1,12})?): \S/u.exec(title)?.[1];
  return prefix &&
    !/^(bug|feature|request|question|urgent|error|idea|proposal|re|fwd|help|docs?|security|wunsch|fehler|panic|fatal|warning|exception)\b/i.test(
      prefix,
    )
    ? prefix
    : undefined;
}

const KIND_LABELS: Partial<Readonly<Record<Kind, string>>> = {
  crash: 'crash',
  data_loss: 'data-loss',
  regression: 'regression',
  performance: 'performance',
  security: 'security',
  documentation: 'documentation',
  usability: 'usability',
};
/** Least score of a kind to become a label beside the strongest one. */
const LABEL_SCORE = 4;

function labelsOf(
  text: IssueText,
  scores: KindScores,
  kind: Kind,
  details: Details,
  areas: readonly string[],
): string[] {
  const kindLabels = [...scores]
    .filter(([other, score]) => other === kind || score >= LABEL_SCORE)
    .sort(([, a], [, b]) => b - a)
    .flatMap(([other]) => KIND_LABELS[other] ?? []);
  const platform = details.trace && details.trace.platform !== 'native' ? [details.trace.platform] : [];
  const found = [
    ...text.labels,
    ...(text.instructions.length > 0 ? ['prompt-injection'] : []),
    ...kindLabels.slice(0, 2),
    ...areas.slice(0, 2),
    ...platform,
    ...findPlatforms(text),
  ];
  const labels = unique(found.map(asLabel));
  return (labels.length > 0 ? labels : frequentWords(text)).slice(0, MAX_LABELS);
}

/** The words used most, longer ones first, where nothing better is known. Words that judge ("broken") are no labels. */
function frequentWords(text: IssueText): string[] {
  const counts = new Map<string, number>();
  for (const word of meaningfulWords([text.title, ...text.sentences].join(' '))) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return [...counts]
    .filter(([word]) => word.length > 3)
    .sort(([wordA, a], [wordB, b]) => b - a || wordB.length - wordA.length)
    .slice(0, CANDIDATE_WORDS)
    .map(([word]) => word)
    .filter(word => hintsIn(word) === 0)
    .slice(0, FREQUENT_WORDS);
}

function asLabel(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[\s_/]+/g, '-');
}

function missingOf(kind: Kind, details: Details, prose: string, words: number, isCosmetic: boolean): string[] {
  const isShort = words < FEW_WORDS && prose.length < 30;
  if (words === 0) return ['what happened', 'which part of the product is affected'];
  if (isCosmetic || kind === 'usability') return details.hasVersion ? [] : ['product version'];
  if (FAULTY.has(kind)) {
    return [
      ...(isShort ? ['what happens in detail'] : []),
      ...(details.hasSteps ? [] : ['steps to reproduce']),
      ...(details.hasVersion ? [] : ['product version']),
      ...(details.hasLogs ? [] : ['logs or error message']),
      ...(details.hasEnvironment ? [] : ['operating system or browser']),
      ...(details.hasExpectation || details.trace ? [] : ['expected behaviour']),
    ];
  }
  if (kind === 'security') {
    return [...(details.hasSteps ? [] : ['steps to reproduce']), ...(details.hasVersion ? [] : ['affected versions'])];
  }
  if (WISHES.has(kind)) return details.hasPurpose && !isShort ? [] : ['use case or reason'];
  if (kind === 'documentation')
    return /page|section|guide|readme|chapter|url|link|seite|page/i.test(prose) ? [] : ['the page concerned'];
  if (kind === 'question') return details.hasVersion ? [] : ['product version'];
  return ['what happens in detail', 'which part of the product is affected'];
}

const SURE_CHARACTERS = 400;

/** Grows with the lead of the strongest kind and with the length of the text; falls where the text gives orders. */
function confidenceOf(text: IssueText, scores: KindScores, prose: string): number {
  const [first = 0, second = 0] = [...scores.values()].sort((a, b) => b - a);
  if (first === 0) return prose.trim() === '' ? 0.05 : 0.25;
  const lead = (first - second) / first;
  const evidence = Math.min(1, first / 8);
  const length = Math.min(1, prose.length / SURE_CHARACTERS);
  const doubt = text.instructions.length > 0 ? 0.25 : 0;
  return (
    Math.round(Math.min(0.97, Math.max(0.1, 0.4 + 0.2 * lead + 0.22 * evidence + 0.15 * length - doubt)) * 100) / 100
  );
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}
