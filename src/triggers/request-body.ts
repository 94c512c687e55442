import { isUtf8 } from 'node:buffer';
import type { HttpRequest } from '@azure/functions';
import { MAX_JSON_BYTES } from '../core/limits.ts';
import { invalid } from '../core/problems.ts';
import { fieldProblem } from './responses.ts';

/**
 * Reads a body of UTF-8 text as bytes.
 *
 * @throws a 413 problem above `maxBytes`, by the announced length before anything is read, and a 400 for an empty body
 */
export async function readBody(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) throw invalid('body', 'empty', 'a body');
  return bytes;
}

async function readBytes(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  refuseLarger(Number(request.headers.get('content-length') ?? 0), maxBytes);
  const bytes = await bytesOf(request, maxBytes);
  if (!isUtf8(bytes)) throw invalid('body', `${bytes.length} bytes`, 'text in UTF-8 (in Excel: save as "CSV UTF-8")');
  return bytes;
}

/** Unlike `arrayBuffer()`, which copies what it gathers twice, leaves a body that comes in one piece as it is. */
async function bytesOf({ body }: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    refuseLarger(length, maxBytes);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}

function refuseLarger(bytes: number, maxBytes: number): void {
  if (bytes <= maxBytes) return;
  const megabytes = (n: number) => `${(n / 1e6).toFixed(1)} MB`;
  const violation = { field: 'body', value: megabytes(bytes), allowed: `at most ${megabytes(maxBytes)}` };
  throw fieldProblem(413, 'Body too large', violation);
}

/**
 * Reads a JSON body.
 *
 * @throws as {@link readBody}, and a 400 for text that is not JSON
 */
export async function readJson(request: HttpRequest): Promise<unknown> {
  return parseJson(await readBody(request, MAX_JSON_BYTES));
}

/**
 * Reads a JSON body that may be left out.
 *
 * @returns an empty object where there is no body
 * @throws as {@link readJson}
 */
export async function readOptionalJson(request: HttpRequest): Promise<unknown> {
  const bytes = await readBytes(request, MAX_JSON_BYTES);
  return bytes.length === 0 ? {} : parseJson(bytes);
}

function parseJson(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    const place = /at position \d+|line \d+ column \d+/.exec(String(error))?.[0] ?? `${text.length} characters`;
    throw invalid('body', place, 'valid JSON');
  }
}

/** A function key may be sent as a parameter. */
const KEY_PARAMETERS = ['code', 'clientId'];

/**
 * Refuses query parameters that a route does not know, so that a slip of the pen (`?plann=true`) does not do what was not
 * meant.
 *
 * @throws {InvalidInputError} for the first of them
 */
export function allowQuery(request: HttpRequest, names: readonly string[]): void {
  const unknown = [...request.query.keys()].find(name => !names.includes(name) && !KEY_PARAMETERS.includes(name));
  if (unknown === undefined) return;
  const allowed = names.length === 0 ? 'there is none' : `there are: ${names.join(', ')}`;
  throw invalid(unknown, request.query.get(unknown), `no such parameter; ${allowed}`);
}

/** A query parameter as an integer within bounds. */
export function integerQuery(
  request: HttpRequest,
  name: string,
  fallback: number,
  { min, max }: { min: number; max: number },
): number {
  const text = request.query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw invalid(name, text, `an integer from ${min} to ${max}`);
}

/** A query parameter as a switch; off where it is left out. */
export function switchQuery(request: HttpRequest, name: string): boolean {
  return wordQuery(request, name, ['true', 'false']) === 'true';
}

/** A query parameter as one of some words. */
export function wordQuery<T extends string>(request: HttpRequest, name: string, words: readonly T[]): T | null {
  const text = request.query.get(name);
  if (text === null) return null;
  const word = words.find(candidate => candidate === text);
  if (word === undefined) throw invalid(name, text, `one of: ${words.join(', ')}`);
  return word;
}
