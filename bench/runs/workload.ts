import { zodResponseFormat } from 'openai/helpers/zod';
import { issueIdOf } from '../../local/simulators/chat-request.ts';
import { drawLatencyMs } from '../../local/simulators/latency.ts';
import { analysisNamed } from '../../src/core/analyses.ts';
import { messagesFor } from '../../src/core/analysis.ts';
import type { Issue } from '../../src/core/issues.ts';
import { type IssueOptions, inventIssues } from './issues.ts';

/** Mean of the drawn latencies. */
export const LATENCY_MS = 4_000;
const LATENCY_CV = 0.6;

/** The deployment that the simulators have; named like its model, so that its prices are known. */
export const DEPLOYMENT = 'gpt-4o-mini';

/** What every contender asks, whatever the issue. */
export interface Question {
  readonly deployment: string;
  readonly instructions: string;
  readonly maxCompletionTokens: number;
  readonly responseFormat: object;
}

/** An issue as it is asked, and what the simulator will make of it. */
export interface Call {
  /** The message that holds the issue. */
  readonly text: string;
  /** By the service's rule of admission: ceil(prompt characters / 4) + room for the answer. */
  readonly tokens: number;
  /** How long the answer will take: drawn by the simulator from its seed and the text. */
  readonly latencyMs: number;
}

/** Issues to be worked off. */
export interface Workload {
  readonly seed: number;
  readonly issues: readonly Issue[];
  /** One for each issue, in the same order. */
  readonly calls: readonly Call[];
  /** Without those that repeat an earlier one. */
  readonly distinct: readonly Call[];
}

/** How the simulators of a seed draw their latencies. */
export function latencyOptions(seed: number, latencyMs = LATENCY_MS) {
  return { seed, latencyMs, latencyCv: LATENCY_CV };
}

const analysis = analysisNamed('triage');

/** The question of the built-in analysis, as the app puts it. */
export function questionAsked(): Question {
  const { instructions, maxCompletionTokens, wireSchema, name } = analysis;
  return {
    deployment: DEPLOYMENT,
    instructions,
    maxCompletionTokens,
    responseFormat: zodResponseFormat(wireSchema, name),
  };
}

function callOf(seed: number, issue: Issue, answerTokens: number): Call {
  const messages = messagesFor(analysis, issue);
  const text = messages.at(-1)?.content ?? '';
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  return {
    text,
    tokens: Math.ceil(characters / 4) + answerTokens,
    latencyMs: drawLatencyMs(latencyOptions(seed), issueIdOf(text)),
  };
}

/**
 * Invents issues and asks the simulator's dice about them.
 *
 * @param options.seed - of the simulator
 * @param options.answerTokens - room for each answer; default what the analysis asks for
 * @param options.family - issues of other families differ throughout, though the simulator's seed is the same. Default 0
 */
export function createWorkload({
  seed,
  family = 0,
  answerTokens = analysis.maxCompletionTokens,
  ...rest
}: IssueOptions & { readonly family?: number; readonly answerTokens?: number }): Workload {
  const issues = inventIssues({ ...rest, seed: seed + 1_000_000 * family });
  const calls = issues.map(issue => callOf(seed, issue, answerTokens));
  return { seed, issues, calls, distinct: [...new Map(calls.map(call => [call.text, call])).values()] };
}

/** What bounds a case. Limits are per minute; undefined = none. */
export interface Bounds {
  readonly concurrency: number;
  readonly tokensPerMinute?: number;
  readonly requestsPerMinute?: number;
}

/** The least time for a workload, and what it comes from. */
export interface LowerBound {
  readonly lengthMs: number;
  readonly by: 'concurrency' | 'longest call' | 'tokens' | 'requests';
}

const MINUTE_MS = 60_000;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/**
 * What nobody can beat who asks each distinct issue once: all latencies over the calls at one time, the longest of them, and
 * the time in which the limits admit so many tokens and requests when nothing was saved up before.
 *
 * Limits count in minutes of the clock, so who comes in the middle of one finds the whole of it unused: by so much, at most
 * two minutes' worth in all, a burst can be below this bound.
 */
export function lowerBoundOf({ distinct }: Pick<Workload, 'distinct'>, bounds: Bounds): LowerBound {
  const { concurrency, tokensPerMinute = Infinity, requestsPerMinute = Infinity } = bounds;
  const latencies = distinct.map(({ latencyMs }) => latencyMs);
  const lengthsMs: Record<LowerBound['by'], number> = {
    concurrency: sum(latencies) / concurrency,
    'longest call': Math.max(...latencies),
    tokens: (sum(distinct.map(({ tokens }) => tokens)) / tokensPerMinute) * MINUTE_MS,
    requests: (distinct.length / requestsPerMinute) * MINUTE_MS,
  };
  const longest = Object.entries(lengthsMs).reduce((a, b) => (b[1] > a[1] ? b : a));
  return { by: longest[0] as LowerBound['by'], lengthMs: longest[1] };
}

/**
 * Tokens per minute that allow a share of what so many calls at one time would use up.
 *
 * @param share - 1 = as much as they would use
 */
export function tokensPerMinuteFor({ distinct }: Workload, concurrency: number, share: number): number {
  const tokensEach = sum(distinct.map(({ tokens }) => tokens)) / distinct.length;
  return Math.round((share * concurrency * MINUTE_MS * tokensEach) / LATENCY_MS);
}
