import type { z } from 'zod';
import type { Context } from './context.ts';
import { BAD_INPUT, CliError } from './errors.ts';
import { ProblemSchema } from './replies.ts';

/** A request to the app. */
export interface AppRequest {
  /** Default GET. */
  readonly method?: 'GET' | 'POST' | 'DELETE';
  /** Below `/api/`. */
  readonly path: string;
  readonly body?: string | Blob;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 30,000. */
  readonly timeoutMs?: number;
}

/** What came of a request: an answer, or why there was none, where the app itself says so with its problem document. */
export type AppAnswer =
  | { readonly httpStatus: number; readonly text: string }
  | { readonly unreachable: string; readonly problem?: string };

/** Pauses between the attempts of a patient request: about what a host takes to restart. */
const RETRY_DELAYS_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];
const TIMEOUT_MS = 30_000;
/** The app itself says why; a gateway, or a host that is starting, does not. */
const NOT_NOW = 503;
/** A gateway, or a host that is starting: nobody has looked at the request. */
const NOT_THERE = new Set([502, NOT_NOW, 504]);

/**
 * Requests to one app, with what can go wrong told apart.
 *
 * @param target.url - without `/api` and without a slash at the end
 * @param target.key - sent as x-functions-key; null = none
 */
export function createAppFetch(context: Context, target: { readonly url: string; readonly key: string | null }) {
  const { signal, wait } = context;
  const keyHeader: Record<string, string> = target.key === null ? {} : { 'x-functions-key': target.key };

  function open(
    { method = 'GET', path, body = undefined, headers = {} }: AppRequest,
    requestSignal: AbortSignal,
  ): Promise<Response> {
    const init = {
      method,
      headers: { ...keyHeader, ...headers },
      signal: requestSignal,
      ...(body === undefined ? {} : { body }),
    };
    return fetch(`${target.url}/api/${path}`, init);
  }

  /** Sends once. Throws only when the user interrupts. */
  async function send(request: AppRequest): Promise<AppAnswer> {
    try {
      const { timeoutMs = TIMEOUT_MS } = request;
      const response = await open(request, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      return await answerOf(response);
    } catch (error) {
      signal.throwIfAborted();
      return { unreachable: reasonOf(error) };
    }
  }

  /** Sends again, with growing pauses, while the app does not answer. */
  async function sendPatiently(request: AppRequest): Promise<AppAnswer> {
    let answer = await send(request);
    for (const delayMs of RETRY_DELAYS_MS) {
      if (!('unreachable' in answer)) break;
      await wait(delayMs, signal);
      answer = await send(request);
    }
    return answer;
  }

  /** The body of a good answer as it arrives; there is no time limit but that of silence. */
  async function* stream(path: string): AsyncGenerator<Uint8Array> {
    try {
      const response = await open({ path }, signal);
      if (!response.ok) acceptedText(target.url, await answerOf(response));
      if (response.body) yield* response.body;
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof CliError ? error : notRunning(target.url, reasonOf(error));
    }
  }

  return { send, sendPatiently, stream };
}

async function answerOf(response: Response): Promise<AppAnswer> {
  const { status } = response;
  const text = await response.text();
  if (!NOT_THERE.has(status)) return { httpStatus: status, text };
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  return { unreachable: `HTTP ${status}`, ...(status === NOT_NOW && isProblem && { problem: text }) };
}

/**
 * The text of a good answer.
 *
 * @throws {CliError} for any other: no app there, or a refusal in one line
 */
export function acceptedText(url: string, answer: AppAnswer): string {
  if ('unreachable' in answer) {
    throw answer.problem === undefined ? notRunning(url, answer.unreachable) : refusal(NOT_NOW, answer.problem);
  }
  if (answer.httpStatus >= 200 && answer.httpStatus < 300) return answer.text;
  throw refusal(answer.httpStatus, answer.text);
}

/**
 * Reads a good answer's text as JSON of a shape.
 *
 * @throws {CliError} when it is something else: then something else answers there
 */
export function parseReply<T>(url: string, schema: z.ZodType<T>, text: string): T {
  const { data, success } = schema.safeParse(jsonOf(text));
  if (success) return data;
  throw new CliError(`${url} answers, but not as this app does; check --url`);
}

/** No app answers there. */
export function notRunning(url: string, reason: string): CliError {
  return new CliError(`no app answers at ${url} (${reason}); start one with "npm start", or name another with --url`);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return 'no answer in time';
  const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException;
  return code ?? message;
}

/** A text as JSON; undefined where it is none. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A refusal in one line: each field with its value and what is allowed, else the problem's own words. */
function refusal(httpStatus: number, text: string): CliError {
  if (httpStatus === 401 || httpStatus === 403) {
    return new CliError(`the app refuses the key (HTTP ${httpStatus}); give a function key with --key or FANFOLD_KEY`);
  }
  const { title, detail, violations = [] } = ProblemSchema.safeParse(jsonOf(text)).data ?? {};
  const fields = violations.map(({ field, value, allowed }) => `${field} is ${value}; allowed: ${allowed}`).join('. ');
  const message = fields || detail || title || `the app answered HTTP ${httpStatus}`;
  const isInput = httpStatus < 500 && violations.length > 0;
  return new CliError(message.replaceAll(/\s+/g, ' ').trim(), isInput ? BAD_INPUT : 1);
}
