import { openAsBlob } from 'node:fs';
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { MAX_FILE_BYTES, MAX_JSON_BYTES } from '../src/core/limits.ts';
import { BAD_INPUT, CliError } from './errors.ts';

/** A file of issues that can be sent. */
export interface IssueFile {
  readonly path: string;
  readonly contentType: string;
  /** Read from disk while it is sent. */
  readonly content: Blob;
}

interface Kind {
  readonly contentType: string;
  readonly maxBytes: number;
}

const NDJSON: Kind = { contentType: 'application/x-ndjson', maxBytes: MAX_FILE_BYTES };
const KINDS: Readonly<Record<string, Kind>> = {
  '.csv': { contentType: 'text/csv', maxBytes: MAX_FILE_BYTES },
  '.ndjson': NDJSON,
  '.jsonl': NDJSON,
  '.json': { contentType: 'application/json', maxBytes: MAX_JSON_BYTES },
};

/**
 * Looks at a file before anything is sent.
 *
 * @throws {CliError} for a path that is no file, another extension, an empty file, or one that is too large
 */
export async function openIssueFile(path: string): Promise<IssueFile> {
  const refuse = (fact: string) => new CliError(`--file is "${path}": ${fact}`, BAD_INPUT);
  const kind = KINDS[extname(path).toLowerCase()];
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw refuse(error.code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${error.code})`);
  });
  if (found.isDirectory()) throw refuse('that is a folder; allowed: a file');
  if (!kind) throw refuse(`its kind is not known; allowed: ${Object.keys(KINDS).join(', ')}`);
  if (found.size === 0) throw refuse('the file is empty');
  if (found.size > kind.maxBytes) {
    throw refuse(
      `it has ${(found.size / 1e6).toFixed(1)} MB; allowed: at most ${kind.maxBytes / 1e6} MB of ${kind.contentType}`,
    );
  }
  return { path, contentType: kind.contentType, content: await openAsBlob(path) };
}
