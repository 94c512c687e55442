import {
  type Analysis,
  type ChatMessage,
  estimatedPromptTokens,
  messagesFor,
  readAnswer,
  repairMessages,
} from '../core/analysis.ts';
import { type FailureCode, handlingOf, ModelCallError } from '../core/failures.ts';
import type { Issue } from '../core/issues.ts';
import type { SpentMs } from '../core/ledger.ts';
import type { Completion, ModelClient } from '../services/azure-openai.ts';
import type { ServiceBreaker } from '../services/service-breaker.ts';
import { NOTHING_SPENT, type Spent, withAnswer, withCall, withFailure, withTime } from './spent.ts';

/** What asking came to, and what it took whatever it came to. */
export type Asked = Spent &
  (
    | { readonly kind: 'answered'; readonly answer: unknown }
    | { readonly kind: 'failed'; readonly code: FailureCode }
    | { readonly kind: 'interrupted'; readonly error: ModelCallError }
  );

/** Time and chance, given from outside so that a test decides on them. */
export interface Waiting {
  /** Milliseconds since 1970. */
  nowMs(): number;
  sleep(delayMs: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

/** The service's wishes to wait are followed on the spot up to so long in all; longer ones defer the issue. */
const LONGEST_WAIT_IN_PLACE_MS = 5_000;
/** Of the first such wait, doubled with each, so that a service which asks for next to none is not hammered. */
const LEAST_WAIT_MS = 50;
const QUICK_RETRY_MS = { least: 200, spread: 800 };

/** One question: what to ask, of what, where, and how long to wait. */
interface Question {
  readonly analysis: Analysis;
  readonly deployment: string;
  readonly issue: Issue;
  /** Room for the answer; one that is cut gets twice the analysis' own. */
  readonly maxCompletionTokens: number;
  readonly timeoutMs: number;
}

/** The service, and when not to call it. */
export interface Callee {
  readonly model: Pick<ModelClient, 'complete'>;
  readonly breaker: Pick<ServiceBreaker, 'note' | 'hold' | 'openUntilMs' | 'mayRepeat'>;
  /** Aborted when the process begins to end: then nothing is tried again. */
  readonly ending: AbortSignal;
}

/**
 * Asks an analysis of an issue: one call, and where needed one quick retry, one repair, one call with more room.
 *
 * Never throws for what the service does: the caller has to account for the calls made, come what may. An open breaker
 * interrupts with `breaker_open`.
 */
export async function askModel(callee: Callee, waiting: Waiting, question: Question): Promise<Asked> {
  const caller = createCaller(callee, waiting, question);
  try {
    const came = await ask(caller.call, question);
    return { ...caller.spent(), ...came };
  } catch (error) {
    if (!(error instanceof ModelCallError)) throw error;
    const { code } = error;
    const isFinal = handlingOf(code) === 'settle' || handlingOf(code) === 'stop';
    return { ...caller.spent(), ...(isFinal ? { kind: 'failed', code } : { kind: 'interrupted', error }) };
  }
}

type Call = (messages: readonly ChatMessage[], maxCompletionTokens: number) => Promise<Completion>;

async function ask(
  call: Call,
  { analysis, issue, maxCompletionTokens: room }: Question,
): Promise<{ kind: 'answered'; answer: unknown } | { kind: 'failed'; code: FailureCode }> {
  let messages = messagesFor(analysis, issue);
  let maxCompletionTokens = room;
  let code: FailureCode = 'invalid_output';
  for (let round = 0; round < 2; round++) {
    const { text, refused, finishReason } = await call(messages, maxCompletionTokens);
    if (refused) return { kind: 'failed', code: 'refused' };
    if (finishReason === 'content_filter') return { kind: 'failed', code: 'content_filter' };
    if (finishReason === 'length') {
      code = 'output_cut_off';
      maxCompletionTokens = 2 * analysis.maxCompletionTokens;
      continue;
    }
    const read = readAnswer(analysis, text ?? '');
    if (read.fits) return { kind: 'answered', answer: read.answer };
    code = 'invalid_output';
    messages = repairMessages(messages, text ?? '', read.fault);
  }
  return { kind: 'failed', code };
}

/** Makes calls, waits and repeats where that is done on the spot, and keeps account. */
function createCaller({ model, breaker, ending }: Callee, waiting: Waiting, question: Question) {
  const { analysis, deployment, timeoutMs } = question;
  let spent = NOTHING_SPENT;
  let [retries, waits, waitedMs] = [0, 0, 0];

  /** How long to wait, as what, before the same call is made once more; throws where it is not. */
  function waitBeforeRetry(error: ModelCallError): { readonly kind: 'retry' | 'throttle'; readonly delayMs: number } {
    const { code, retryAfterMs } = error;
    if (ending.aborted) throw error;
    // A call that took its whole time is not repeated at once: the function has its own time limit.
    if (handlingOf(code) === 'retry' && code !== 'timeout' && breaker.mayRepeat() && retries++ === 0)
      return { kind: 'retry', delayMs: QUICK_RETRY_MS.least + QUICK_RETRY_MS.spread * waiting.random() };
    if (handlingOf(code) !== 'defer' || retryAfterMs === null) throw error;
    const waitMs = Math.max(retryAfterMs, LEAST_WAIT_MS * 2 ** waits++);
    if (waitedMs + waitMs > LONGEST_WAIT_IN_PLACE_MS) throw error;
    const delayMs = waitMs * (1 + 0.2 * waiting.random());
    waitedMs += delayMs;
    return { kind: 'throttle', delayMs };
  }

  /** Adds the time that a task takes, whatever comes of it. */
  async function timed<T>(kind: keyof SpentMs, task: () => Promise<T>): Promise<T> {
    const beganAtMs = waiting.nowMs();
    try {
      return await task();
    } finally {
      spent = withTime(spent, kind, waiting.nowMs() - beganAtMs);
    }
  }

  const call: Call = async (messages, maxCompletionTokens) => {
    const request = { deployment, analysis, messages, maxCompletionTokens, timeoutMs };
    const admission = estimatedPromptTokens(messages) + maxCompletionTokens;
    for (;;) {
      const openUntilMs = breaker.openUntilMs();
      if (openUntilMs !== null)
        throw new ModelCallError('breaker_open', { retryAfterMs: openUntilMs - waiting.nowMs() });
      spent = withCall(spent);
      const beganAtMs = waiting.nowMs();
      try {
        const completion = await timed('model', () => model.complete(request));
        breaker.note('alive', beganAtMs);
        const answeredAtMs = waiting.nowMs();
        spent = withAnswer(spent, completion, { admission, callMs: answeredAtMs - beganAtMs, answeredAtMs });
        return completion;
      } catch (error) {
        if (!(error instanceof ModelCallError)) throw error;
        breaker.note(handlingOf(error.code) === 'retry' ? 'failed' : 'alive', beganAtMs);
        if ((error.retryAfterMs ?? 0) > LONGEST_WAIT_IN_PLACE_MS) breaker.hold(error.retryAfterMs ?? 0);
        spent = withFailure(spent, error, admission);
        const { kind, delayMs } = waitBeforeRetry(error);
        await timed(kind, () => waiting.sleep(delayMs));
      }
    }
  };

  return { call, spent: () => spent };
}
