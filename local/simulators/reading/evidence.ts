import type { IssueText } from './issue-text.ts';
import { AREAS, TECHNOLOGIES } from './lexicon-areas.ts';
import { KIND_NAMES } from './kind-names.ts';
import { KIND_EVIDENCE, type Kind } from './lexicon-kinds.ts';
import { URGENCY_EVIDENCE, type UrgencyEvidence } from './lexicon-urgency.ts';
import { compileTerms, type TermHit } from './terms.ts';

/** One reason for the urgency, with the words that gave it. */
export interface UrgencyReason {
  readonly label: string;
  readonly effect: number;
  readonly phrase: string;
}

/** Scores by kind; only kinds with any evidence. */
export type KindScores = ReadonlyMap<Kind, number>;

const TITLE_WEIGHT = 2.5;
const COMMENT_WEIGHT = 0.3;
/** The tracker's own type is a strong hint, though reporters choose it carelessly. */
const TYPE_WEIGHT = 3;
const TRACE_WEIGHT = 4;

const findKinds = compileTerms(KIND_EVIDENCE.map(({ terms }, index) => ({ id: String(index), terms })));
const findUrgency = compileTerms(URGENCY_EVIDENCE.map(({ terms }, index) => ({ id: String(index), terms })));
const findAreas = compileTerms(AREAS);
const findTechnologies = compileTerms(TECHNOLOGIES);

const QUESTION_TITLE = /^(how|why|what|where|which)\b|[?？]\s*$/i;

/** Lower-case words of a name in any spelling ("featureRequest", "FEATURE_REQUEST"), joined by blanks. */
export function spelledOut(name: string): string {
  return name
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .replace(/[\s_\-/.]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** Weighs what speaks for each kind. Every term counts once per part of the issue, so that repetition proves nothing. */
export function scoreKinds(issue: IssueText, hasTrace: boolean): KindScores {
  const scores = new Map<Kind, number>();
  const add = (kind: Kind, score: number) => scores.set(kind, (scores.get(kind) ?? 0) + score);
  const addText = (text: string, factor: number) => {
    for (const { id } of distinct(findKinds(text))) {
      const evidence = KIND_EVIDENCE[Number(id)];
      if (evidence) add(evidence.kind, evidence.weight * factor);
    }
  };
  addText(issue.title, TITLE_WEIGHT);
  addText(issue.sentences.join('\n'), 1);
  addText(issue.comments.join('\n'), COMMENT_WEIGHT);
  const type = KIND_NAMES[spelledOut(issue.type)];
  if (type) add(type, TYPE_WEIGHT);
  if (hasTrace) add('bug', TRACE_WEIGHT / 2);
  if (hasTrace) add('crash', TRACE_WEIGHT);
  if (QUESTION_TITLE.test(issue.title)) add('question', TITLE_WEIGHT);
  if (issue.sentences.some(sentence => /[?？]\s*$/.test(sentence))) add('question', 1);
  return scores;
}

/** The kind of the greatest score; `other` when there is no evidence. */
export function strongestKind(scores: KindScores): Kind {
  let [best, bestScore]: [Kind, number] = ['other', 0];
  for (const [kind, score] of scores) if (score > bestScore) [best, bestScore] = [kind, score];
  return best;
}

const BASE_LEVEL: Readonly<Record<Kind, number>> = {
  crash: 2.4,
  data_loss: 2.6,
  security: 2.5,
  bug: 2,
  regression: 2,
  performance: 2,
  access: 2,
  billing: 2,
  installation: 1.6,
  usability: 1.2,
  improvement: 1,
  feature: 1.2,
  question: 1,
  documentation: 1,
  task: 1.4,
  feedback: 1,
  other: 1,
};
/** What a wish, a question or a text about docs says of urgency weighs less: nothing is broken. */
const CALM_KINDS: ReadonlySet<Kind> = new Set([
  'feature',
  'improvement',
  'question',
  'documentation',
  'feedback',
  'other',
]);
const CALM_FACTOR = 0.4;

/** Level from 0 (trivial) to 4 (critical), and why. */
export function weighUrgency(issue: IssueText, kind: Kind): { level: number; reasons: UrgencyReason[] } {
  const hits = [issue.title, ...issue.sentences, ...issue.comments].flatMap(sentence => findUrgency(sentence));
  const found = new Map<UrgencyEvidence, string>();
  for (const { id, phrase } of hits) {
    const evidence = URGENCY_EVIDENCE[Number(id)];
    if (evidence && !found.has(evidence)) found.set(evidence, phrase);
  }
  const reasons = URGENCY_EVIDENCE.flatMap((evidence): UrgencyReason[] => {
    const phrase = found.get(evidence);
    return phrase === undefined ? [] : [{ label: evidence.label, effect: evidence.effect, phrase }];
  });
  const calm = CALM_KINDS.has(kind);
  const change = reasons.reduce((sum, { effect }) => sum + (calm && effect > 0 ? effect * CALM_FACTOR : effect), 0);
  return { level: Math.min(4, Math.max(0, BASE_LEVEL[kind] + change)), reasons };
}

/** Areas of the product that the issue is about, strongest first. */
export function rankAreas(issue: IssueText): string[] {
  return rank([
    ...findAreas(issue.title).map(hit => ({ id: hit.id, score: TITLE_WEIGHT })),
    ...distinct(findAreas(issue.sentences.join('\n'))).map(hit => ({ id: hit.id, score: 1 })),
    ...distinct(findAreas(issue.comments.join('\n'))).map(hit => ({ id: hit.id, score: COMMENT_WEIGHT })),
  ]);
}

/** Platforms and technologies that are named, strongest first; those of the code lines last. */
export function findPlatforms(issue: IssueText): string[] {
  return rank([
    ...findTechnologies(issue.title).map(hit => ({ id: hit.id, score: TITLE_WEIGHT })),
    ...distinct(findTechnologies(issue.sentences.join('\n'))).map(hit => ({ id: hit.id, score: 1 })),
  ]);
}

/** How much a sentence says about kind and urgency: the number of different hints in it. */
export function hintsIn(sentence: string): number {
  return distinct(findKinds(sentence)).length + distinct(findUrgency(sentence)).length;
}

function distinct<H extends TermHit>(hits: readonly H[]): H[] {
  return [...new Map(hits.map(hit => [`${hit.id} ${hit.term}`, hit])).values()];
}

function rank(entries: readonly { readonly id: string; readonly score: number }[]): string[] {
  const scores = new Map<string, number>();
  for (const { id, score } of entries) scores.set(id, (scores.get(id) ?? 0) + score);
  return [...scores].sort(([, a], [, b]) => b - a).map(([id]) => id);
}
