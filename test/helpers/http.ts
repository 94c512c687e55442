import {
  type HttpHandler,
  HttpRequest,
  type HttpRequestInit,
  type HttpResponse,
  InvocationContext,
} from '@azure/functions';
import * as df from 'durable-functions';

/** A request as the Functions runtime hands it to a handler. */
export function httpRequest(init: HttpRequestInit = {}): HttpRequest {
  return new HttpRequest({ method: 'GET', url: 'https://app.example/api/runs', ...init });
}

/** A POST with a body of that type. */
export function post(
  body: string | Uint8Array,
  contentType: string,
  headers: Record<string, string> = {},
): HttpRequest {
  const content = typeof body === 'string' ? { string: body } : { bytes: body };
  return httpRequest({ method: 'POST', body: content, headers: { 'content-type': contentType, ...headers } });
}

/** An answer of a handler, its body read as text and, where it is JSON, parsed. */
export interface HandlerReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly json: any;
}

/** Calls a handler with a durable client of that task hub in its context; what it logs goes to `logged`. */
export async function callHandler(
  handler: HttpHandler,
  request: HttpRequest,
  logged: unknown[] = [],
  rpcBaseUrl = 'http://127.0.0.1:1/',
): Promise<HandlerReply> {
  const input = df.input.durableClient();
  const context = new InvocationContext({
    functionName: 'test-function',
    invocationId: 'invocation-1',
    logHandler: (_level, ...args) => logged.push(...args),
    options: { trigger: { type: 'httpTrigger', name: 'request' }, extraInputs: [input], extraOutputs: [] },
  });
  context.extraInputs.set(input, {
    taskHubName: 'test',
    creationUrls: {},
    managementUrls: { id: 'INSTANCEID' },
    rpcBaseUrl,
  });
  const {
    status = 200,
    headers,
    jsonBody,
    body,
  } = (await handler(request, context)) as Exclude<Awaited<ReturnType<HttpHandler>>, HttpResponse>;
  const text = jsonBody === undefined ? String(body ?? '') : JSON.stringify(jsonBody);
  const read = new Headers(headers as Record<string, string>);
  const isJson = jsonBody !== undefined || /[/+]json$/.test(read.get('content-type') ?? '');
  return { status, headers: read, text, json: isJson ? JSON.parse(text) : null };
}
