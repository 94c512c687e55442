import { z } from 'zod';
import { hasIssueMarks } from './reading/issue-text.ts';
import { isObject, type JsonObject, leastHeights } from './schema-tree.ts';
import { fingerprint } from './seeded.ts';
import { findStrictFault } from './strict-schema.ts';

/** Tokens that are reserved for the answer when the caller sets no limit: the most the model can write. */
const MODEL_MAX_COMPLETION_TOKENS = 16_384;

const contentSchema = z
  .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() })), z.null()])
  .default(null)
  .transform(content => (Array.isArray(content) ? content.map(part => part.text ?? '').join('\n') : (content ?? '')));

const bodySchema = z.looseObject({
  model: z.string().optional(),
  messages: z
    .array(
      z.looseObject({
        role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
        content: contentSchema,
      }),
    )
    .min(1),
  max_completion_tokens: z.int().min(1).nullish(),
  max_tokens: z.int().min(1).nullish(),
  n: z.literal(1).nullish(),
  stream: z.literal(false).nullish(),
  response_format: z
    .discriminatedUnion('type', [
      z.looseObject({ type: z.literal('text') }),
      z.looseObject({ type: z.literal('json_object') }),
      z.looseObject({
        type: z.literal('json_schema'),
        json_schema: z.looseObject({
          name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
          strict: z.boolean().nullish(),
          schema: z.custom<JsonObject>(isObject, 'must be an object').optional(),
        }),
      }),
    ])
    .nullish(),
});

/** What the simulator needs to know of a chat call. */
export interface ChatRequest {
  readonly model: string | undefined;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  /** The user message that holds the issue, as sent. */
  readonly issueText: string;
  /** Names the issue in counters and draws, so that no text has to be kept. */
  readonly issueId: string;
  /** Names the whole prompt: equal for calls that would be paid for twice. */
  readonly promptId: string;
  readonly promptCharacters: number;
  /** Tokens the answer may have. */
  readonly maxCompletionTokens: number;
  readonly format: 'text' | 'json_object' | 'json_schema';
  /** Schema of the answer, only with `json_schema`. */
  readonly schema: JsonObject | undefined;
}

/** A request that is refused with 400. */
export interface BadRequest {
  readonly message: string;
  readonly param: string | null;
}

/** Reads the body of a chat call; anything that Azure would refuse comes back as a `BadRequest`. */
export function parseChatRequest(bodyText: string): ChatRequest | BadRequest {
  const json = parseJson(bodyText);
  if (json === undefined) return { message: 'We could not parse the JSON body of your request.', param: null };
  const parsed = bodySchema.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const param = issue?.path.map(String).join('.') || null;
    return { message: `Invalid value for '${param ?? 'body'}': ${issue?.message ?? 'not valid'}.`, param };
  }
  const { data } = parsed;
  const format = data.response_format ?? { type: 'text' as const };
  if (format.type === 'json_schema') {
    const { name, strict, schema } = format.json_schema;
    const problem = schemaProblem(schema, strict === true);
    if (problem !== undefined) {
      return { message: `Invalid schema for response_format '${name}': ${problem}.`, param: 'response_format' };
    }
  }
  const issueText = issueTextOf(data.messages);
  return {
    model: data.model,
    messages: data.messages,
    issueText,
    issueId: issueIdOf(issueText),
    promptId: fingerprint(JSON.stringify([data.model, data.messages])),
    promptCharacters: data.messages.reduce((sum, message) => sum + message.content.length, 0),
    maxCompletionTokens: data.max_completion_tokens ?? data.max_tokens ?? MODEL_MAX_COMPLETION_TOKENS,
    format: format.type,
    schema: format.type === 'json_schema' ? format.json_schema.schema : undefined,
  };
}

/** Names an issue by the message that holds it, as sent. */
export function issueIdOf(issueText: string): string {
  return fingerprint(issueText);
}

/** True for a call that was read; false for one to refuse. */
export function isChatRequest(request: ChatRequest | BadRequest): request is ChatRequest {
  return 'messages' in request;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function schemaProblem(schema: JsonObject | undefined, strict: boolean): string | undefined {
  if (schema === undefined) return "'schema' is a required property";
  const fault = strict ? findStrictFault(schema) : undefined;
  if (fault) return `In context=(${fault.context.map(part => `'${part}'`).join(', ')}), ${fault.problem}`;
  const height = leastHeights(schema).get(schema) ?? Number.POSITIVE_INFINITY;
  return Number.isFinite(height) ? undefined : 'In context=(), no finite value fits the schema';
}

/** The last user message that looks like an issue (a repair request after it does not), else the last user message. */
function issueTextOf(messages: readonly { readonly role: string; readonly content: string }[]): string {
  const fromUser = messages.filter(message => message.role === 'user').map(message => message.content);
  return fromUser.findLast(hasIssueMarks) ?? fromUser.at(-1) ?? messages.at(-1)?.content ?? '';
}
