import type { DurableHttpRequest } from './actions.ts';

/** The activity by which the host makes an orchestrator's HTTP calls. */
export const HTTP_ACTIVITY = 'BuiltIn::HttpActivity';

/** What comes back; `headers` are those of the response alone, not of its content (`Content-Type` is of the content). */
export interface DurableHttpResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly content: string;
}

/** A header by its name in any case; the first of several. */
export function headerOf({ headers }: DurableHttpResponse, name: string): string | undefined {
  const [, value] = Object.entries(headers).find(([each]) => each.toLowerCase() === name.toLowerCase()) ?? [];
  return typeof value === 'string' ? value : value?.[0];
}

/**
 * The request that asks a 202's `Location` for news: a GET with the same headers, less the key of a function.
 *
 * @returns undefined without an absolute `Location`, on which the real host's call fails as well
 */
export function pollRequest(
  request: DurableHttpRequest,
  response: DurableHttpResponse,
): DurableHttpRequest | undefined {
  const location = headerOf(response, 'Location');
  if (!location || !URL.canParse(location)) return undefined;
  const headers = Object.entries(request.headers ?? {}).filter(([name]) => name.toLowerCase() !== 'x-functions-key');
  const { content: _, ...rest } = request;
  return { ...rest, method: 'GET', uri: location, headers: Object.fromEntries(headers) };
}
