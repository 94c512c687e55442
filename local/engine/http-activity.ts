import type { DurableHttpRequest } from './protocol/actions.ts';
import type { DurableHttpResponse } from './protocol/http-call.ts';

/** As .NET's HttpClient waits by default. */
const TIMEOUT_MS = 100_000;

/** Headers that .NET counts to the content, which the answer to an orchestrator leaves out. */
const CONTENT_HEADER = /^(allow|expires|last-modified|content-.*)$/i;

/**
 * Makes an orchestrator's HTTP request.
 *
 * @param closing - ends the request when the host closes
 * @throws when no answer comes, or the request asks for a managed identity's token
 */
export async function callHttp(
  fetch: typeof globalThis.fetch,
  { method, uri, content, headers, tokenSource }: DurableHttpRequest,
  closing: AbortSignal,
): Promise<DurableHttpResponse> {
  if (tokenSource)
    throw new Error(`${method} ${uri} asks for a managed identity's token, which there is only on Azure`);
  const sentHeaders = new Headers(headers);
  if (content !== undefined && !sentHeaders.has('Content-Type')) sentHeaders.set('Content-Type', 'application/json');
  const response = await fetch(uri, {
    method,
    ...(content !== undefined && { body: content }),
    headers: sentHeaders,
    signal: AbortSignal.any([closing, AbortSignal.timeout(TIMEOUT_MS)]),
  }).catch(error => {
    const { cause } = error as Error;
    throw new Error(`${method} ${uri} failed: ${cause instanceof Error ? cause.message : (error as Error).message}`);
  });
  const names = [...new Set(response.headers.keys())].filter(name => !CONTENT_HEADER.test(name));
  const cookies = response.headers.getSetCookie();
  return {
    statusCode: response.status,
    headers: Object.fromEntries(
      names.map(name => [
        name,
        name === 'set-cookie' && cookies.length > 1 ? cookies : (response.headers.get(name) ?? ''),
      ]),
    ),
    content: await response.text(),
  };
}
