import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { faultSchema } from './faults.ts';
import { integerIn, numberIn, oneOf } from './ranges.ts';

/** Options of the Azure OpenAI simulator, with their defaults and ranges. */
export const openAiSimulatorOptions = z.strictObject({
  /** One seed = one run: latencies, faults and free choices follow from it and from the issues. */
  seed: integerIn(0, 2_147_483_647).default(1),
  /** Mean time to an answer in milliseconds; 0 = at once. */
  latencyMs: numberIn(0, 600_000).default(400),
  /** Spread of the latency: standard deviation over mean. */
  latencyCv: numberIn(0, 5).default(0.6),
  /** Deployments that exist; calls to any other get 404. */
  deployments: z.array(z.string().min(1)).min(1).default(['gpt-4o-mini']),
  /** Model behind every deployment, as named in answers. */
  model: z.string().min(1).default('gpt-4o-mini-2024-07-18'),
  /** Context window; a longer prompt gets 400 `context_length_exceeded`. */
  contextTokens: integerIn(100, 10_000_000).default(128_000),
  /** Admission in tokens; the default is more than one machine can send, so it does not limit. */
  tokensPerMinute: integerIn(1, 1_000_000_000).default(1_000_000_000),
  /** Admission in requests; the default is more than one machine can send, so it does not limit. */
  requestsPerMinute: integerIn(1, 1_000_000).default(1_000_000),
  /** Window that allows its share of the requests per minute; Azure has been seen with 1 and 10 s. */
  sliceSeconds: integerIn(1, 60).default(1),
  /** The same for tokens; 60 = only the minute counts. */
  tokenSliceSeconds: integerIn(1, 60).default(60),
  /** `missing`: no rate-limit header and no retry-after at all; `minusOne`: limit and remaining -1, reset 0, no retry-after. */
  rateLimitHeaders: oneOf(['normal', 'missing', 'minusOne']).default('normal'),
  /** Wording and headers of a 429, of which Azure has had several. */
  throttleForm: oneOf(['standard', 'short', 'current', 'capacity', 'legacy']).default('standard'),
  /** Faults to answer with; the first line that applies to a call wins. */
  faults: z.array(faultSchema).default([]),
  /** Puts the text into the bodies of 400 and 5xx, as real services may. */
  quoteInErrors: z.boolean({ error: 'must be true or false' }).default(false),
});

/** Where the simulator takes time from. */
export interface SimulatorClock {
  /** Milliseconds since 1970, UTC. */
  nowMs(): number;
  /** Resolves after the time; rejects when the signal aborts. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

/** The machine's clock. */
export const systemClock: SimulatorClock = {
  nowMs: () => Date.now(),
  sleep: (durationMs, signal) => delay(durationMs, undefined, { signal }),
};

/** What the caller may give; everything has a default. */
export type OpenAiSimulatorOptions = z.input<typeof openAiSimulatorOptions> & { readonly clock?: SimulatorClock };

/** The options after parsing. */
export type OpenAiSimulatorSettings = z.output<typeof openAiSimulatorOptions>;
