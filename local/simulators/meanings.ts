import { spelledOut } from './reading/evidence.ts';

/** What a property of an answer asks for. */
export type Meaning =
  | 'language'
  | 'confidence'
  | 'reason'
  | 'summary'
  | 'title'
  | 'component'
  | 'labels'
  | 'missing'
  | 'steps'
  | 'action'
  | 'environment'
  | 'version'
  | 'impact'
  | 'cause'
  | 'sentiment'
  | 'reply'
  | 'quote'
  | 'effort'
  | 'urgency'
  | 'kind'
  | 'error'
  | 'unknown';

/** Words by meaning; the first line that has a word of the property's name decides, so narrow ones stand first. */
const MEANING_WORDS: readonly (readonly [Meaning, string])[] = [
  ['confidence', 'confidence certainty probability likelihood'],
  ['reason', 'reason reasons reasoning rationale justification explanation why because'],
  ['missing', 'missing needed unclear gaps questions clarification clarifications incomplete lacking'],
  ['language', 'language lang locale'],
  ['steps', 'steps reproduction reproduce repro'],
  ['cause', 'cause causes hypothesis'],
  ['sentiment', 'sentiment tone mood emotion'],
  ['effort', 'effort estimate points complexity size hours days difficulty storypoints'],
  ['quote', 'quote quotes excerpt snippet evidence'],
  ['reply', 'reply response answer message comment'],
  [
    'action',
    'action actions recommendation recommendations suggestion suggested next advice workaround resolution solution fix',
  ],
  ['impact', 'impact affected scope'],
  ['environment', 'environment platform platforms os browser'],
  ['version', 'version versions'],
  ['error', 'exception error'],
  ['title', 'title headline subject heading'],
  ['summary', 'summary abstract tldr synopsis gist overview description condensed'],
  ['labels', 'labels label tags tag keywords keyword topics topic'],
  ['component', 'component components area areas module modules subsystem service product team owner'],
  ['urgency', 'priority severity urgency importance level criticality'],
  ['kind', 'category categories type kind class classification intent issuetype'],
];

const BY_WORD = new Map(
  MEANING_WORDS.flatMap(([meaning, words]) => words.split(' ').map(word => [word, meaning] as const)),
);
const ORDER = MEANING_WORDS.map(([meaning]) => meaning);

/** A property as the walker meets it. */
export interface Asked {
  /** The property's own name; that of the list for its items; "" at the root. */
  readonly name: string;
  readonly meaning: Meaning;
  /** What a reason is about: "priority" for `priorityReason`. */
  readonly subject: Meaning;
}

/** Reads what a property asks for from its name, in any spelling; else from the first words of its description. */
export function askedBy(name: string, description = ''): Asked {
  const ofName = meaningsIn(spelledOut(name));
  const ofDescription = meaningsIn(description.toLowerCase().split(/[.;(]/, 1)[0] ?? '');
  const [meaning = 'unknown', ...others] = ofName.length > 0 ? ofName : ofDescription;
  return { name, meaning, subject: others[0] ?? meaning };
}

function meaningsIn(text: string): Meaning[] {
  const found = new Set(text.split(/[^\p{L}]+/u).flatMap(word => BY_WORD.get(word) ?? []));
  return ORDER.filter(meaning => found.has(meaning));
}
