import fc from 'fast-check';
import type { OpenAiSimulatorOptions, SimulatorClock } from '../../local/simulators/openai-options.ts';
import { createOpenAiSimulator, type OpenAiSimulator } from '../../local/simulators/openai-simulator.ts';
import type { Json, JsonObject } from '../../local/simulators/schema-tree.ts';

/** A clock that stands until it is moved. */
export interface SteppedClock extends SimulatorClock {
  /** Moves on and wakes who is due. */
  advance(durationMs: number): void;
  /** Resolves as soon as so many calls sleep. */
  untilSleeping(count: number): Promise<void>;
  /** Every duration that was slept, in order. */
  readonly slept: readonly number[];
}

/** Makes a clock at the given instant; the default lies on a full minute. */
export function createSteppedClock(startMs = 60_000 * 30_000_000): SteppedClock {
  let nowMs = startMs;
  const slept: number[] = [];
  const sleepers = new Set<{ readonly atMs: number; readonly wake: () => void }>();
  const watchers = new Set<{ readonly count: number; readonly tell: () => void }>();
  return {
    slept,
    nowMs: () => nowMs,
    sleep(durationMs, signal) {
      slept.push(durationMs);
      return new Promise((resolve, reject) => {
        const sleeper = { atMs: nowMs + durationMs, wake: resolve };
        sleepers.add(sleeper);
        signal.addEventListener('abort', () => {
          sleepers.delete(sleeper);
          reject(signal.reason);
        });
        for (const { count, tell } of watchers) if (sleepers.size >= count) tell();
      });
    },
    advance(durationMs) {
      nowMs += durationMs;
      for (const sleeper of sleepers) {
        if (sleeper.atMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
    },
    untilSleeping: count =>
      new Promise(resolve => {
        if (sleepers.size >= count) resolve();
        else watchers.add({ count, tell: resolve });
      }),
  };
}

/** A simulator that answers at once, unless told otherwise. */
export function instantSimulator(options: OpenAiSimulatorOptions = {}): OpenAiSimulator {
  return createOpenAiSimulator({ latencyMs: 0, ...options });
}

/** A strict object schema of the given properties. */
export function strictObject(properties: Record<string, Json>): JsonObject {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

/** The schema that the tests ask for when they do not care. */
export const smallSchema = strictObject({
  category: { type: 'string', enum: ['bug', 'feature_request', 'question', 'other'] },
  summary: { type: 'string' },
});

/** What a chat call may set. */
export interface ChatCall {
  readonly text?: string;
  readonly system?: string;
  readonly schema?: Json;
  readonly body?: Record<string, Json>;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** A chat request for the simulator. */
export function chatRequest({
  text = 'Title: App crashes',
  system = 'Triage the issue.',
  schema,
  body,
  ...rest
}: ChatCall = {}): Request {
  const { path = '/openai/v1/chat/completions', headers = { 'api-key': 'any' }, signal } = rest;
  return new Request(`http://simulator${path}`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      model: 'gpt-4o-mini',
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: text },
      ],
      max_completion_tokens: 500,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'triage', strict: true, schema: schema ?? smallSchema },
      },
      ...body,
    }),
    ...(signal ? { signal } : {}),
  });
}

/** The parts of a chat answer that tests look at. */
export interface ChatAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly content: string | null;
  readonly refusal: string | null;
  readonly finishReason: string | undefined;
  readonly usage: Usage;
  readonly error: { readonly code?: string | null; readonly message?: string; readonly param?: string | null };
  readonly body: Record<string, unknown>;
}

/** Token counts of an answer; all 0 for errors. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
  readonly prompt_tokens_details: { readonly cached_tokens: number };
}

interface CompletionBody {
  readonly error?: ChatAnswer['error'];
  readonly usage?: Usage;
  readonly choices?: readonly {
    readonly finish_reason: string;
    readonly message: { readonly content: string | null; readonly refusal: string | null };
  }[];
}

const NO_USAGE: Usage = {
  prompt_tokens: 0,
  completion_tokens: 0,
  total_tokens: 0,
  prompt_tokens_details: { cached_tokens: 0 },
};

/** Sends a chat call and takes the answer apart. */
export async function chat(simulator: OpenAiSimulator, call: ChatCall = {}): Promise<ChatAnswer> {
  const response = await simulator.handle(chatRequest(call));
  const text = await response.text();
  const isJson = response.headers.get('content-type') === 'application/json';
  const body = (isJson ? JSON.parse(text) : { text }) as CompletionBody & Record<string, unknown>;
  const choice = body.choices?.[0];
  return {
    status: response.status,
    headers: response.headers,
    content: choice?.message.content ?? null,
    refusal: choice?.message.refusal ?? null,
    finishReason: choice?.finish_reason,
    usage: body.usage ?? NO_USAGE,
    error: body.error ?? {},
    body,
  };
}

const propertyName = fc.constantFrom(
  ...['category', 'priority', 'priorityReason', 'component', 'summary', 'labels', 'missingInformation', 'language'],
  ...[
    'confidence',
    'isDuplicate',
    'steps',
    'effort',
    'sentiment',
    'x',
    'foo_bar',
    'rootCause',
    'nextAction',
    'version',
  ],
);

const leafSchema: fc.Arbitrary<JsonObject> = fc.oneof(
  fc.constantFrom<JsonObject>(
    { type: 'string' },
    { type: 'number' },
    { type: 'integer' },
    { type: 'boolean' },
    { type: 'null' },
  ),
  fc.constantFrom<JsonObject>(
    { type: ['string', 'null'] },
    { type: ['integer', 'null'] },
    { type: ['boolean', 'null'] },
  ),
  fc
    .uniqueArray(fc.string({ maxLength: 8 }), { minLength: 1, maxLength: 6 })
    .map(values => ({ type: 'string', enum: values })),
  fc.uniqueArray(fc.integer(), { minLength: 1, maxLength: 4 }).map(values => ({ type: 'integer', enum: values })),
  fc.oneof(fc.string(), fc.integer(), fc.boolean()).map(value => ({ const: value })),
  fc.constant<JsonObject>({ $ref: '#/$defs/shared' }),
);

const branchSchema = fc.letrec<{ node: JsonObject; object: JsonObject }>(tie => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leafSchema,
    tie('node').map(items => ({ type: 'array', items })),
    fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map(anyOf => ({ anyOf })),
    tie('node').map(node => ({ anyOf: [node, { type: 'null' }] })),
    // Recursion that a list or a null can end.
    fc.constantFrom<JsonObject>({ type: 'array', items: { $ref: '#' } }, { anyOf: [{ $ref: '#' }, { type: 'null' }] }),
    tie('object'),
  ),
  object: fc.dictionary(propertyName, tie('node'), { maxKeys: 4 }).map(strictObject),
}));

/** Root schemas of any shape that `strict` allows, recursive ones too, nested at most four objects deep. */
export const strictRootSchema: fc.Arbitrary<JsonObject> = fc
  .tuple(fc.dictionary(propertyName, branchSchema.node, { maxKeys: 6 }), leafSchema)
  .map(([properties, shared]) => ({
    ...strictObject(properties),
    $defs: { shared: shared['$ref'] === undefined ? shared : { type: 'string' } },
  }));
