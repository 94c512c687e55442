import dns from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { getBearerTokenProvider, type TokenCredential } from '@azure/identity';
import { LRUCache } from 'lru-cache';
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, OpenAIError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { Agent, fetch as undiciFetch } from 'undici';
import type { Analysis, ChatMessage } from '../core/analysis.ts';
import type { ServiceLimits } from '../core/capacity/messages.ts';
import { type FailureCode, failureOfStatus, ModelCallError } from '../core/failures.ts';
import { limitsOf, retryAfterOf } from '../core/rate-limit-headers.ts';
import { SETTINGS, type Settings } from '../core/settings.ts';
import type { Usage } from '../core/usage.ts';

/** What one call asks. */
export interface CompletionRequest {
  readonly deployment: string;
  readonly analysis: Analysis;
  readonly messages: readonly ChatMessage[];
  readonly maxCompletionTokens: number;
  readonly timeoutMs: number;
}

/** What the model said. */
export interface Completion {
  /** Null when the model refused or was stopped before the first word. */
  readonly text: string | null;
  readonly refused: boolean;
  readonly finishReason: string;
  readonly usage: Usage;
  /** The model behind the deployment, as the service names it. */
  readonly model: string;
  readonly requestId: string | null;
  /** What the service said of the deployment's limits; null where it said nothing. */
  readonly limits: ServiceLimits | null;
}

/** A chat model that answers by a schema. */
export interface ModelClient {
  /**
   * Makes one call, without any retry.
   *
   * @throws {ModelCallError} for whatever the service or the network does; `connection_lost` where the end of the process
   *   cut the call off, `connection_failed` where the end had begun before it
   */
  complete(request: CompletionRequest): Promise<Completion>;
  /** Which service answers; `simulator` is true only if the service says so itself. Never throws. */
  describe(): Promise<{ endpoint: string; reachable: boolean; simulator: boolean }>;
}

const TOKEN_SCOPE = 'https://cognitiveservices.azure.com/.default';
const DNS_CACHE_MS = 300_000;
const KNOWN_HOSTS = 16;
const KEEP_ALIVE_MS = 60_000;
const DESCRIBE_TIMEOUT_MS = 5_000;
/** By this header a simulator marks every answer. */
const SIMULATOR_HEADER = 'x-fanfold-simulator';

/**
 * Azure OpenAI by its v1 endpoint, over one pool of connections that stay open between calls.
 *
 * The SDK's own retries are off: it hammers on a long `Retry-After` and hides headers from the policy.
 *
 * @param credential - used when no key is set
 * @param ending - its abort cuts calls in flight off
 * @param send - takes the requests in place of the pool
 * @throws when the settings name no endpoint
 */
export function createAzureOpenAi(
  settings: Settings,
  credential: () => TokenCredential,
  ending: AbortSignal,
  send: typeof fetch | null = null,
): ModelClient {
  const { endpoint, apiKey } = settings;
  if (endpoint === null) throw new Error(`${SETTINGS.endpoint.env} is not set`);
  const client = new OpenAI({
    baseURL: `${endpoint.replace(/\/+$/, '').replace(/\/openai(\/v1)?$/, '')}/openai/v1/`,
    maxRetries: 0,
    // The Agent and fetch must come from the same undici; their types differ from the global ones by name only.
    fetch: send ?? (undiciFetch as unknown as typeof fetch),
    fetchOptions: { dispatcher: createConnections(settings) } as object,
    ...(apiKey === null
      ? { apiKey: getBearerTokenProvider(credential(), TOKEN_SCOPE) }
      : { apiKey, defaultHeaders: { 'api-key': apiKey, Authorization: null } }),
  });
  const inFlight = new Set<AbortController>();
  ending.addEventListener('abort', () => {
    for (const call of inFlight) call.abort(new ModelCallError('connection_lost'));
  });

  return {
    async complete(request) {
      if (ending.aborted) throw new ModelCallError('connection_failed');
      // One for each call: the SDK never takes its listener off a signal again.
      const call = new AbortController();
      inFlight.add(call);
      try {
        const { timeoutMs: timeout } = request;
        const answer = client.chat.completions.create(bodyOf(request), { timeout, signal: call.signal }).withResponse();
        const { data, response } = await inTime(timeout, call, answer);
        return completionOf(data, response.headers);
      } catch (error) {
        throw call.signal.aborted ? call.signal.reason : callErrorOf(error);
      } finally {
        inFlight.delete(call);
      }
    },

    async describe() {
      const call = new AbortController();
      const options = { timeout: DESCRIBE_TIMEOUT_MS, signal: call.signal };
      try {
        const { response } = await inTime(DESCRIBE_TIMEOUT_MS, call, client.models.list(options).withResponse());
        return { endpoint, reachable: true, simulator: response.headers.has(SIMULATOR_HEADER) };
      } catch (error) {
        const reachable = error instanceof APIError && error.status !== undefined;
        return { endpoint, reachable, simulator: false };
      }
    },
  };
}

/**
 * Waits for an answer, whose call is aborted as timed out when its time is up.
 *
 * The SDK has a limit too, but that ends with the headers of an error: it would wait for the body of one without end.
 */
async function inTime<T>(timeoutMs: number, call: AbortController, answer: Promise<T>): Promise<T> {
  const timer = setTimeout(() => call.abort(new ModelCallError('timeout')), timeoutMs);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Connections to the one host of the endpoint, at most the smaller of both settings.
 *
 * One call at a time each: by HTTP/2 a lost connection would take all calls in flight with it, and no number of
 * connections would bound them.
 */
function createConnections({ maxConnections, maxConnectionsPerHost }: Settings): Agent {
  const addresses = new LRUCache({ max: KNOWN_HOSTS, ttl: DNS_CACHE_MS, fetchMethod: addressesOf });
  const lookup: LookupFunction = (host, { all }, callback) => {
    addresses.forceFetch(host).then(
      found => (all ? callback(null, found) : callback(null, found[0]?.address ?? '', found[0]?.family)),
      error => callback(error, []),
    );
  };
  const agent = new Agent({
    connections: Math.min(maxConnections, maxConnectionsPerHost),
    allowH2: false,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { lookup },
  });
  return agent.on('connectionError', origin => void addresses.delete(new URL(origin).hostname));
}

async function addressesOf(host: string) {
  return dns.lookup(host, { all: true });
}

function completionOf(data: OpenAI.ChatCompletion, headers: Headers): Completion {
  const choice = data.choices[0];
  return {
    text: choice?.message.content || null,
    refused: Boolean(choice?.message.refusal),
    finishReason: choice?.finish_reason ?? 'stop',
    usage: usageOf(data.usage),
    model: data.model,
    requestId: requestIdOf(headers),
    limits: limitsOf(name => headers.get(name), Date.now()),
  };
}

function bodyOf({ deployment, analysis, messages, maxCompletionTokens }: CompletionRequest) {
  return {
    model: deployment,
    messages: [...messages],
    max_completion_tokens: maxCompletionTokens,
    response_format: responseFormatOf(analysis),
  };
}

const responseFormats = new WeakMap<Analysis, ReturnType<typeof zodResponseFormat>>();

function responseFormatOf(analysis: Analysis) {
  const format = responseFormats.get(analysis) ?? zodResponseFormat(analysis.wireSchema, analysis.name);
  responseFormats.set(analysis, format);
  return format;
}

function usageOf(usage: OpenAI.CompletionUsage | undefined): Usage {
  return {
    promptTokens: usage?.prompt_tokens ?? 0,
    completionTokens: usage?.completion_tokens ?? 0,
    cachedTokens: usage?.prompt_tokens_details?.cached_tokens ?? 0,
  };
}

function requestIdOf(headers: Headers | undefined): string | null {
  return headers?.get('apim-request-id') ?? headers?.get('x-request-id') ?? null;
}

function callErrorOf(error: unknown): ModelCallError {
  if (error instanceof APIConnectionTimeoutError) return new ModelCallError('timeout');
  if (error instanceof APIConnectionError) return new ModelCallError(networkFailureOf(error));
  if (error instanceof APIError && error.status !== undefined) {
    const { status, headers, code } = error;
    const header = (name: string) => headers?.get(name) ?? null;
    const retryAfterMs = status === 429 ? retryAfterOf(header, Date.now()) : null;
    return new ModelCallError(failureOfStatus(status, code ?? null, retryAfterMs), {
      status,
      requestId: requestIdOf(headers),
      retryAfterMs,
      limits: limitsOf(header, Date.now()),
    });
  }
  return new ModelCallError(error instanceof OpenAIError ? tokenFailureOf(error.cause) : bodyFailureOf(error));
}

/** Errors before anything was sent: no connection, no name, no certificate that is trusted. */
const BEFORE_SENDING =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CERT|SELF_SIGNED|UND_ERR_CONNECT_TIMEOUT|bad port/;

function networkFailureOf(error: Error): FailureCode {
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    if (BEFORE_SENDING.test(`${(cause as NodeJS.ErrnoException).code} ${cause.message}`)) return 'connection_failed';
  }
  return 'connection_lost';
}

/** No token: the identity has none, or the service that gives them did not answer. */
function tokenFailureOf(cause: unknown): FailureCode {
  const name = cause instanceof Error ? cause.name : '';
  return /Credential|Authentication/.test(name) ? 'unauthorized' : 'service_error';
}

/** A body that broke off, which fetch tells with a cause, or one that is no completion. */
function bodyFailureOf(error: unknown): FailureCode {
  return error instanceof Error && error.cause !== undefined ? 'connection_lost' : 'service_error';
}
