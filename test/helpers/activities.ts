import { InvocationContext } from '@azure/functions';
import type { ActivityHandler } from 'durable-functions';
import type { Waiting } from '../../src/activities/ask-model.ts';
import type { ServiceLimits } from '../../src/core/capacity/messages.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import type { Completion, CompletionRequest, ModelClient } from '../../src/services/azure-openai.ts';
import { NOON_MS } from './factories.ts';

/** An answer of category `bug` and priority `high` that fits the analysis `triage`. */
export const ANSWER = {
  category: 'bug',
  priority: 'high',
  priorityReason: 'Saving is broken.',
  component: null,
  summary: 'Saving fails on a full disk.',
  labels: ['disk'],
  missingInformation: [],
  language: 'en',
  confidence: 0.8,
};

/** A completion with {@link ANSWER}: 100 prompt tokens, 10 completion tokens of gpt-4o-mini, $0.000021. */
export function completion(changes: Partial<Completion> = {}): Completion {
  return {
    text: JSON.stringify(ANSWER),
    refused: false,
    finishReason: 'stop',
    usage: { promptTokens: 100, completionTokens: 10, cachedTokens: 0 },
    model: 'gpt-4o-mini',
    requestId: 'req-1',
    limits: null,
    ...changes,
  };
}

/** What one completion of {@link completion} costs. */
export const CALL_USD = 0.000021;

/** A throttle that asks to wait. */
export function throttled(retryAfterMs: number | null, limits: ServiceLimits | null = null): ModelCallError {
  return new ModelCallError('rate_limited', { status: 429, retryAfterMs, limits });
}

/** A model that answers, or throws, one entry after the other; the last one for ever. */
export function scriptedModel(...script: readonly [Completion | Error, ...(Completion | Error)[]]) {
  const requests: CompletionRequest[] = [];
  const complete: ModelClient['complete'] = async request => {
    const next = script[Math.min(requests.length, script.length - 1)];
    requests.push(request);
    if (next === undefined || next instanceof Error) throw next;
    return next;
  };
  return { complete, requests };
}

/** Time that passes only by sleeping, from noon on; chance is a constant, 0 unless given. */
export function manualWaiting(
  random = 0,
): Waiting & { passMs(durationMs: number): void; readonly sleeps: readonly number[] } {
  const sleeps: number[] = [];
  let nowMs = NOON_MS;
  return {
    sleeps,
    nowMs: () => nowMs,
    passMs(durationMs) {
      nowMs += durationMs;
    },
    random: () => random,
    async sleep(delayMs) {
      sleeps.push(delayMs);
      nowMs += delayMs;
    },
  };
}

/** Calls an activity as the engine does; what it logs goes to `logged`. */
export async function runActivity<T>(handler: ActivityHandler, input: unknown, logged: unknown[] = []): Promise<T> {
  const context = new InvocationContext({ logHandler: (_level, ...args) => logged.push(...args) });
  return (await handler(input, context)) as T;
}

/** What an activity throws; fails where it throws nothing. */
export async function thrownBy(running: Promise<unknown>): Promise<Error> {
  const outcome = await running.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('error' in outcome && outcome.error instanceof Error) return outcome.error;
  throw new Error(`Expected an Error, but got ${JSON.stringify(outcome)}`);
}
