import type { CallStats } from './call-log.ts';
import { createChat, hasCredential } from './chat.ts';
import type { Meters } from './meters.ts';
import {
  type OpenAiSimulatorOptions,
  type OpenAiSimulatorSettings,
  openAiSimulatorOptions,
  systemClock,
} from './openai-options.ts';
import { parseOptions } from './ranges.ts';
import { type Reply, resourceNotFound, unauthorized } from './replies.ts';
import { createDraw, seededUuid } from './seeded.ts';

/** The simulator as a function from request to response. */
export interface OpenAiSimulator {
  /**
   * Answers one request as Azure OpenAI would.
   *
   * @throws {ConnectionReset} where a fault cuts the connection
   * @throws the signal's reason when the caller gives up; a call that meets the fault `timeout` ends in no other way
   */
  handle(request: Request): Promise<Response>;
  stats(): CallStats;
  meters(): Meters;
  /** Forgets everything: counts, limits, attempts of faults, prompts seen. Calls in flight still count to the old state. */
  reset(): void;
}

/** Header of every response, so that nobody takes the simulator for the service. */
export const SIMULATOR_HEADER = 'x-fanfold-simulator';

type Route =
  | { readonly kind: 'chat'; readonly deployment: string | undefined }
  | { readonly kind: 'models' | 'stats' | 'meters' | 'reset' | 'unknown' };

/**
 * Makes a simulator of Azure OpenAI: chat completions with structured output, limits and faults.
 *
 * @throws {RangeError} naming option, value and allowed range
 */
export function createOpenAiSimulator(options: OpenAiSimulatorOptions = {}): OpenAiSimulator {
  const { clock = systemClock, ...rest } = options;
  const settings = parseOptions(openAiSimulatorOptions, rest);
  let chat = createChat(settings, clock);
  let requests = 0;
  const reset = () => {
    chat = createChat(settings, clock);
  };

  async function replyTo(request: Request): Promise<Reply> {
    const route = routeOf(request.method, new URL(request.url));
    switch (route.kind) {
      case 'chat':
        return chat.complete(request, route.deployment);
      case 'stats':
        return { status: 200, body: { ...chat.stats() } };
      case 'meters':
        return { status: 200, body: JSON.stringify(chat.meters()), headers: { 'content-type': 'application/json' } };
      case 'reset':
        reset();
        return { status: 200, body: { reset: true } };
      case 'models':
        return hasCredential(request.headers) ? modelList(settings) : unauthorized;
      case 'unknown':
        return hasCredential(request.headers) ? resourceNotFound : unauthorized;
    }
  }

  return {
    async handle(request) {
      requests += 1;
      const ids = createDraw(settings.seed, 'request', requests);
      const apimRequestId = seededUuid(ids.under('apim'));
      const { status, body, headers } = await replyTo(request);
      return new Response(typeof body === 'string' ? body : JSON.stringify(body), {
        status,
        headers: {
          ...(typeof body === 'string' ? {} : { 'content-type': 'application/json' }),
          [SIMULATOR_HEADER]: 'true',
          'x-request-id': seededUuid(ids),
          'apim-request-id': apimRequestId,
          'x-ms-client-request-id': request.headers.get('x-ms-client-request-id') ?? apimRequestId,
          'x-ms-region': 'East US',
          'x-content-type-options': 'nosniff',
          'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
          'cache-control': 'no-cache, must-revalidate',
          ...headers,
        },
      });
    },
    stats: () => chat.stats(),
    meters: () => chat.meters(),
    reset,
  };
}

function routeOf(method: string, url: URL): Route {
  const path = `${method} ${url.pathname}`;
  if (path === 'POST /openai/v1/chat/completions') return { kind: 'chat', deployment: undefined };
  if (path === 'GET /openai/v1/models') return { kind: 'models' };
  if (path === 'GET /_simulator/stats') return { kind: 'stats' };
  if (path === 'GET /_simulator/meters') return { kind: 'meters' };
  if (path === 'POST /_simulator/reset') return { kind: 'reset' };
  const deployment = /^POST \/openai\/deployments\/([^/]+)\/chat\/completions$/.exec(path)?.[1];
  // Without an api-version the versioned paths do not exist.
  if (deployment === undefined || !url.searchParams.get('api-version')) return { kind: 'unknown' };
  const name = decoded(deployment);
  return name === undefined ? { kind: 'unknown' } : { kind: 'chat', deployment: name };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function modelList({ deployments, model }: OpenAiSimulatorSettings): Reply {
  const ids = [...new Set([...deployments, model])];
  const data = ids.map(id => ({ id, object: 'model', created: 0, owned_by: 'simulator' }));
  return { status: 200, body: { object: 'list', data } };
}
