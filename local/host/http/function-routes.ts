import { z } from 'zod';
import type { FunctionInfo, InvocationOutcome } from '../../engine/protocol/worker.ts';
import { type Log, traceText } from '../log.ts';
import type { WorkerPool } from '../worker/worker-pool.ts';
import { cookieSchema, setCookieHeader } from './cookie.ts';
import type { HttpCall, HttpHandler, HttpReply } from './http-server.ts';
import { CLOSING_REPLY } from './in-flight.ts';
import { parseRoute, type Route } from './routes.ts';

const triggerSchema = z.object({ route: z.string().optional(), methods: z.array(z.string()).default(['GET', 'POST']) });

const responseSchema = z.object({
  statusCode: z.string(),
  headers: z.record(z.string(), z.string()).default({}),
  cookies: z.array(cookieSchema).default([]),
  body: z.object({ bytes: z.instanceof(Uint8Array) }).nullish(),
});

/** Headers that follow from the body as it is sent. */
const FRAMING_HEADERS = new Set(['content-length', 'transfer-encoding', 'connection']);

interface HttpFunction {
  readonly name: string;
  readonly methods: ReadonlySet<string>;
  /** With the prefix, without a slash in front. */
  readonly template: string;
  readonly route: Route;
}

function httpFunction({ name, bindings }: FunctionInfo, routePrefix: string): HttpFunction {
  const binding = Object.values(bindings).find(({ type }) => String(type).toLowerCase() === 'httptrigger');
  const { route = name, methods } = triggerSchema.parse(binding);
  return {
    name,
    methods: new Set(methods.map(method => method.toUpperCase())),
    template: [routePrefix, route.replace(/^\/+/, '')].filter(Boolean).join('/'),
    route: parseRoute(routePrefix, route),
  };
}

const httpFunctionsOf = (functions: readonly FunctionInfo[], routePrefix: string) =>
  functions.filter(({ kind }) => kind === 'http').map(info => httpFunction(info, routePrefix));

/**
 * Methods and URL of each HTTP function, as the local tools show them.
 *
 * @param origin - of the host, without a slash at the end
 * @throws when a route template cannot be read
 */
export function describeRoutes(
  functions: readonly FunctionInfo[],
  routePrefix: string,
  origin: string,
): { readonly name: string; readonly message: string }[] {
  return httpFunctionsOf(functions, routePrefix).map(({ name, methods, template }) => ({
    name,
    message: `[${[...methods].join(',')}] ${origin}/${template}`,
  }));
}

/** A mapping in the form in which the host sends texts that may be empty. */
const nullable = (entries: Iterable<readonly [string, string]>) =>
  Object.fromEntries([...entries].map(([name, value]) => [name, { value }]));

/** The query with repeated names joined, as the host gives it to workers. */
function queryOf({ url: { searchParams } }: HttpCall): [string, string][] {
  return [...new Set(searchParams.keys())].map(name => [name, searchParams.getAll(name).join(',')]);
}

function toRpcRequest(call: HttpCall, params: Readonly<Record<string, string>>): object {
  return {
    method: call.method,
    url: call.url.href,
    nullableHeaders: nullable(Object.entries(call.headers)),
    nullableQuery: nullable(queryOf(call)),
    nullableParams: nullable(Object.entries(params)),
    headers: {},
    query: {},
    params: {},
    ...(call.body.length > 0 && { body: { bytes: call.body } }),
  };
}

function fromRpcResponse(http: unknown): HttpReply {
  const { statusCode, headers, cookies, body } = responseSchema.parse(http);
  const ownHeaders = Object.entries(headers).filter(([name]) => !FRAMING_HEADERS.has(name));
  const cookieHeaders = cookies.map(cookie => ['set-cookie', setCookieHeader(cookie)] as const);
  return {
    status: Number(statusCode),
    headers: [...ownHeaders, ...cookieHeaders],
    ...(body && { body: body.bytes }),
  };
}

/** What the log says of an invocation that failed. */
function traceOf(outcome: Exclude<InvocationOutcome, { kind: 'returned' | 'closed' }>): string {
  return outcome.kind === 'threw' ? traceText(outcome) : outcome.message;
}

/**
 * Serves the HTTP functions of an app. Keys (`authLevel`) are not asked for, as with the local tools.
 *
 * A function that returns nothing is answered by 204, one that throws by 500 without a body; the error is logged.
 * One whose process is gone, or that took too long, is 500 as well; one that the closing host breaks off is 503.
 * A method that the route does not take counts as no route. A call whose client has gone before a process took it never runs.
 *
 * @param options.worker - runs the functions
 * @param options.routePrefix - in front of each route, `api` unless host.json says otherwise
 * @param options.log - gets errors of functions
 * @throws when a route template cannot be read
 */
export function createFunctionRoutes(options: {
  readonly worker: Pick<WorkerPool, 'functions' | 'invoke'>;
  readonly routePrefix: string;
  readonly log: Log;
}): HttpHandler {
  const { worker, routePrefix, log } = options;
  const functions = httpFunctionsOf(worker.functions, routePrefix).sort((a, b) =>
    a.route.precedence < b.route.precedence ? -1 : Number(a.route.precedence > b.route.precedence),
  );
  return async call => {
    for (const { name, methods, route } of functions) {
      const params = methods.has(call.method) && route.match(call.url.pathname);
      if (!params) continue;
      const outcome = await worker.invoke(name, { http: toRpcRequest(call, params) }, {}, call.gone);
      if (outcome.kind === 'returned') {
        return outcome.returnValue ? fromRpcResponse(outcome.returnValue.http) : { status: 204 };
      }
      if (outcome.kind === 'closed') return CLOSING_REPLY;
      log('error', name, `${call.method} ${call.url.pathname} failed: ${traceOf(outcome)}`);
      return { status: 500 };
    }
    return undefined;
  };
}
