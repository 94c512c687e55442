const WIDE_SCRIPTS = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/gu;
const OTHER_THAN_ASCII = /[^\p{ASCII}]/gu;

/**
 * Estimates how many tokens a model would bill for a text: 4 ASCII characters, 2 others, or 1 character of a script
 * without spaces per token. An estimate only: a tokenizer differs by some tens of percent on code and logs.
 */
export function estimateTokens(text: string): number {
  const wide = text.match(WIDE_SCRIPTS)?.length ?? 0;
  const other = (text.match(OTHER_THAN_ASCII)?.length ?? 0) - wide;
  return Math.ceil((text.length - wide - other) / 4 + other / 2 + wide);
}

/** The longest beginning of a text that stays within a number of tokens by the same estimate. */
export function cutToTokens(text: string, tokens: number): string {
  let [fits, tooLong] = [0, text.length + 1];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (estimateTokens(text.slice(0, middle)) <= tokens) fits = middle;
    else tooLong = middle;
  }
  return text.slice(0, fits);
}
