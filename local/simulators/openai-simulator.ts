import { createAdmission } from './admission.ts';
import { type CallStats, createCallLog } from './call-log.ts';
import { type ChatRequest, isChatRequest, parseChatRequest } from './chat-request.ts';
import { answerFault, completionReply } from './completion.ts';
import { createFaultTable, type Fault } from './faults.ts';
import {
  type OpenAiSimulatorOptions,
  type OpenAiSimulatorSettings,
  openAiSimulatorOptions,
  systemClock,
} from './openai-options.ts';
import { createPromptCache } from './prompt-cache.ts';
import { parseOptions } from './ranges.ts';
import type { Reply } from './replies.ts';
import * as replies from './replies.ts';
import { createDraw, logNormal, seededUuid } from './seeded.ts';
import { estimateTokens } from './tokens.ts';

/** Thrown by `handle` where the service would cut the connection. */
export class ConnectionReset extends Error {
  readonly code = 'ECONNRESET';
}

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
  /** Forgets everything: counts, limits, attempts of faults, prompts seen. */
  reset(): void;
}

/** Present in every response, so that nobody takes the simulator for the service. */
export const SIMULATOR_HEADER = 'x-fanfold-simulator';

type Route =
  | { readonly kind: 'chat'; readonly deployment?: string }
  | { readonly kind: 'models' | 'stats' | 'reset' | 'unknown' };

/**
 * Makes a simulator of Azure OpenAI: chat completions with structured output, limits and faults.
 *
 * @throws {RangeError} naming option, value and allowed range
 */
export function createOpenAiSimulator(options: OpenAiSimulatorOptions = {}): OpenAiSimulator {
  const { clock = systemClock, ...rest } = options;
  const settings = parseOptions(openAiSimulatorOptions, rest);
  const fresh = () => ({
    admission: createAdmission(settings),
    faults: createFaultTable(settings.faults, settings.seed),
    prompts: createPromptCache(),
    log: createCallLog(),
  });
  let state = fresh();
  let requests = 0;

  async function answerChat(request: Request, deploymentInPath: string | undefined): Promise<Reply> {
    const { admission, faults, log, prompts } = state;
    if (!hasCredential(request.headers)) return replies.unauthorized;
    const call = parseChatRequest(await request.text());
    if (!isChatRequest(call)) return replies.invalidRequest(call.message, call.param);
    const deployment = deploymentInPath ?? call.model;
    if (deployment === undefined) return replies.invalidRequest("Missing required parameter: 'model'.", 'model');
    if (!settings.deployments.includes(deployment)) return replies.deploymentNotFound;

    const estimate = Math.ceil(call.promptCharacters / 4) + call.maxCompletionTokens;
    const verdict = admission.admit(clock.nowMs(), estimate);
    const limits = replies.limitHeaders(verdict, settings.rateLimitHeaders);
    if (verdict.limitedBy) {
      return withHeaders(replies.throttled(verdict.limitedBy, verdict.retryAfterMs, deployment, settings), limits);
    }
    const fault = faults.next(call.issueId, call.issueText);
    if (fault?.reply === 'reset') throw new ConnectionReset('the simulator cuts this connection');
    if (fault?.reply === 'timeout') return never(request.signal);
    const refusal = refusalOf(call, fault, deployment, settings);
    if (refusal === undefined || refusal.status >= 500) await takeTime(call.issueId, request.signal);
    if (refusal) return withHeaders(refusal, limits);
    const cachedTokens = prompts.see(deployment, call.messages);
    const reply = completionReply({ call, fault: answerFault(fault), cachedTokens, settings, nowMs: clock.nowMs() });
    if (reply.isComplete) log.answered(call.promptId);
    return withHeaders(reply, limits);
  }

  async function takeTime(issueId: string, signal: AbortSignal): Promise<void> {
    const durationMs = logNormal(createDraw(settings.seed, 'latency', issueId), settings.latencyMs, settings.latencyCv);
    if (durationMs > 0) await clock.sleep(durationMs, signal);
    signal.throwIfAborted();
  }

  async function countedChat(request: Request, deployment: string | undefined): Promise<Reply> {
    const { log } = state;
    log.arrived();
    try {
      const reply = await answerChat(request, deployment);
      log.completed(reply.status);
      return reply;
    } catch (error) {
      log.unanswered();
      throw error;
    }
  }

  async function replyTo(request: Request): Promise<Reply> {
    const route = routeOf(request.method, new URL(request.url));
    switch (route.kind) {
      case 'chat':
        return countedChat(request, route.deployment);
      case 'models':
        return hasCredential(request.headers) ? modelList(settings) : replies.unauthorized;
      case 'stats':
        return { status: 200, body: { ...state.log.stats(), byStatus: { ...state.log.stats().byStatus } } };
      case 'reset':
        state = fresh();
        return { status: 200, body: { reset: true } };
      case 'unknown':
        return hasCredential(request.headers) ? replies.resourceNotFound : replies.unauthorized;
    }
  }

  return {
    async handle(request) {
      requests += 1;
      const ids = createDraw(settings.seed, 'request', requests);
      const apimRequestId = seededUuid(ids.under('apim'));
      const reply = await replyTo(request);
      const isText = typeof reply.body === 'string';
      return new Response(isText ? String(reply.body) : JSON.stringify(reply.body), {
        status: reply.status,
        headers: {
          ...(isText ? {} : { 'content-type': 'application/json' }),
          [SIMULATOR_HEADER]: 'true',
          'x-request-id': seededUuid(ids),
          'apim-request-id': apimRequestId,
          'x-ms-client-request-id': request.headers.get('x-ms-client-request-id') ?? apimRequestId,
          'x-ms-region': 'East US',
          'x-content-type-options': 'nosniff',
          'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
          'cache-control': 'no-cache, must-revalidate',
          ...reply.headers,
        },
      });
    },
    stats: () => state.log.stats(),
    reset: () => {
      state = fresh();
    },
  };
}

function routeOf(method: string, url: URL): Route {
  const path = `${method} ${url.pathname}`;
  if (path === 'POST /openai/v1/chat/completions') return { kind: 'chat' };
  if (path === 'GET /openai/v1/models') return { kind: 'models' };
  if (path === 'GET /_simulator/stats') return { kind: 'stats' };
  if (path === 'POST /_simulator/reset') return { kind: 'reset' };
  const deployment = /^POST \/openai\/deployments\/([^/]+)\/chat\/completions$/.exec(path)?.[1];
  // Without an api-version the versioned paths do not exist.
  if (deployment === undefined || !url.searchParams.get('api-version')) return { kind: 'unknown' };
  return { kind: 'chat', deployment: decodeURIComponent(deployment) };
}

function hasCredential(headers: Headers): boolean {
  return Boolean(headers.get('api-key')?.trim()) || /^bearer\s+\S/i.test(headers.get('authorization') ?? '');
}

function withHeaders<R extends Reply>(reply: R, headers: Readonly<Record<string, string>>): R {
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

/** An answer that never comes: settles only when the caller gives up. */
function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const giveUp = () => reject(signal.reason);
    if (signal.aborted) giveUp();
    else signal.addEventListener('abort', giveUp, { once: true });
  });
}

/** Why the call gets no completion: a fault that is an error, or a prompt that does not fit. */
function refusalOf(
  call: ChatRequest,
  fault: Fault | undefined,
  deployment: string,
  settings: OpenAiSimulatorSettings,
): Reply | undefined {
  const quote = settings.quoteInErrors ? ` The prompt was: ${call.issueText}` : '';
  if (fault?.reply === 'rate_limited') {
    return replies.throttled('requests', fault.retryAfterSeconds * 1000, deployment, settings);
  }
  const refused = fault && replies.faultReply(fault, settings, quote);
  if (refused) return refused;
  const promptTokens = call.messages.reduce((sum, message) => sum + estimateTokens(message.content), 0);
  if (promptTokens <= settings.contextTokens) return undefined;
  return replies.contextLengthExceeded(settings.contextTokens, promptTokens, quote);
}

function modelList({ deployments, model }: OpenAiSimulatorSettings): Reply {
  const data = [...new Set([...deployments, model])].map(id => ({
    id,
    object: 'model',
    created: 0,
    owned_by: 'simulator',
  }));
  return { status: 200, body: { object: 'list', data } };
}
