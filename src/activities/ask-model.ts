import { type Analysis, type ChatMessage, messagesFor, readAnswer, repairMessages } from '../core/analysis.ts';
import { type FailureCode, ModelCallError, handlingOf } from '../core/failures.ts';
import type { Issue } from '../core/issues.ts';
import { NO_USAGE, type Usage, addCost, addUsage, costUsd } from '../core/usage.ts';
import type { Completion, ModelClient } from '../services/azure-openai.ts';

/** What asking came to, and what it took whatever it came to. */
export type Asked = Spent &
  (
    | { readonly kind: 'answered'; readonly answer: unknown }
    | { readonly kind: 'failed'; readonly code: FailureCode }
    | { readonly kind: 'interrupted'; readonly error: ModelCallError }
  );

interface Spent {
  readonly calls: number;
  readonly usage: Usage;
  readonly costUsd: number | null;
  readonly requestId: string | null;
}

/** Time and chance, given from outside so that a test decides on them. */
export interface Waiting {
  sleep(delayMs: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

/** The service's wishes to wait are followed on the spot up to so long in all; longer ones defer the issue. */
const LONGEST_WAIT_IN_PLACE_MS = 5_000;
/** Of the first such wait, doubled with each, so that a service which asks for next to none is not hammered. */
const LEAST_WAIT_MS = 50;
const QUICK_RETRY_MS = { least: 200, spread: 800 };

/**
 * Asks an analysis of an issue: one call, and where needed one quick retry, one repair, one call with more room.
 *
 * Never throws for what the service does: the caller has to account for the calls made, come what may.
 */
export async function askModel(
  model: Pick<ModelClient, 'complete'>,
  waiting: Waiting,
  question: { readonly analysis: Analysis; readonly deployment: string; readonly issue: Issue; readonly timeoutMs: number },
): Promise<Asked> {
  const { analysis, deployment, issue, timeoutMs } = question;
  let spent: Spent = { calls: 0, usage: NO_USAGE, costUsd: 0, requestId: null };
  let [retries, waits, waitedMs] = [0, 0, 0];

  async function call(messages: readonly ChatMessage[], maxCompletionTokens: number): Promise<Completion> {
    for (;;) {
      spent = { ...spent, calls: spent.calls + 1 };
      try {
        const completion = await model.complete({ deployment, analysis, messages, maxCompletionTokens, timeoutMs });
        spent = {
          ...spent,
          usage: addUsage(spent.usage, completion.usage),
          costUsd: addCost(spent.costUsd, costUsd(completion.usage, completion.model)),
          requestId: completion.requestId,
        };
        return completion;
      } catch (error) {
        await waiting.sleep(waitBeforeRetry(error));
      }
    }
  }

  /** How long to wait before the same call is made once more; throws where it is not. */
  function waitBeforeRetry(error: unknown): number {
    if (!(error instanceof ModelCallError)) throw error;
    spent = { ...spent, requestId: error.requestId ?? spent.requestId };
    const handling = handlingOf(error.code);
    if (handling === 'retry' && retries++ === 0) return QUICK_RETRY_MS.least + QUICK_RETRY_MS.spread * waiting.random();
    if (handling !== 'defer' || error.retryAfterMs === null) throw error;
    const waitMs = Math.max(error.retryAfterMs, LEAST_WAIT_MS * 2 ** waits++);
    if (waitedMs + waitMs > LONGEST_WAIT_IN_PLACE_MS) throw error;
    const delayMs = waitMs * (1 + 0.2 * waiting.random());
    waitedMs += delayMs;
    return delayMs;
  }

  async function ask(): Promise<{ kind: 'answered'; answer: unknown } | { kind: 'failed'; code: FailureCode }> {
    let messages = messagesFor(analysis, issue);
    let maxCompletionTokens = analysis.maxCompletionTokens;
    let failure: FailureCode = 'invalid_output';
    for (let round = 0; round < 2; round++) {
      const { text, refused, finishReason } = await call(messages, maxCompletionTokens);
      if (refused) return { kind: 'failed', code: 'refused' };
      if (finishReason === 'content_filter') return { kind: 'failed', code: 'content_filter' };
      if (finishReason === 'length') {
        failure = 'output_cut_off';
        maxCompletionTokens = 2 * analysis.maxCompletionTokens;
        continue;
      }
      const read = readAnswer(analysis, text ?? '');
      if (read.fits) return { kind: 'answered', answer: read.answer };
      failure = 'invalid_output';
      messages = repairMessages(messages, text ?? '', read.fault);
    }
    return { kind: 'failed', code: failure };
  }

  try {
    const came = await ask();
    return { ...spent, ...came };
  } catch (error) {
    if (!(error instanceof ModelCallError)) throw error;
    const settles = handlingOf(error.code) === 'settle' || handlingOf(error.code) === 'stop';
    return settles ? { ...spent, kind: 'failed', code: error.code } : { ...spent, kind: 'interrupted', error };
  }
}
