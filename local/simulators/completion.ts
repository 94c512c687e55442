import { writeAnswer, writeText } from './answer.ts';
import type { ChatRequest } from './chat-request.ts';
import type { Fault, FaultName } from './faults.ts';
import type { OpenAiSimulatorSettings } from './openai-options.ts';
import { readIssue } from './reading/reading.ts';
import { completionFilterResults, promptFilterResults, type Reply } from './replies.ts';
import { isObject, type Json, type JsonObject } from './schema-tree.ts';
import { createDraw } from './seeded.ts';
import { cutToTokens, estimateTokens } from './tokens.ts';

/** Faults that still answer 200, with something else than what was asked for. */
export type AnswerFault = Extract<
  FaultName,
  'length' | 'refusal' | 'completion_filtered' | 'not_json' | 'schema_mismatch'
>;

const ANSWER_FAULTS: readonly string[] = ['length', 'refusal', 'completion_filtered', 'not_json', 'schema_mismatch'];
/** Tokens that the chat format adds to each message. */
const TOKENS_PER_MESSAGE = 4;

/** What a JSON-mode answer without a schema looks like. */
const DEFAULT_SCHEMA: JsonObject = {
  type: 'object',
  properties: {
    category: { type: 'string', enum: ['bug', 'feature_request', 'question', 'other'] },
    priority: { type: 'string', enum: ['critical', 'high', 'medium', 'low'] },
    summary: { type: 'string' },
  },
};

/** The fault's name when it is one of the answer's content. */
export function answerFault(fault: Fault | undefined): AnswerFault | undefined {
  return ANSWER_FAULTS.find((name): name is AnswerFault => name === fault?.reply);
}

interface CompletionInput {
  readonly call: ChatRequest;
  readonly fault: AnswerFault | undefined;
  readonly cachedTokens: number;
  readonly settings: OpenAiSimulatorSettings;
  readonly nowMs: number;
}

interface Content {
  readonly text: string | null;
  readonly refusal: string | null;
  readonly finishReason: 'stop' | 'length' | 'content_filter';
}

/** A 200 with the answer. */
interface CompletionReply {
  readonly reply: Reply;
  /** False when the answer was cut or filtered. */
  readonly isComplete: boolean;
  /** Tokens that are billed for it, prompt and answer. */
  readonly tokens: number;
}

/** Writes the answer to a call that was let in. */
export function completionReply(input: CompletionInput): CompletionReply {
  const { call, settings, nowMs } = input;
  const content = contentOf(input);
  // The service puts the schema of the answer into the prompt, and bills it.
  const schemaTokens = call.schema ? estimateTokens(JSON.stringify(call.schema)) : 0;
  const promptTokens = call.messages.reduce(
    (sum, message) => sum + estimateTokens(message.content) + TOKENS_PER_MESSAGE,
    schemaTokens,
  );
  const completionTokens = Math.max(1, estimateTokens(content.text ?? content.refusal ?? ''));
  const body = {
    id: `chatcmpl-${call.promptId}`,
    object: 'chat.completion',
    created: Math.floor(nowMs / 1000),
    model: settings.model,
    system_fingerprint: 'fp_fanfold_simulator',
    prompt_filter_results: [{ prompt_index: 0, content_filter_results: promptFilterResults }],
    choices: [
      {
        index: 0,
        finish_reason: content.finishReason,
        logprobs: null,
        content_filter_results: completionFilterResults,
        message: { role: 'assistant', content: content.text, refusal: content.refusal, annotations: [] },
      },
    ],
    usage: {
      prompt_tokens: promptTokens,
      completion_tokens: completionTokens,
      total_tokens: promptTokens + completionTokens,
      prompt_tokens_details: { cached_tokens: Math.min(input.cachedTokens, promptTokens), audio_tokens: 0 },
      completion_tokens_details: {
        reasoning_tokens: 0,
        audio_tokens: 0,
        accepted_prediction_tokens: 0,
        rejected_prediction_tokens: 0,
      },
    },
  };
  const headers = {
    'azureml-model-session': 'simulator',
    'x-ms-deployment-name': call.model ?? settings.model,
    'x-accel-buffering': 'no',
  };
  return {
    reply: { status: 200, body, headers },
    isComplete: content.finishReason === 'stop',
    tokens: body.usage.total_tokens,
  };
}

function contentOf({ call, fault, settings }: CompletionInput): Content {
  const done = { refusal: null, finishReason: 'stop' as const };
  if (fault === 'refusal') return { ...done, text: null, refusal: "I'm sorry, but I can't assist with that request." };
  if (fault === 'completion_filtered') return { text: '', refusal: null, finishReason: 'content_filter' };
  if (fault === 'not_json') return { ...done, text: 'Sure! Here is the analysis you asked for: it looks fine to me.' };
  const answer = answerOf(call, settings.seed);
  const text = fault === 'schema_mismatch' ? JSON.stringify(spoiled(answer)) : textOf(answer);
  const room = fault === 'length' ? Math.floor(estimateTokens(text) / 2) : call.maxCompletionTokens;
  if (estimateTokens(text) <= room) return { ...done, text };
  return { text: cutToTokens(text, room), refusal: null, finishReason: 'length' };
}

function answerOf(call: ChatRequest, seed: number): Json {
  const reading = readIssue(call.issueText);
  if (call.format === 'text') return writeText(reading);
  return writeAnswer(call.schema ?? DEFAULT_SCHEMA, reading, createDraw(seed, 'answer', call.issueId));
}

function textOf(answer: Json): string {
  return typeof answer === 'string' ? answer : JSON.stringify(answer);
}

/** The answer without its first member, which no strict schema allows; a list where there is none to leave out. */
function spoiled(answer: Json): Json {
  const members = isObject(answer) ? Object.entries(answer) : [];
  return members.length === 0 ? [] : Object.fromEntries(members.slice(1));
}
