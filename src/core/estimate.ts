import { z } from 'zod';
import { type Analysis, type ChatMessage, estimatedPromptTokens, messagesFor } from './analysis.ts';
import type { Distribution } from './forecast/log-normal.ts';
import { type Issue, isEmptyIssue } from './issues.ts';

/** What the questions of a run would send. */
export interface Estimate {
  /** One for each issue that is not empty. */
  readonly calls: number;
  readonly empty: number;
  /** As the service bills them, all calls together. */
  readonly promptTokens: number;
  /** Share of the issues' text whose tokens were counted, 0 to 1; of the rest they are estimated in proportion. */
  readonly countedShare: number;
  /** A prompt by the service's rule of admission. */
  readonly admission: Distribution;
  /** The largest of them. */
  readonly admissionMost: number;
}

/** Text beyond that is not counted token by token: 2 million characters take about half a second. */
const MOST_COUNTED_CHARACTERS = 2_000_000;
/** A chat model's format takes four tokens around each of the two messages, and three before the answer. */
const FORMAT_TOKENS = 11;

/**
 * Adds up what an analysis asks, over distinct issues.
 *
 * @param countTokens - of a text, as the model's tokenizer makes them
 */
export function createEstimator(analysis: Analysis, countTokens: (text: string) => number) {
  const sameForAll = countTokens(analysis.instructions) + countTokens(schemaText(analysis)) + FORMAT_TOKENS;
  let [calls, empty, characters, countedCharacters, countedTokens] = [0, 0, 0, 0, 0];
  let [admission, admissionSquares, admissionMost] = [0, 0, 0];
  return {
    /** @returns whether the issue is one to ask about; an empty one is not */
    add(issue: Issue): boolean {
      if (isEmptyIssue(issue)) {
        empty += 1;
        return false;
      }
      const messages = messagesFor(analysis, issue);
      const { content: text } = messages.at(-1) as ChatMessage;
      const admitted = estimatedPromptTokens(messages);
      calls += 1;
      characters += text.length;
      admission += admitted;
      admissionSquares += admitted ** 2;
      admissionMost = Math.max(admissionMost, admitted);
      if (countedCharacters < MOST_COUNTED_CHARACTERS) {
        countedCharacters += text.length;
        countedTokens += countTokens(text);
      }
      return true;
    },
    estimate(): Estimate {
      const mean = calls === 0 ? 0 : admission / calls;
      const variance = calls === 0 ? 0 : Math.max(0, admissionSquares / calls - mean ** 2);
      const countedShare = characters === 0 ? 1 : countedCharacters / characters;
      return {
        calls,
        empty,
        promptTokens: calls * sameForAll + Math.round(countedTokens / countedShare),
        countedShare,
        admission: { mean, cv: mean === 0 ? 0 : Math.sqrt(variance) / mean },
        admissionMost,
      };
    },
  };
}

/** The service puts a response format into the prompt, as JSON, and bills it. */
function schemaText({ name, wireSchema }: Analysis): string {
  return `# Response Formats\n\n## ${name}\n\n${JSON.stringify(z.toJSONSchema(wireSchema, { target: 'draft-7' }))}`;
}
