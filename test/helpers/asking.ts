import { askModel } from '../../src/activities/ask-model.ts';
import { FAILURES, type FailureCode } from '../../src/core/failures.ts';
import { triage } from '../../src/core/triage.ts';
import type { Completion } from '../../src/services/azure-openai.ts';
import { ANSWER, completion, manualWaiting, scriptedModel } from './activities.ts';
import { issue } from './factories.ts';

type Script = readonly [Completion | Error, ...(Completion | Error)[]];

/** Asks `triage` of an issue by a model with that script. */
export async function ask(script: Script, random = 0) {
  const model = scriptedModel(...script);
  const waiting = manualWaiting(random);
  const question = { analysis: triage, deployment: 'gpt-4o-mini', issue: issue(), timeoutMs: 60_000 };
  const asked = await askModel(model, waiting, question);
  return { asked, requests: model.requests, sleeps: waiting.sleeps };
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
