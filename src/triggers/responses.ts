import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import { InvalidInputError, invalid, type Violation } from '../core/problems.ts';

/** A request that cannot be served, with all that its problem document says. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly title: string;
  readonly violations: readonly Violation[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    title: string,
    detail: string,
    more: { readonly violations?: readonly Violation[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.title = title;
    this.violations = more.violations ?? [];
    this.headers = more.headers ?? {};
  }
}

/** A problem of a single field: its name, value and allowed range are told. */
export function fieldProblem(
  status: number,
  title: string,
  { field, value, allowed }: { readonly field: string; readonly value: unknown; readonly allowed: string },
): HttpProblem {
  const { message, violations } = invalid(field, value, allowed);
  return new HttpProblem(status, title, message, { violations });
}

/** What a poller is told to wait, in seconds. */
export const RETRY_AFTER_SECONDS = '5';

/** There is no such run. */
export function noSuchRun(runId: string): HttpProblem {
  return fieldProblem(404, 'No such run', {
    field: 'runId',
    value: runId,
    allowed: 'the id of a run that was started here',
  });
}

/**
 * Makes an HTTP handler of a function that throws problems.
 *
 * Every response carries `X-Process-Time` in milliseconds; an unexpected error is logged and answered without its text.
 */
export function route(
  handle: (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>,
): HttpHandler {
  return async (request, context) => {
    const startedMs = performance.now();
    const response = await handle(request, context).catch(error => problemResponse(error, context));
    const processTime = { 'X-Process-Time': (performance.now() - startedMs).toFixed(1) };
    return { ...response, headers: { ...response.headers, ...processTime } };
  };
}

/** RFC 9457. */
function problemResponse(error: unknown, context: InvocationContext): HttpResponseInit {
  const { status, title, message, violations, headers } = problemOf(error, context);
  const body = { type: 'about:blank', title, status, detail: message, violations };
  return { status, headers: { ...headers, 'Content-Type': 'application/problem+json' }, body: JSON.stringify(body) };
}

function problemOf(error: unknown, context: InvocationContext): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof InvalidInputError)
    return new HttpProblem(400, 'Invalid input', error.message, { violations: error.violations });
  context.error(`${context.functionName} failed`, error);
  return new HttpProblem(
    500,
    'Internal error',
    `Something went wrong here; the log has it under invocation ${context.invocationId}.`,
  );
}
