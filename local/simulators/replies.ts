import type { Verdict } from './admission.ts';
import type { Fault } from './faults.ts';
import type { OpenAiSimulatorSettings } from './openai-options.ts';
import type { Json } from './schema-tree.ts';

/** An answer before it becomes a Response. A string body is sent as it is (HTML or nothing), anything else as JSON. */
export interface Reply {
  readonly status: number;
  readonly body: Json;
  readonly headers?: Readonly<Record<string, string>>;
}

const SAFE = { filtered: false, severity: 'safe' };
const HARM_CATEGORIES = { hate: SAFE, self_harm: SAFE, sexual: SAFE, violence: SAFE };

/** Filter results as Azure adds them to an answer. */
export const completionFilterResults = {
  ...HARM_CATEGORIES,
  protected_material_code: { filtered: false, detected: false },
  protected_material_text: { filtered: false, detected: false },
};

/** Filter results as Azure adds them for the prompt. */
export const promptFilterResults = { ...HARM_CATEGORIES, jailbreak: { filtered: false, detected: false } };

/** An error body with all four members, as the model layer sends it. */
export function invalidRequest(message: string, param: string | null, code: string | null = null): Reply {
  return { status: 400, body: { error: { message, type: 'invalid_request_error', param, code } } };
}

/** An error body with code and message only, as the gateway sends it. */
export function gatewayError(status: number, code: string, message: string): Reply {
  return { status, body: { error: { code, message } } };
}

/** No or a wrong key. */
export const unauthorized = gatewayError(
  401,
  '401',
  'Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active subscription and use a correct regional API endpoint for your resource.',
);

/** A path that the service does not have. */
export const resourceNotFound = gatewayError(404, '404', 'Resource not found');

/** A deployment that the resource does not have. */
export const deploymentNotFound = gatewayError(
  404,
  'DeploymentNotFound',
  'The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait a moment and try again.',
);

/** The prompt does not fit into the model. */
export function contextLengthExceeded(contextTokens: number, promptTokens: number, quote: string): Reply {
  return invalidRequest(
    `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ${promptTokens} tokens. Please reduce the length of the messages.${quote}`,
    'messages',
    'context_length_exceeded',
  );
}

/**
 * The answer to a fault that is an HTTP error; undefined for faults of the connection and of the answer's content.
 *
 * @param quote text to append to messages of 400 and 5xx; "" for none
 */
export function faultReply(fault: Fault, settings: OpenAiSimulatorSettings, quote: string): Reply | undefined {
  const { reply } = fault;
  if (typeof reply !== 'string') {
    const { status, code = String(status), message = `Simulated fault ${status}.`, headers = {} } = reply;
    const quoted = status === 400 || status >= 500 ? `${message}${quote}` : message;
    return { ...gatewayError(status, code, quoted), headers };
  }
  switch (reply) {
    case 'content_filter':
      return contentFiltered(quote);
    case 'context_length':
      return contextLengthExceeded(settings.contextTokens, settings.contextTokens + 1, quote);
    case 'unauthorized':
      return unauthorized;
    case 'forbidden':
      return gatewayError(403, 'PermissionDenied', 'Principal does not have access to API/Operation.');
    case 'deployment_not_found':
      return deploymentNotFound;
    case 'server_error_json':
      return gatewayError(500, 'InternalServerError', `The server had an error while processing your request.${quote}`);
    case 'server_error_html':
      return {
        status: 502,
        body: `<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>${quote}</body></html>`,
        headers: { 'content-type': 'text/html' },
      };
    case 'server_error_empty':
      return { status: 503, body: '' };
    default:
      return undefined;
  }
}

function contentFiltered(quote: string): Reply {
  const message = `The response was filtered due to the prompt triggering Azure OpenAI's content management policy. Please modify your prompt and retry.${quote}`;
  return {
    status: 400,
    body: {
      error: {
        message,
        type: null,
        param: 'prompt',
        code: 'content_filter',
        status: 400,
        innererror: {
          code: 'ResponsibleAIPolicyViolation',
          content_filter_result: { ...HARM_CATEGORIES, jailbreak: { filtered: true, detected: true } },
        },
      },
    },
  };
}

/** Rate-limit headers of any chat answer: seconds are whole, as Azure sends them. */
export function limitHeaders(
  verdict: Verdict,
  mode: OpenAiSimulatorSettings['rateLimitHeaders'],
): Record<string, string> {
  if (mode === 'missing') return {};
  const unknown = mode === 'minusOne';
  return Object.fromEntries(
    (['requests', 'tokens'] as const).flatMap(kind => [
      [`x-ratelimit-limit-${kind}`, String(unknown ? -1 : verdict[kind].limit)],
      [`x-ratelimit-remaining-${kind}`, String(unknown ? -1 : verdict[kind].remaining)],
      [`x-ratelimit-reset-${kind}`, String(unknown ? 0 : Math.ceil(verdict[kind].resetMs / 1000))],
    ]),
  );
}

/**
 * A 429 in the wording that is configured.
 *
 * @param limitedBy which of the two limits is named
 */
export function throttled(
  limitedBy: 'tokens' | 'requests',
  retryAfterMs: number,
  deployment: string,
  settings: OpenAiSimulatorSettings,
): Reply {
  const seconds = Math.ceil(retryAfterMs / 1000);
  const limit = limitedBy === 'tokens' ? 'token rate limit' : 'call rate limit';
  const policy = limitedBy === 'tokens' ? 'DeploymentRatelimit-Token' : 'DeploymentRatelimit-Call';
  const waits: Record<string, string> =
    settings.rateLimitHeaders === 'normal'
      ? { 'retry-after': String(seconds), 'retry-after-ms': String(Math.ceil(retryAfterMs)), 'policy-id': policy }
      : {};
  const standard = `Requests to the ChatCompletions_Create Operation under Azure OpenAI API version v1 have exceeded ${limit} of your current OpenAI S0 pricing tier. Please retry after ${seconds} seconds. Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.`;
  switch (settings.throttleForm) {
    case 'standard':
      return { ...gatewayError(429, '429', standard), headers: waits };
    case 'short':
      return {
        ...gatewayError(429, '429', `Rate limit is exceeded. Try again in ${seconds} seconds.`),
        headers: waits,
      };
    case 'current':
      return {
        ...gatewayError(
          429,
          'RateLimitReached',
          `Your requests to ${deployment} for ${settings.model} in East US have exceeded the ${limit} for your current AIServices S0 pricing tier. Please retry after ${seconds} seconds.`,
        ),
        headers: waits,
      };
    case 'capacity':
      return {
        ...gatewayError(
          429,
          'too_many_requests',
          'The system is experiencing high demand and cannot process your request. Your request exceeds the maximum usage size allowed during peak load.',
        ),
        headers: waits,
      };
    case 'legacy':
      return {
        ...gatewayError(429, '429', standard),
        headers: { [`x-rate-limit-reset-${limitedBy}`]: String(seconds) },
      };
  }
}
