import { askModel } from '../../src/activities/ask-model.ts';
import { estimatedPromptTokens, messagesFor } from '../../src/core/analysis.ts';
import { FAILURES, type FailureCode } from '../../src/core/failures.ts';
import { triage } from '../../src/core/triage.ts';
import type { Completion } from '../../src/services/azure-openai.ts';
import { createServiceBreaker } from '../../src/services/service-breaker.ts';
import { ANSWER, completion, manualWaiting, scriptedModel } from './activities.ts';
import { issue } from './factories.ts';

type Script = readonly [Completion | Error, ...(Completion | Error)[]];

/** Of the first call that {@link ask} makes, as the service counts on arrival. */
export const ADMISSION = estimatedPromptTokens(messagesFor(triage, issue())) + 1_200;

/** Time that a call of {@link ask} takes, answered or not. */
export const CALL_MS = 700;

/**
 * Asks `triage` of an issue by a model with that script, whose calls take {@link CALL_MS} each.
 *
 * @param changes.failuresBefore - what the breaker has seen in a row before
 */
export async function ask(
  script: Script,
  random = 0,
  changes: { maxCompletionTokens?: number; failuresBefore?: number; ending?: AbortSignal } = {},
) {
  const { maxCompletionTokens = 1_200, failuresBefore = 0, ending = new AbortController().signal } = changes;
  const scripted = scriptedModel(...script);
  const waiting = manualWaiting(random);
  const breaker = createServiceBreaker(waiting.nowMs);
  for (let n = 0; n < failuresBefore; n++) breaker.note('failed');
  const complete: typeof scripted.complete = request => {
    waiting.passMs(CALL_MS);
    return scripted.complete(request);
  };
  const question = {
    analysis: triage,
    deployment: 'gpt-4o-mini',
    issue: issue(),
    maxCompletionTokens,
    timeoutMs: 60_000,
  };
  const asked = await askModel({ model: { complete }, breaker, ending }, waiting, question);
  return { asked, requests: scripted.requests, sleeps: waiting.sleeps, breaker, nowMs: waiting.nowMs() };
}

/** An answer cut by the token limit. */
export const cutOff = completion({ text: '{"category":"b', finishReason: 'length' });
/** An answer out of range. */
export const unfit = completion({ text: JSON.stringify({ ...ANSWER, confidence: 7 }) });
/** Usage of so many completions. */
export const usageOf = (completions: number) => ({
  promptTokens: 100 * completions,
  completionTokens: 10 * completions,
  cachedTokens: 0,
});
/** All codes with one of those handlings, as the table orders them. */
export const codesHandledBy = (...handlings: string[]) =>
  (Object.keys(FAILURES) as FailureCode[]).filter(code => handlings.includes(FAILURES[code].handling));
