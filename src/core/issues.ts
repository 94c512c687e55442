import { z } from 'zod';
import { InvalidInputError, invalid } from './problems.ts';

/** One item to analyse, normalised: plain text only, empty optional parts left out. */
export const IssueSchema = z.object({
  /** The user's id: the key if there is one, else the id, else the row number. */
  id: z.string(),
  title: z.string(),
  description: z.string(),
  type: z.string().optional(),
  status: z.string().optional(),
  priority: z.string().optional(),
  labels: z.array(z.string()).optional(),
  comments: z.array(z.string()).optional(),
  url: z.string().optional(),
});
export type Issue = z.infer<typeof IssueSchema>;

type Field = 'key' | 'id' | 'title' | 'description' | 'type' | 'status' | 'priority' | 'labels' | 'comments' | 'url';

/** The names under which each field is found, compared without case, blanks, `_` and `-`. */
const ALIASES: Readonly<Record<Field, readonly string[]>> = {
  key: ['issuekey', 'key', 'ticket', 'ticketkey'],
  id: ['id', 'issueid', 'ticketid', 'number', 'ref'],
  title: ['title', 'summary', 'subject', 'headline'],
  description: ['description', 'body', 'text', 'content', 'details'],
  type: ['type', 'issuetype'],
  status: ['status', 'state'],
  priority: ['priority', 'severity'],
  labels: ['labels', 'label', 'tags'],
  comments: ['comments', 'comment'],
  url: ['url', 'link', 'htmlurl'],
};
const FIELD_BY_ALIAS = new Map(
  Object.entries(ALIASES).flatMap(([field, aliases]) => aliases.map(alias => [alias, field as Field])),
);

/** A record as read from a file: header and value, headers may repeat. */
export type RawRecord = readonly (readonly [header: string, value: unknown])[];

function fieldOf(header: string): Field | undefined {
  return FIELD_BY_ALIAS.get(header.toLowerCase().replace(/[\s_-]/g, ''));
}

/**
 * Refuses a table in which no column can be a title or a description.
 *
 * @throws {InvalidInputError} naming the columns found and the names expected
 */
export function checkHeaders(headers: readonly string[]): void {
  const fields = headers.map(fieldOf);
  if (fields.includes('title') || fields.includes('description')) return;
  const expected = [...ALIASES.title, ...ALIASES.description].join(', ');
  throw invalid('header', headers.join(', '), `a column for the title or the description, named one of: ${expected}`);
}

/**
 * Turns a record of any recognised shape into an issue.
 *
 * Columns are recognised by name in any order; repeated columns of labels, comments and descriptions add up; of other
 * repeated columns the first non-empty one counts; a Jira-style nested `fields` object is looked into. A text of labels
 * is split at commas, semicolons and blanks, a list of labels is taken as it is.
 *
 * @param rowNumber - 1-based; the id where the record has none
 */
export function normaliseRecord(record: RawRecord, rowNumber: number): Issue {
  const texts = new Map<Field, string[]>();
  for (const [header, value] of flattened(record)) {
    const field = fieldOf(header);
    if (!field) continue;
    const parts = field === 'labels' && typeof value === 'string' ? value.split(/[,;\s]+/) : [value].flat();
    const found = parts.map(part => plainText(part)).filter(text => text !== '');
    texts.set(field, [...(texts.get(field) ?? []), ...found]);
  }
  const first = (field: Field) => texts.get(field)?.[0] ?? '';
  const labels = [...new Set(texts.get('labels'))];
  const issue: Issue = {
    id: first('key') || first('id') || String(rowNumber),
    title: first('title'),
    description: (texts.get('description') ?? []).join('\n'),
  };
  for (const field of ['type', 'status', 'priority', 'url'] as const) if (first(field)) issue[field] = first(field);
  if (labels.length > 0) issue.labels = labels;
  const comments = texts.get('comments') ?? [];
  if (comments.length > 0) issue.comments = comments;
  return issue;
}

function flattened(record: RawRecord): RawRecord {
  return record.flatMap(([header, value]) =>
    header === 'fields' && typeof value === 'object' && value !== null
      ? Object.entries(value)
      : [[header, value] as const],
  );
}

/** Whether a record has a field for the title or the description, whatever is in it. */
export function hasTextField(record: RawRecord): boolean {
  return flattened(record).some(([header]) => ['title', 'description'].includes(fieldOf(header) ?? ''));
}

/** Rich text nests by a dozen levels; deeper ones are no text. */
const MAX_DEPTH = 50;

/** Text of a value; an object counts by its `name`, `value`, `body` or `text`, else by what it contains, as Jira's do. */
function plainText(value: unknown, depth = 0): string {
  if (depth > MAX_DEPTH) return '';
  if (typeof value === 'string') return withoutControlCharacters(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value))
    return value
      .map(part => plainText(part, depth + 1))
      .filter(Boolean)
      .join('\n');
  if (typeof value !== 'object' || value === null) return '';
  const parts = value as Record<string, unknown>;
  const member = ['name', 'value', 'body', 'text', 'content', 'comments'].find(name => parts[name] != null);
  return member ? plainText(parts[member], depth + 1) : '';
}

/** Keeps what joins letters and emoji; takes off control characters, halves of surrogate pairs and marks of bad decoding. */
function withoutControlCharacters(text: string): string {
  return text
    .replace(/\r\n?/g, '\n')
    .replace(/[^\P{Cc}\n\t]|\p{Cs}|[\uFFFD\uFEFF]/gu, '')
    .trim();
}

/** True when an issue has nothing to read: no letter and no digit in title, description or comments. */
export function isEmptyIssue(issue: Issue): boolean {
  return ![issue.title, issue.description, ...(issue.comments ?? [])].some(text => /[\p{L}\p{N}]/u.test(text));
}

/** The content of an issue that decides its answer, as one canonical text; id and url are not part of it. */
export function contentOf(issue: Issue): string {
  const { title, description, type, status, priority, labels, comments } = issue;
  return JSON.stringify([title, description, type, status, priority, labels, comments]);
}

/** The place of an issue among those read so far. */
export interface Placed {
  /** 0-based place in the input. */
  readonly index: number;
  /** The index of the first issue with the same fingerprint, or null for the first one. */
  readonly sameAs: number | null;
}

/**
 * Numbers issues in input order and finds those with equal content.
 *
 * @returns `add`, which throws {@link InvalidInputError} with both row numbers when an id returns with other content;
 *   `copies`, the number of later issues by the index of the first; `total` and `units` (distinct issues) so far
 */
export function createCoalescer() {
  const firstIndex = new Map<string, number>();
  const firstRowOfId = new Map<string, number>();
  /** By place: the place of the first issue with the same content. */
  const firsts: number[] = [];
  const copies = new Map<number, number>();
  let total = 0;
  return {
    add(issue: Issue, fingerprint: string): Placed {
      const index = total++;
      const sameAs = firstIndex.get(fingerprint) ?? null;
      const first = sameAs ?? index;
      const row = firstRowOfId.get(issue.id);
      if (row !== undefined && firsts[row - 1] !== first) {
        const field = `issues.${index}.id`;
        const allowed = `one content for each id (a row without one has its number), but rows ${row} and ${index + 1} differ`;
        throw new InvalidInputError([{ field, value: JSON.stringify(issue.id), allowed }]);
      }
      if (row === undefined) firstRowOfId.set(issue.id, index + 1);
      firsts.push(first);
      if (sameAs === null) firstIndex.set(fingerprint, index);
      else copies.set(sameAs, (copies.get(sameAs) ?? 0) + 1);
      return { index, sameAs };
    },
    copies: (): ReadonlyMap<number, number> => copies,
    total: () => total,
    units: () => firstIndex.size,
  };
}
