import { createAdmission } from './admission.ts';
import { type CallStats, createCallLog } from './call-log.ts';
import { type ChatRequest, isChatRequest, parseChatRequest } from './chat-request.ts';
import { answerFault, completionReply } from './completion.ts';
import { createFaultTable, type Fault } from './faults.ts';
import { drawLatencyMs } from './latency.ts';
import { createAdmissionMeter, createAnswerMeter, type Meters } from './meters.ts';
import type { OpenAiSimulatorSettings, SimulatorClock } from './openai-options.ts';
import { createPromptCache } from './prompt-cache.ts';
import type { Reply } from './replies.ts';
import * as replies from './replies.ts';
import { estimateTokens } from './tokens.ts';

/** Thrown where the service would cut the connection. */
export class ConnectionReset extends Error {
  readonly code = 'ECONNRESET';
}

/** Chat completions with everything that is remembered from call to call. */
export interface Chat {
  /**
   * Answers one chat call.
   *
   * @param deploymentInPath undefined = the body's `model` names it
   * @throws {ConnectionReset} where a fault cuts the connection
   * @throws the signal's reason when the caller gives up
   */
  complete(request: Request, deploymentInPath: string | undefined): Promise<Reply>;
  stats(): CallStats;
  meters(): Meters;
}

/** Makes the chat part of the simulator, with nothing seen yet. */
export function createChat(settings: OpenAiSimulatorSettings, clock: SimulatorClock): Chat {
  const admission = createAdmission(settings);
  const faults = createFaultTable(settings.faults, settings.seed);
  const prompts = createPromptCache();
  const log = createCallLog();
  const admitted = createAdmissionMeter(settings);
  const answers = createAnswerMeter();

  async function answer(request: Request, deploymentInPath: string | undefined): Promise<Reply> {
    if (!hasCredential(request.headers)) return replies.unauthorized;
    const call = parseChatRequest(await request.text());
    if (!isChatRequest(call)) return replies.invalidRequest(call.message, call.param);
    const deployment = deploymentInPath ?? call.model;
    if (deployment === undefined) return replies.invalidRequest("Missing required parameter: 'model'.", 'model');
    if (!settings.deployments.includes(deployment)) return replies.deploymentNotFound;

    const estimate = Math.ceil(call.promptCharacters / 4) + call.maxCompletionTokens;
    const nowMs = clock.nowMs();
    const verdict = admission.admit(nowMs, estimate);
    if (!verdict.limitedBy) admitted.admitted(nowMs, estimate);
    const reply = verdict.limitedBy
      ? replies.throttled(verdict.limitedBy, verdict.retryAfterMs, deployment, settings)
      : await answerAdmitted(call, deployment, request.signal);
    return { ...reply, headers: { ...replies.limitHeaders(verdict, settings.rateLimitHeaders), ...reply.headers } };
  }

  async function answerAdmitted(call: ChatRequest, deployment: string, signal: AbortSignal): Promise<Reply> {
    const fault = faults.next(call.issueId, call.issueText);
    if (fault?.reply === 'reset') throw new ConnectionReset('the simulator cuts this connection');
    if (fault?.reply === 'timeout') return never(signal);
    const refusal = refusalOf(call, fault, deployment, settings);
    const latencyMs = drawLatencyMs(settings, call.issueId);
    if (refusal === undefined || refusal.status >= 500) await takeTime(latencyMs, clock, signal);
    if (refusal) return refusal;
    const cachedTokens = prompts.see(deployment, call.messages);
    const nowMs = clock.nowMs();
    const completion = completionReply({ call, fault: answerFault(fault), cachedTokens, settings, nowMs });
    const times = completion.isComplete ? log.answered(call.promptId) : 0;
    answers.answered({ tokens: completion.tokens, latencyMs, isRepeated: times > 1 });
    return completion.reply;
  }

  return {
    async complete(request, deploymentInPath) {
      log.arrived();
      try {
        const reply = await answer(request, deploymentInPath);
        log.completed(reply.status);
        return reply;
      } catch (error) {
        log.unanswered();
        throw error;
      }
    },
    stats: log.stats,
    meters: () => ({ admitted: admitted.figures(), answers: answers.figures() }),
  };
}

async function takeTime(durationMs: number, clock: SimulatorClock, signal: AbortSignal): Promise<void> {
  if (durationMs > 0) await clock.sleep(durationMs, signal);
  signal.throwIfAborted();
}

/** True when the request brings a key or a token of any value. */
export function hasCredential(headers: Headers): boolean {
  return Boolean(headers.get('api-key')?.trim()) || /^bearer\s+\S/i.test(headers.get('authorization') ?? '');
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
