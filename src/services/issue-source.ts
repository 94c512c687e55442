import { createHash } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { CsvError, parse } from 'csv-parse';
import type { Source } from '../core/contracts.ts';
import {
  checkHeaders,
  createCoalescer,
  hasTextField,
  type Issue,
  normaliseRecord,
  type Placed,
} from '../core/issues.ts';
import { invalid } from '../core/problems.ts';
import { linesOf } from './lines.ts';

/** An issue with its place in the input. */
export interface PlacedIssue extends Placed {
  readonly issue: Issue;
  /** Hash of the question that the run asks of it. */
  readonly fingerprint: string;
}

/** Counts over a whole source. */
export interface SourceCounts {
  readonly total: number;
  /** Distinct issues. */
  readonly units: number;
  /** Number of later issues with equal content, by the index of the first; only where there are any. */
  readonly copies: ReadonlyMap<number, number>;
}

/** SHA-256 as 64 hex digits. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * Reads issues from the bytes of a CSV, NDJSON or JSON file, one by one.
 *
 * CSV: the delimiter (comma, semicolon, tab) is found from the header; a byte-order mark is accepted. JSON: a list, or
 * an object with a list `issues`.
 *
 * @throws {InvalidInputError} naming the line, never quoting it; at the end, if no issue had a title or a description
 */
export async function* readIssues(format: Source['format'], chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Issue> {
  let rowNumber = 0;
  let isReadable = false;
  const names = new Set<string>();
  for await (const record of recordsOf[format](chunks)) {
    isReadable ||= hasTextField(record);
    if (!isReadable && names.size < MAX_SHOWN_NAMES) for (const [name] of record) names.add(name);
    yield normaliseRecord(record, ++rowNumber);
  }
  if (rowNumber > 0 && !isReadable) checkHeaders([...names]);
}

/** Of the names of fields in an error. */
const MAX_SHOWN_NAMES = 20;

type Records = AsyncGenerator<readonly (readonly [string, unknown])[]>;

const recordsOf: Readonly<Record<Source['format'], (chunks: AsyncIterable<Uint8Array>) => Records>> = {
  csv,
  ndjson,
  json,
};

async function* csv(chunks: AsyncIterable<Uint8Array>): Records {
  const { header, all } = await peekHeader(chunks);
  const parser = parse({ bom: true, delimiter: delimiterOf(header), relax_column_count: true, skip_empty_lines: true });
  let headers: string[] | undefined;
  let row = 0;
  try {
    for await (const cells of piped(all, parser)) {
      if (headers) {
        row += 1;
        refuseMoreCells(cells, headers.length, row);
        yield headers.map((header, i) => [header, cells[i] ?? ''] as const);
      } else {
        headers = cells.map(cell => cell.trim());
        checkHeaders(headers);
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw invalid(
      `line ${String(error['lines'] ?? '?')}`,
      error.code,
      'CSV in which quotes are closed, and doubled within a cell',
    );
  }
}

/** A comma that should have been within quotes must not cut an issue short; empty cells at the end are no harm. */
function refuseMoreCells(cells: readonly string[], columns: number, row: number): void {
  if (!cells.slice(columns).some(cell => cell.trim() !== '')) return;
  const allowed = `at most ${columns}, as the header has; a cell that holds the delimiter must be in quotes`;
  throw invalid(`row ${row}`, `${cells.length} cells`, allowed);
}

/** What the parser makes of the chunks; whoever of the two stops or fails ends the other. */
async function* piped(chunks: AsyncIterable<Uint8Array>, parser: ReturnType<typeof parse>): AsyncGenerator<string[]> {
  const feeding = pipeline(chunks, parser);
  feeding.catch(() => {}); // the parser passes it on to the loop below
  for await (const cells of parser) yield cells as string[];
}

/** What of the first record is not quoted, and an iterable that begins with that record again. */
async function peekHeader(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ header: string; all: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  while (!isWholeHeader(head)) {
    const { done, value } = await iterator.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  async function* all() {
    try {
      yield head;
      yield* { [Symbol.asyncIterator]: () => iterator };
    } finally {
      await iterator.return?.();
    }
  }
  return { header: unquoted(head).split(/[\r\n]/, 1)[0] ?? '', all: all() };
}

const MAX_HEADER_BYTES = 1_000_000;

function isWholeHeader(head: Buffer): boolean {
  return head.length > MAX_HEADER_BYTES || /[\r\n]/.test(unquoted(head));
}

function unquoted(head: Buffer): string {
  return head.toString('latin1', 0, MAX_HEADER_BYTES).replace(/"[^"]*("|$)/g, '');
}

/** The candidate that separates most cells of the header. */
function delimiterOf(header: string): string {
  const count = (delimiter: string) => header.split(delimiter).length;
  return [',', ';', '\t'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

async function* ndjson(chunks: AsyncIterable<Uint8Array>): Records {
  let line = 0;
  for await (const text of linesOf(chunks)) {
    line += 1;
    if (text.trim() === '') continue;
    yield entriesOf(jsonOf(text.replace(/^\uFEFF/, ''), `line ${line}`), `line ${line}`);
  }
}

async function* json(chunks: AsyncIterable<Uint8Array>): Records {
  const content = Buffer.concat(await Array.fromAsync(chunks)).toString('utf8');
  const parsed = jsonOf(content.replace(/^\uFEFF/, ''), 'body');
  const list = Array.isArray(parsed) ? parsed : (parsed as { issues?: unknown } | null)?.issues;
  if (!Array.isArray(list)) throw invalid('body', typeof parsed, 'a list of issues, or an object with a list "issues"');
  for (const [i, item] of list.entries()) yield entriesOf(item, `issues.${i}`);
}

function jsonOf(text: string, field: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid(field, `${text.length} characters`, 'valid JSON');
  }
}

function entriesOf(item: unknown, field: string): [string, unknown][] {
  if (typeof item === 'object' && item !== null && !Array.isArray(item)) return Object.entries(item);
  throw invalid(field, Array.isArray(item) ? 'a list' : typeof item, 'an object with a title or a description');
}

/**
 * Numbers issues in input order and finds those with equal questions.
 *
 * @param question - the text that decides an issue's answer
 * @param limit - how many to take; null for all
 * @returns as the generator's result, the counts over all that was read
 * @throws {InvalidInputError} when an id returns with other content, or when there is no issue at all
 */
export async function* placeIssues(
  issues: AsyncIterable<Issue>,
  question: (issue: Issue) => string,
  limit: number | null,
): AsyncGenerator<PlacedIssue, SourceCounts> {
  const coalescer = createCoalescer();
  for await (const issue of issues) {
    if (limit !== null && coalescer.total() >= limit) break;
    const fingerprint = sha256(question(issue));
    yield { issue, fingerprint, ...coalescer.add(issue, fingerprint) };
  }
  if (coalescer.total() === 0) throw invalid('source', '0 issues', '1 issue or more');
  return { total: coalescer.total(), units: coalescer.units(), copies: coalescer.copies() };
}

/** Runs through placed issues for their counts alone, showing each to `visit`. */
export async function countIssues(
  placed: AsyncGenerator<PlacedIssue, SourceCounts>,
  visit: (placed: PlacedIssue) => void = () => {},
): Promise<SourceCounts> {
  for (;;) {
    const { done, value } = await placed.next();
    if (done) return value;
    visit(value);
  }
}

/** Bytes in pieces, with time between them for whatever else the process does. */
export async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    yield bytes.subarray(start, start + PIECE_BYTES);
    await setImmediate();
  }
}

const PIECE_BYTES = 262_144;

/** Everything of this module, for those that are given it. */
export interface IssueSource {
  readonly readIssues: typeof readIssues;
  readonly placeIssues: typeof placeIssues;
  readonly countIssues: typeof countIssues;
  readonly sha256: typeof sha256;
  readonly inPieces: typeof inPieces;
}
