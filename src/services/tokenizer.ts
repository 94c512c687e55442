/** Counts tokens as the models behind Azure OpenAI make them. */
export interface Tokenizer {
  /**
   * Loads the vocabulary, at the first call in a process: a quarter of a second and about 60 MB, which only a process that
   * makes plans pays for.
   *
   * @returns a function that counts the tokens of a text
   */
  load(): Promise<(text: string) => number>;
}

/**
 * A text is counted in pieces where it has so many characters without, or of nothing but, blanks: the tokenizer's time
 * grows with the square of such a run's length. Only texts without words are so long, and each cut adds one token at most.
 */
const LONG_RUN = /(\S{256}|\s{256})/;

/** What an issue says is text, even if it looks like a mark of the chat format. */
const AS_TEXT = { disallowedSpecial: new Set<string>() };

/** The tokenizer of gpt-4o, gpt-4.1, gpt-5 and the o series (`o200k_base`). */
export function createTokenizer(): Tokenizer {
  return {
    async load() {
      const { countTokens } = await import('gpt-tokenizer/encoding/o200k_base');
      return text => text.split(LONG_RUN).reduce((sum, piece) => sum + countTokens(piece, AS_TEXT), 0);
    },
  };
}
