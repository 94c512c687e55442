import { type Analysis, type ChatMessage, messagesFor, readAnswer, repairMessages } from '../core/analysis.ts';
import { FAILURES, type FailureCode, handlingOf, ModelCallError } from '../core/failures.ts';
import type { Issue } from '../core/issues.ts';
import { addCost, addUsage, costUsd, NO_USAGE, type Usage } from '../core/usage.ts';
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
  /** Whether a call that failed may have been billed. */
  readonly maybeBilled: boolean;
  /** Whether a call was begun after one that may have been billed. */
  readonly possiblyPaidTwice: boolean;
}

const NOTHING_SPENT: Spent = {
  calls: 0,
  usage: NO_USAGE,
  costUsd: 0,
  requestId: null,
  maybeBilled: false,
  possiblyPaidTwice: false,
};

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

/** One question: what to ask, of what, where, and how long to wait. */
interface Question {
  readonly analysis: Analysis;
  readonly deployment: string;
  readonly issue: Issue;
  readonly timeoutMs: number;
}

/**
 * Asks an analysis of an issue: one call, and where needed one quick retry, one repair, one call with more room.
 *
 * Never throws for what the service does: the caller has to account for the calls made, come what may.
 */
export async function askModel(
  model: Pick<ModelClient, 'complete'>,
  waiting: Waiting,
  question: Question,
): Promise<Asked> {
  const caller = createCaller(model, waiting, question);
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
  { analysis, issue }: Question,
): Promise<{ kind: 'answered'; answer: unknown } | { kind: 'failed'; code: FailureCode }> {
  let messages = messagesFor(analysis, issue);
  let maxCompletionTokens = analysis.maxCompletionTokens;
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
function createCaller(model: Pick<ModelClient, 'complete'>, waiting: Waiting, question: Question) {
  const { analysis, deployment, timeoutMs } = question;
  let spent = NOTHING_SPENT;
  let [retries, waits, waitedMs] = [0, 0, 0];

  /** How long to wait before the same call is made once more; throws where it is not. */
  function waitBeforeRetry(error: unknown): number {
    if (!(error instanceof ModelCallError)) throw error;
    const handling = handlingOf(error.code);
    const maybeBilled = spent.maybeBilled || (handling === 'retry' && FAILURES[error.code].maybeBilled);
    spent = { ...spent, requestId: error.requestId ?? spent.requestId, maybeBilled };
    // A call that took its whole time is not repeated at once: the function has its own time limit.
    if (handling === 'retry' && error.code !== 'timeout' && retries++ === 0)
      return QUICK_RETRY_MS.least + QUICK_RETRY_MS.spread * waiting.random();
    if (handling !== 'defer' || error.retryAfterMs === null) throw error;
    const waitMs = Math.max(error.retryAfterMs, LEAST_WAIT_MS * 2 ** waits++);
    if (waitedMs + waitMs > LONGEST_WAIT_IN_PLACE_MS) throw error;
    const delayMs = waitMs * (1 + 0.2 * waiting.random());
    waitedMs += delayMs;
    return delayMs;
  }

  const call: Call = async (messages, maxCompletionTokens) => {
    for (;;) {
      spent = {
        ...spent,
        calls: spent.calls + 1,
        possiblyPaidTwice: spent.possiblyPaidTwice || spent.maybeBilled,
      };
      try {
        const completion = await model.complete({ deployment, analysis, messages, maxCompletionTokens, timeoutMs });
        const { usage, model: modelName, requestId } = completion;
        const cost = addCost(spent.costUsd, costUsd(usage, modelName));
        spent = { ...spent, usage: addUsage(spent.usage, usage), costUsd: cost, requestId };
        return completion;
      } catch (error) {
        await waiting.sleep(waitBeforeRetry(error));
      }
    }
  };

  return { call, spent: () => spent };
}
