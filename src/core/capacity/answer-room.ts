/**
 * How long answers were: how many of them had so many tokens, in steps of {@link STEP}; keys are the steps' numbers. Older
 * answers count in part.
 */
export type AnswerSizes = Readonly<Record<string, number>>;

const STEP = 16;
/** From so many answers on, the longest of them tell how much room an answer needs. */
const ENOUGH = 200;
/** Beyond so many, older answers count half. */
const PLENTY = 10_000;
/** A length that counts less was last seen long ago. */
const LEAST_COUNT = 1 / 16;
const QUANTILE = 0.995;
const MARGIN = 1.25;

/** Counts answers in. */
export function withAnswers(sizes: AnswerSizes, completions: readonly number[]): AnswerSizes {
  const counts = new Map(Object.entries(sizes));
  for (const tokens of completions) {
    const step = String(Math.ceil(tokens / STEP));
    counts.set(step, (counts.get(step) ?? 0) + 1);
  }
  const all = Object.fromEntries(counts);
  return total(all) > PLENTY ? halved(all) : all;
}

/** What all but one answer in two hundred fit into, with a quarter more; null while fewer than 200 answers are known. */
export function usualRoom(sizes: AnswerSizes): number | null {
  const known = total(sizes);
  if (known < ENOUGH) return null;
  let [rest, largest] = [known * (1 - QUANTILE), 0];
  for (const [step, count] of Object.entries(sizes).sort(([a], [b]) => Number(b) - Number(a))) {
    if (rest < 0) break;
    rest -= count;
    largest = Number(step);
  }
  return STEP * Math.ceil(largest * MARGIN);
}

/**
 * The `max_completion_tokens` of a call: the usual room, and never more than the analysis asks for.
 *
 * The service admits by what an answer may have, not by what it has: room that no answer uses is throughput lost.
 *
 * @param most - what the analysis asks for
 */
export function answerRoom(sizes: AnswerSizes, most: number): number {
  return Math.min(most, usualRoom(sizes) ?? most);
}

/** Tokens of an answer in the mean, to half a step; null before the first. */
export function meanAnswer(sizes: AnswerSizes): number | null {
  const known = total(sizes);
  if (known === 0) return null;
  return Object.entries(sizes).reduce((sum, [step, count]) => sum + (Number(step) - 0.5) * STEP * count, 0) / known;
}

function halved(sizes: AnswerSizes): AnswerSizes {
  const counts = Object.entries(sizes).map(([step, count]) => [step, count / 2] as const);
  return Object.fromEntries(counts.filter(([, count]) => count >= LEAST_COUNT));
}

function total(sizes: AnswerSizes): number {
  return Object.values(sizes).reduce((sum, count) => sum + count, 0);
}
