import type { ServiceLimits } from './capacity/messages.ts';

/**
 * What is done about a failure of a model call.
 *
 * - `retry`: thrown after one quick retry; the durable retry policy comes back with growing delays
 * - `defer`: never thrown; the issue goes back to its stream and uses up no attempt
 * - `stop`: the same for every issue; after three in a row the stream draws no new work
 * - `settle`: final for this issue alone
 */
export type Handling = 'retry' | 'defer' | 'stop' | 'settle';

interface FailureKind {
  readonly handling: Handling;
  /** False where the service surely did not bill the call. */
  readonly maybeBilled: boolean;
  /** What a reader of the report can do about it. */
  readonly advice: string;
}

/** Every code under which an issue can fail, with what is done about it. */
export const FAILURES = {
  timeout: {
    handling: 'retry',
    maybeBilled: true,
    advice: 'Raise AZURE_OPENAI_REQUEST_TIMEOUT or lower the concurrency; very long issues take longest.',
  },
  connection_lost: {
    handling: 'retry',
    maybeBilled: true,
    advice: 'The connection broke while an answer was awaited; look at the network between the app and the service.',
  },
  connection_failed: {
    handling: 'retry',
    maybeBilled: false,
    advice: 'The service could not be reached: check AZURE_OPENAI_ENDPOINT, DNS and network rules.',
  },
  service_error: {
    handling: 'retry',
    maybeBilled: true,
    advice: 'The service failed by itself, five times in a row; see its health page, then run these issues again.',
  },
  rate_limited: {
    handling: 'defer',
    maybeBilled: false,
    advice:
      'The deployment admits fewer tokens or requests per minute than the run asked for: raise its quota or lower the concurrency.',
  },
  quota_exhausted: {
    handling: 'defer',
    maybeBilled: false,
    advice:
      'The deployment asked to wait for ten minutes or longer: its quota is used up, or is zero as on some free and trial subscriptions. Raise it, then run these issues again.',
  },
  breaker_open: {
    handling: 'defer',
    maybeBilled: false,
    advice: 'The service kept failing until the end of the run; see its health page, then run these issues again.',
  },
  paused: {
    handling: 'defer',
    maybeBilled: false,
    advice: 'The run was paused until its end; run these issues again.',
  },
  claimed_elsewhere: {
    handling: 'defer',
    maybeBilled: false,
    advice: 'Another worker was busy with the issue until the end of the run; run these issues again.',
  },
  unauthorized: {
    handling: 'stop',
    maybeBilled: false,
    advice:
      'The key or token was refused, or there was none: check AZURE_OPENAI_API_KEY; without one, an identity is needed (az login, managed identity) with the role "Cognitive Services OpenAI User".',
  },
  forbidden: {
    handling: 'stop',
    maybeBilled: false,
    advice: 'Access was denied: check the role of the identity and the network rules of the Azure OpenAI resource.',
  },
  deployment_not_found: {
    handling: 'stop',
    maybeBilled: false,
    advice: 'No such deployment: check AZURE_OPENAI_DEPLOYMENT and AZURE_OPENAI_ENDPOINT.',
  },
  content_filter: {
    handling: 'settle',
    maybeBilled: true,
    advice:
      "The service's content filter refused the text; read these issues by hand or adapt the deployment's filter.",
  },
  context_too_long: {
    handling: 'settle',
    maybeBilled: false,
    advice: 'The text is longer than the model reads; use a model with a longer context.',
  },
  refused: {
    handling: 'settle',
    maybeBilled: true,
    advice: 'The model declined to answer; read these issues by hand.',
  },
  bad_request: {
    handling: 'settle',
    maybeBilled: false,
    advice: 'The service did not accept the request: check that the deployment supports structured outputs.',
  },
  invalid_output: {
    handling: 'settle',
    maybeBilled: true,
    advice: 'The answer did not fit the schema, even after one repair; a stronger model usually helps.',
  },
  output_cut_off: {
    handling: 'settle',
    maybeBilled: true,
    advice: 'The answer was cut by the token limit, and giving it more room did not help.',
  },
  worker_lost: {
    handling: 'settle',
    maybeBilled: true,
    advice: 'The process ended while it worked on the issue, again and again; look at its memory and its logs.',
  },
  activity_failed: {
    handling: 'settle',
    maybeBilled: true,
    advice: 'The app itself failed, most likely at its storage; its logs say where.',
  },
  stream_failed: {
    handling: 'settle',
    maybeBilled: true,
    advice: 'The orchestration of a stream ended early; see its instance in the task hub, then run these issues again.',
  },
} as const satisfies Record<string, FailureKind>;

/** A code of {@link FAILURES}. */
export type FailureCode = keyof typeof FAILURES;

/** What is done about a failure of this code. */
export function handlingOf(code: FailureCode): Handling {
  return FAILURES[code].handling;
}

/** Type guard for codes that come back from storage. */
export function isFailureCode(code: string | null | undefined): code is FailureCode {
  return typeof code === 'string' && Object.hasOwn(FAILURES, code);
}

/**
 * A failed model call in our own words.
 *
 * The message is fixed text: a vendor's message may quote the issue, and messages end up in the history.
 */
export class ModelCallError extends Error {
  readonly code: FailureCode;
  readonly status: number | null;
  readonly requestId: string | null;
  /** How long the service asked to wait, in milliseconds; null where it did not say. */
  readonly retryAfterMs: number | null;
  /** What the answer's headers said of the deployment's limits; null where they said nothing. */
  readonly limits: ServiceLimits | null;

  constructor(
    code: FailureCode,
    facts: {
      status?: number | null;
      requestId?: string | null;
      retryAfterMs?: number | null;
      limits?: ServiceLimits | null;
    } = {},
  ) {
    const { status = null, requestId = null, retryAfterMs = null, limits = null } = facts;
    super(
      `Model call failed: ${code}${status === null ? '' : ` (HTTP ${status})`}${requestId === null ? '' : `, request ${requestId}`}`,
    );
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.retryAfterMs = retryAfterMs;
    this.limits = limits;
  }
}

/** A throttle that asks for so long a wait is no matter of pace: windows of limits last a minute. */
const QUOTA_WAIT_MS = 600_000;

/**
 * The failure that an HTTP status of Azure OpenAI stands for.
 *
 * @param serviceCode - the `code` member of the error body
 * @param retryAfterMs - the wait that a throttle asks for; null if it asks for none
 */
export function failureOfStatus(
  status: number,
  serviceCode: string | null,
  retryAfterMs: number | null = null,
): FailureCode {
  if (status === 429) return (retryAfterMs ?? 0) >= QUOTA_WAIT_MS ? 'quota_exhausted' : 'rate_limited';
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'deployment_not_found';
  if (status === 408 || status === 409 || status === 424 || status >= 500) return 'service_error';
  if (serviceCode === 'content_filter') return 'content_filter';
  if (serviceCode === 'context_length_exceeded') return 'context_too_long';
  return 'bad_request';
}
