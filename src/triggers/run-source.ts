import { analysisNamed } from '../core/analyses.ts';
import { questionOf } from '../core/analysis.ts';
import type { Source } from '../core/contracts.ts';
import { runBlobs, uploadBlobs } from '../core/names.ts';
import { invalid } from '../core/problems.ts';
import type { RunPlan, RunRequest } from '../core/run-request.ts';
import type { BlobStore } from '../services/blobs.ts';
import type { IssueSource, PlacedIssue, SourceCounts } from '../services/issue-source.ts';
import type { UploadDescription } from './uploads-post.ts';

/** What reading a request's issues takes. */
export interface SourceServices {
  readonly blobs: Pick<BlobStore, 'read' | 'write' | 'chunks'>;
  readonly source: IssueSource;
}

/** The issues of a request: given in it, or uploaded before. */
export interface Content {
  readonly format: Source['format'];
  readonly blob: (runId: string) => string;
  /** To be stored under that name; null where it lies there already. */
  readonly bytes: Uint8Array | null;
  /** Rows that the run takes. */
  readonly issues: number;
}

/**
 * Finds a request's issues, without reading those of an upload.
 *
 * @throws {InvalidInputError} for an upload that there is not
 */
export async function contentOf(
  { blobs }: Pick<SourceServices, 'blobs'>,
  { source, limit = Number.POSITIVE_INFINITY }: RunRequest,
): Promise<Content> {
  if (source.issues) {
    const bytes = Buffer.from(JSON.stringify(source.issues));
    return { format: 'json', blob: runBlobs.source, bytes, issues: Math.min(limit, source.issues.length) };
  }
  const uploadId = source.uploadId ?? '';
  const isName = /^[\w.-]{1,64}$/.test(uploadId);
  const description = isName && (await blobs.read(uploadBlobs.description(uploadId)));
  if (!description) throw invalid('source.uploadId', uploadId, 'an id answered by POST /api/uploads');
  const { format, issues } = JSON.parse(description.toString('utf8')) as UploadDescription;
  return { format, blob: () => uploadBlobs.content(uploadId), bytes: null, issues: Math.min(limit, issues) };
}

/** Reads a request's issues, one by one, each with its place and the hash of its question. */
export function placed(
  { source, blobs }: SourceServices,
  request: RunRequest,
  plan: RunPlan,
  { format, bytes, blob }: Content,
): AsyncGenerator<PlacedIssue, SourceCounts> {
  const analysis = analysisNamed(plan.analysis);
  const issues = source.readIssues(format, bytes ? source.inPieces(bytes) : blobs.chunks(blob('')));
  return source.placeIssues(issues, issue => questionOf(analysis, plan.deployment, issue), request.limit ?? null);
}
