import { z } from 'zod';
import { contentOf, type Issue } from './issues.ts';

/** What to ask of each issue. */
export interface Analysis {
  readonly name: string;
  /** Raised with every change of instructions or schemas, so that stored answers of another version are not taken for this one's. */
  readonly version: number;
  readonly instructions: string;
  /** Sent to the service: bare types, enums and descriptions only, as strict structured outputs take them. */
  readonly wireSchema: z.ZodObject;
  /** Checked after: the same shape with lengths and ranges. */
  readonly checkSchema: z.ZodObject;
  readonly maxCompletionTokens: number;
  /** What an answer takes in the mean, for cost estimates before a run. */
  readonly typicalCompletionTokens: number;
  /** The two fields of the answer that the report's table is made of: rows, then columns, in the order of their values. */
  readonly table: { readonly rows: string; readonly columns: string };
}

/** One message to a chat model. */
export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Most characters of an issue that are sent; about 24,000 tokens by the service's own estimate of four characters each. */
export const MAX_ISSUE_CHARACTERS = 96_000;

/**
 * The messages that ask an analysis of an issue: what never changes first, so that the service can cache its prefix.
 */
export function messagesFor(analysis: Analysis, issue: Issue): ChatMessage[] {
  return [
    { role: 'system', content: analysis.instructions },
    { role: 'user', content: shortened(issueText(issue), MAX_ISSUE_CHARACTERS) },
  ];
}

/** The messages that ask once more after an answer that did not fit. */
export function repairMessages(messages: readonly ChatMessage[], answer: string, fault: string): ChatMessage[] {
  const request = `That answer does not fit the schema: ${fault}\nAnswer again, with the whole corrected JSON object and nothing else.`;
  return [...messages, { role: 'assistant', content: answer }, { role: 'user', content: request }];
}

function issueText(issue: Issue): string {
  const facts = [
    ['Type', issue.type],
    ['Status', issue.status],
    ['Priority', issue.priority],
    ['Labels', issue.labels?.join(', ')],
  ].flatMap(([name, value]) => (value ? [`${name}: ${value}`] : []));
  const comments = (issue.comments ?? []).map((comment, n) => `Comment ${n + 1}:\n${comment}`);
  return [`Title: ${issue.title}`, ...facts, `Description:\n${issue.description}`, ...comments].join('\n\n');
}

const HALF_AT_END = /[\uD800-\uDBFF]$/;
const HALF_AT_START = /^[\uDC00-\uDFFF]/;

/** Whether an issue is too long to be sent whole. */
export function isShortened(issue: Issue): boolean {
  return issueText(issue).length > MAX_ISSUE_CHARACTERS;
}

/** Keeps the beginning and the end of a text, since stack traces end with their cause; splits no surrogate pair. */
function shortened(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const head = text.slice(0, Math.ceil(maxCharacters * 0.75)).replace(HALF_AT_END, '');
  const tail = text.slice(-Math.floor(maxCharacters * 0.25)).replace(HALF_AT_START, '');
  return `${head}\n\n[… ${text.length - head.length - tail.length} characters left out …]\n\n${tail}`;
}

/** Tokens by the service's own rule of admission: four characters each. */
export function estimatedPromptTokens(messages: readonly ChatMessage[]): number {
  return Math.ceil(messages.reduce((sum, { content }) => sum + content.length, 0) / 4);
}

/** The result of reading a model's answer. */
export type ReadAnswer =
  | { readonly fits: true; readonly answer: unknown }
  | { readonly fits: false; readonly fault: string };

/** Reads an answer's text by the analysis' check schema; the fault names fields and allowed values, for the repair call. */
export function readAnswer(analysis: Analysis, text: string): ReadAnswer {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { fits: false, fault: 'it is not JSON' };
  }
  const { success, data, error } = analysis.checkSchema.safeParse(json);
  return success ? { fits: true, answer: data } : { fits: false, fault: z.prettifyError(error) };
}

/**
 * The text whose hash identifies a question: equal texts get equal answers.
 *
 * @returns canonical JSON of analysis, version, deployment, parameters and the issue's content
 */
export function questionOf(analysis: Analysis, deployment: string, issue: Issue): string {
  return JSON.stringify([analysis.name, analysis.version, deployment, analysis.maxCompletionTokens, contentOf(issue)]);
}
