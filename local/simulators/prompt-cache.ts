import { createHash } from 'node:crypto';
import { estimateTokens } from './tokens.ts';

const LEAST_TOKENS = 1024;
const STEP_TOKENS = 128;
const MAX_ENTRIES = 10_000;

/** Remembers beginnings of prompts, as the service does to bill repeated ones at less. */
export interface PromptCache {
  /** How many of a prompt's tokens were seen before, in steps of 128; 0 for prompts below 1,024 tokens. Remembers it. */
  see(model: string, messages: readonly { readonly role: string; readonly content: string }[]): number;
}

/** Makes an empty cache. It compares whole messages: instructions and schema first, the issue last is what pays off. */
export function createPromptCache(): PromptCache {
  const seen = new Set<string>();
  const remember = (key: string) => {
    if (seen.size >= MAX_ENTRIES)
      for (const oldest of seen) {
        seen.delete(oldest);
        break;
      }
    seen.add(key);
  };
  return {
    see(model, messages) {
      let [key, tokens, cached] = [model, 0, 0];
      for (const { role, content } of messages) {
        key = createHash('sha256')
          .update(JSON.stringify([key, role, content]))
          .digest('base64');
        tokens += estimateTokens(content);
        if (tokens < LEAST_TOKENS) continue;
        if (seen.has(key)) cached = Math.floor(tokens / STEP_TOKENS) * STEP_TOKENS;
        else remember(key);
      }
      return cached;
    },
  };
}
