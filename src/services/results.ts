import { stringify } from 'csv-stringify/sync';
import { runBlobs } from '../core/names.ts';
import type { Report, ResultLine } from '../core/report.ts';
import type { BlobStore } from './blobs.ts';
import { linesOf } from './lines.ts';

/** Forms in which all results of a run lie ready. */
export type ResultsFormat = 'ndjson' | 'csv';

/** Reports and results of runs, in Blob storage. */
export interface ResultsStore {
  /** Writes results line by line, in both forms; `answerFields` become columns of the CSV. */
  openWriter(
    runId: string,
    answerFields: readonly string[],
  ): { add(line: ResultLine): Promise<void>; close(): Promise<void> };
  writeReport(runId: string, report: Report): Promise<void>;
  /** The report as JSON text, or null before it is written. */
  readReport(runId: string): Promise<Buffer | null>;
  /** Everything in one form, or null before it is written. */
  read(runId: string, format: ResultsFormat): Promise<Buffer | null>;
  /** Every line in input order. */
  lines(runId: string): AsyncGenerator<ResultLine>;
}

/** Results over blobs. */
export function createResultsStore(blobs: BlobStore): ResultsStore {
  return {
    openWriter(runId, answerFields) {
      const ndjson = blobs.openWriter(runBlobs.results(runId, 'ndjson'));
      const csv = blobs.openWriter(runBlobs.results(runId, 'csv'));
      let header = csvRow([...LINE_COLUMNS, ...answerFields]);
      return {
        async add(line) {
          await ndjson.write(`${JSON.stringify(line)}\n`);
          await csv.write(header + csvRow(cellsOf(line, answerFields)));
          header = '';
        },
        async close() {
          await csv.write(header);
          await Promise.all([ndjson.close(), csv.close()]);
        },
      };
    },
    writeReport: (runId, report) => blobs.write(runBlobs.report(runId), `${JSON.stringify(report, null, 2)}\n`),
    readReport: runId => blobs.read(runBlobs.report(runId)),
    read: (runId, format) => blobs.read(runBlobs.results(runId, format)),
    async *lines(runId) {
      const chunks = blobs.chunks(runBlobs.results(runId, 'ndjson'));
      for await (const line of linesOf(chunks)) yield JSON.parse(line) as ResultLine;
    },
  };
}

const LINE_COLUMNS = [
  'index',
  'id',
  'title',
  'outcome',
  'code',
  'coalescedWith',
  'cached',
  'callMs',
  'calls',
  'promptTokens',
  'completionTokens',
  'costUsd',
] as const;

/** Result lines as CSV text, headed by the columns of a line and the fields of the answer. */
export function csvOf(lines: readonly ResultLine[], answerFields: readonly string[]): string {
  return [[...LINE_COLUMNS, ...answerFields], ...lines.map(line => cellsOf(line, answerFields))].map(csvRow).join('');
}

function cellsOf(line: ResultLine, answerFields: readonly string[]): unknown[] {
  const { promptTokens, completionTokens } = line.usage;
  const facts: Record<(typeof LINE_COLUMNS)[number], unknown> = { ...line, promptTokens, completionTokens };
  const answer = (line.answer ?? {}) as Record<string, unknown>;
  return [...LINE_COLUMNS.map(column => facts[column]), ...answerFields.map(field => answer[field])];
}

/** One row; a cell that a spreadsheet would run as a formula is quoted by an apostrophe. */
function csvRow(cells: readonly unknown[]): string {
  const texts = cells.map(cell => (Array.isArray(cell) ? cell.join('; ') : String(cell ?? '')));
  return stringify([texts], { escape_formulas: true, quoted_match: /[\r\n]/ });
}
