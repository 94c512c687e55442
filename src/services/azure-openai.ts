import { getBearerTokenProvider, type TokenCredential } from '@azure/identity';
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError, OpenAIError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { Agent, interceptors, fetch as undiciFetch } from 'undici';
import type { Analysis, ChatMessage } from '../core/analysis.ts';
import { type FailureCode, failureOfStatus, ModelCallError } from '../core/failures.ts';
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
}

/** A chat model that answers by a schema. */
export interface ModelClient {
  /**
   * Makes one call, without any retry.
   *
   * @throws {ModelCallError} for whatever the service or the network does
   */
  complete(request: CompletionRequest): Promise<Completion>;
  /** Which service answers; `simulator` is true only if the service says so itself. Never throws. */
  describe(): Promise<{ endpoint: string; reachable: boolean; simulator: boolean }>;
}

const TOKEN_SCOPE = 'https://cognitiveservices.azure.com/.default';
const DNS_CACHE_MS = 300_000;
const KEEP_ALIVE_MS = 60_000;
const DESCRIBE_TIMEOUT_MS = 5_000;
/** By this header a simulator marks every answer. */
const SIMULATOR_HEADER = 'x-fanfold-simulator';

/**
 * Azure OpenAI by its v1 endpoint, over one pool of connections.
 *
 * The SDK's own retries are off: it hammers on a long `Retry-After` and hides headers from the policy.
 *
 * @param credential - used when no key is set
 * @throws when the settings name no endpoint
 */
export function createAzureOpenAi(settings: Settings, credential: () => TokenCredential): ModelClient {
  const { endpoint, apiKey, maxConnections, maxConnectionsPerHost } = settings;
  if (endpoint === null) throw new Error(`${SETTINGS.endpoint.env} is not set`);
  const dispatcher = new Agent({
    connections: Math.min(maxConnections, maxConnectionsPerHost),
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
  }).compose(interceptors.dns({ maxTTL: DNS_CACHE_MS }));
  const client = new OpenAI({
    baseURL: `${endpoint.replace(/\/+$/, '').replace(/\/openai(\/v1)?$/, '')}/openai/v1/`,
    maxRetries: 0,
    // The Agent and fetch must come from the same undici; their types differ from the global ones by name only.
    fetch: undiciFetch as unknown as typeof fetch,
    fetchOptions: { dispatcher } as object,
    ...(apiKey === null
      ? { apiKey: getBearerTokenProvider(credential(), TOKEN_SCOPE) }
      : { apiKey, defaultHeaders: { 'api-key': apiKey, Authorization: null } }),
  });

  return {
    async complete(request) {
      try {
        const { data, response } = await client.chat.completions
          .create(bodyOf(request), { timeout: request.timeoutMs })
          .withResponse();
        const choice = data.choices[0];
        return {
          text: choice?.message.content || null,
          refused: Boolean(choice?.message.refusal),
          finishReason: choice?.finish_reason ?? 'stop',
          usage: usageOf(data.usage),
          model: data.model,
          requestId: requestIdOf(response.headers),
        };
      } catch (error) {
        throw callErrorOf(error);
      }
    },

    async describe() {
      try {
        const { response } = await client.models.list({ timeout: DESCRIBE_TIMEOUT_MS }).withResponse();
        return { endpoint, reachable: true, simulator: response.headers.has(SIMULATOR_HEADER) };
      } catch (error) {
        const reachable = error instanceof APIError && error.status !== undefined;
        return { endpoint, reachable, simulator: false };
      }
    },
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
    const retryAfterMs = status === 429 ? retryAfterOf(headers) : null;
    return new ModelCallError(failureOfStatus(status, code ?? null), {
      status,
      requestId: requestIdOf(headers),
      retryAfterMs,
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

function retryAfterOf(headers: Headers | undefined): number | null {
  const numberOf = (name: string) => Number(headers?.get(name) || Number.NaN);
  const resetSeconds = ['x-ratelimit-reset-tokens', 'x-ratelimit-reset-requests'].map(name => numberOf(name) || 0);
  const candidatesMs = [
    numberOf('retry-after-ms'),
    numberOf('retry-after') * 1_000,
    Date.parse(headers?.get('retry-after') ?? '') - Date.now(),
    // Where the limits are not known, the service sends 0.
    Math.max(...resetSeconds) * 1_000 || Number.NaN,
  ];
  const waitMs = candidatesMs.find(Number.isFinite);
  return waitMs === undefined ? null : Math.max(0, waitMs);
}
