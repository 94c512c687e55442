import type { HttpHandler, HttpRequest } from '@azure/functions';
import type { Source } from '../core/contracts.ts';
import { contentOf } from '../core/issues.ts';
import { MAX_FILE_BYTES, MAX_JSON_BYTES } from '../core/limits.ts';
import { uploadBlobs } from '../core/names.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { IssueSource } from '../services/issue-source.ts';
import { readBody } from './request-body.ts';
import { fieldProblem, route } from './responses.ts';

interface Services {
  readonly blobs: Pick<BlobStore, 'write'>;
  readonly source: IssueSource;
}

/** What is kept beside an upload. */
export interface UploadDescription {
  readonly uploadId: string;
  readonly format: Source['format'];
  readonly bytes: number;
  readonly issues: number;
  readonly distinct: number;
}

const FORMATS: ReadonlyMap<string, Source['format']> = new Map([
  ['text/csv', 'csv'],
  ['application/csv', 'csv'],
  ['application/vnd.ms-excel', 'csv'],
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['application/json', 'json'],
]);

/**
 * `POST /api/uploads`: takes a file, reads every issue in it, and keeps it for a run.
 *
 * The upload's id is the hash of its content, so that sending a file again gives the same id.
 */
export function createUploadsPost({ blobs, source }: Services): HttpHandler {
  return route(async request => {
    const format = formatOf(request);
    const content = await readBody(request, format === 'json' ? MAX_JSON_BYTES : MAX_FILE_BYTES);
    const placed = source.placeIssues(source.readIssues(format, source.inPieces(content)), contentOf, null);
    const { total, units } = await source.countIssues(placed);
    const uploadId = `${source.sha256(content).slice(0, 32)}.${format}`;
    const description: UploadDescription = { uploadId, format, bytes: content.length, issues: total, distinct: units };
    await blobs.write(uploadBlobs.content(uploadId), content);
    await blobs.write(uploadBlobs.description(uploadId), JSON.stringify(description));
    return { status: 201, jsonBody: description };
  });
}

function formatOf(request: HttpRequest): Source['format'] {
  const contentType = request.headers.get('content-type') ?? undefined;
  const format = FORMATS.get(contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? '');
  if (format) return format;
  const allowed = 'text/csv, application/x-ndjson or application/json';
  throw fieldProblem(415, 'Unknown kind of file', { field: 'Content-Type', value: contentType, allowed });
}
