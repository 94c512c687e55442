import type { TokenCredential } from '@azure/identity';
import { expect } from 'vitest';
import { messagesFor } from '../../src/core/analysis.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import type { Settings } from '../../src/core/settings.ts';
import { triage } from '../../src/core/triage.ts';
import { type CompletionRequest, createAzureOpenAi } from '../../src/services/azure-openai.ts';
import { issue, settings } from './factories.ts';
import { noCredential } from './test-storage.ts';

/** A call of the analysis `triage` with a timeout of 10 s. */
export function request(changes: Partial<CompletionRequest> = {}): CompletionRequest {
  const messages = messagesFor(triage, issue());
  const limits = { maxCompletionTokens: 500, timeoutMs: 10_000 };
  return { deployment: 'gpt-4o-mini', analysis: triage, messages, ...limits, ...changes };
}

/** A client of that endpoint, by key unless changed, in a process that goes on. */
export function client(
  endpoint: string,
  changes: Partial<Settings> = {},
  credential: () => TokenCredential = noCredential,
  ending: AbortSignal = new AbortController().signal,
) {
  return createAzureOpenAi(settings({ endpoint, apiKey: 'key-1', ...changes }), credential, ending);
}

/** A completion as the service words it: `message` and `more` replace members. */
export function completionBody(message: object = {}, more: object = {}) {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [
      { index: 0, finish_reason: 'stop', message: { role: 'assistant', content: '{}', refusal: null, ...message } },
    ],
    usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18, prompt_tokens_details: { cached_tokens: 5 } },
    ...more,
  };
}

/** What a call fails with; fails itself where the call does not, or with anything of the SDK's. */
export async function failureOf(call: Promise<unknown>): Promise<ModelCallError> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ModelCallError)) throw new Error(`Expected a ModelCallError, but got ${String(error)}`);
  expect(error.cause).toBeUndefined();
  return error;
}
