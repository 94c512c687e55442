import type { IssueText } from './issue-text.ts';
import { KIND_NAMES } from './kind-names.ts';
import { AREAS, TECHNOLOGIES } from './lexicon-areas.ts';
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
const LABEL_WEIGHT = 1.5;
const LABEL_AREA_WEIGHT = 2;
const AREA_LEAST_SCORE = 1.5;
/** The tracker's own type is a strong hint; "Bug" says less, many trackers start with it. */
const TYPE_WEIGHT = 4;
const BUG_TYPE_WEIGHT = 3;
const TRACE_WEIGHT = 4;

const findKinds = compileTerms(KIND_EVIDENCE.map(({ terms }, index) => ({ id: String(index), terms })));
const findUrgency = compileTerms(URGENCY_EVIDENCE.map(({ terms }, index) => ({ id: String(index), terms })));
const findAreas = compileTerms(AREAS);
const findTechnologies = compileTerms(TECHNOLOGIES);

/** Kinds of fault, the gravest first. */
const FAULT_KINDS: readonly Kind[] = ['data_loss', 'crash', 'regression'];
/** Reports of these kinds also say in general words that something is wrong; their own words must win over those. */
const SPECIFIC_KINDS: readonly Kind[] = ['performance', 'security'];
const SPECIFIC_LEAST_SCORE = 3;
const SPECIFIC_FACTOR = 1.6;

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
  addText(issue.labels.join('\n'), LABEL_WEIGHT);
  const type = isEmptied(issue) ? undefined : KIND_NAMES[spelledOut(issue.type)];
  if (type) add(type, type === 'bug' ? BUG_TYPE_WEIGHT : TYPE_WEIGHT);
  if (hasTrace) add('bug', TRACE_WEIGHT / 2);
  if (hasTrace) add('crash', TRACE_WEIGHT);
  if (QUESTION_TITLE.test(issue.title)) add('question', TITLE_WEIGHT);
  if (issue.sentences.some(sentence => /[?？]\s*$/.test(sentence))) add('question', 1);
  for (const kind of SPECIFIC_KINDS) {
    const score = scores.get(kind) ?? 0;
    if (score >= SPECIFIC_LEAST_SCORE) scores.set(kind, score * SPECIFIC_FACTOR);
  }
  return scores;
}

/** True when the issue was nothing but instructions to the model, so that nothing of it is left to go by. */
export function isEmptied({ instructions, sentences }: IssueText): boolean {
  return instructions.length > 0 && sentences.length === 0;
}

/**
 * The kind of the greatest score; `other` when there is no evidence. Faults are weighed together and then told by the
 * most specific of them.
 */
export function strongestKind(scores: KindScores): Kind {
  const scoreOf = (kind: Kind) => scores.get(kind) ?? 0;
  const family = scoreOf('bug') + FAULT_KINDS.reduce((sum, kind) => sum + scoreOf(kind), 0);
  let [best, bestScore]: [Kind, number] = family > 0 ? ['bug', family] : ['other', 0];
  for (const [kind, score] of scores) if (score > bestScore) [best, bestScore] = [kind, score];
  if (best !== 'bug') return best;
  const specific = FAULT_KINDS.find(kind => scoreOf(kind) >= SPECIFIC_LEAST_SCORE);
  return specific ?? (scores.has('bug') ? 'bug' : FAULT_KINDS.find(kind => scores.has(kind))) ?? 'bug';
}

const BASE_LEVEL: Readonly<Record<Kind, number>> = {
  crash: 2.6,
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
  const ranked = rank([
    ...findAreas(issue.title).map(hit => ({ id: hit.id, score: TITLE_WEIGHT })),
    ...distinct(findAreas(issue.sentences.join('\n'))).map(hit => ({ id: hit.id, score: 1 })),
    ...distinct(findAreas(issue.comments.join('\n'))).map(hit => ({ id: hit.id, score: COMMENT_WEIGHT })),
    ...findAreas(issue.labels.join('\n')).map(hit => ({ id: hit.id, score: LABEL_AREA_WEIGHT })),
  ]);
  // One mention in passing makes an area only where there is no other.
  return ranked.filter(({ score }, index) => index === 0 || score >= AREA_LEAST_SCORE).map(({ id }) => id);
}

/** Platforms and technologies that are named, strongest first; those of the code lines last. */
export function findPlatforms(issue: IssueText): string[] {
  return rank([
    ...findTechnologies(issue.title).map(hit => ({ id: hit.id, score: TITLE_WEIGHT })),
    ...distinct(findTechnologies(issue.sentences.join('\n'))).map(hit => ({ id: hit.id, score: 1 })),
  ]).map(({ id }) => id);
}

/** How much a sentence says about kind and urgency: the number of different hints in it, without soothing ones. */
export function hintsIn(sentence: string): number {
  const alarming = findUrgency(sentence).filter(hit => (URGENCY_EVIDENCE[Number(hit.id)]?.effect ?? 0) > 0);
  return distinct(findKinds(sentence)).length + distinct(alarming).length;
}

function distinct<H extends TermHit>(hits: readonly H[]): H[] {
  return [...new Map(hits.map(hit => [`${hit.id} ${hit.term}`, hit])).values()];
}

function rank(entries: readonly { readonly id: string; readonly score: number }[]) {
  const scores = new Map<string, number>();
  for (const { id, score } of entries) scores.set(id, (scores.get(id) ?? 0) + score);
  return [...scores].sort(([, a], [, b]) => b - a).map(([id, score]) => ({ id, score }));
}
