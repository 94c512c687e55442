import { roomOf } from './booking.ts';
import type { BatchUse, RunTerms } from './messages.ts';
import type { CapacityState, OpenGrant, RunShare } from './state.ts';

/** Of complete answers: prompt tokens as they were billed, and how many answers. */
type Billed = RunShare['billed'];

/** The most that a call may be billed. */
export type Hold = Pick<OpenGrant, 'billedTokensEach' | 'costUsdEach'>;

/** Of a run without answers. */
export const NOTHING_BILLED: Billed = { promptTokens: 0, calls: 0 };

/**
 * A bill counts more than the rule of admission: the schema of the answer, and texts whose characters are more than a
 * quarter of a token each. So many times as much is held, or more where answers have told so.
 */
const LEAST_BILL = 1.5;

/**
 * What a call is held for in the run's budget: its largest prompt, by the ratio of bills to estimates so far, and all the
 * room that its answer may take. A repair is a second call, and is not held for.
 *
 * @param call - of the run's prompts the mean and the largest, by the rule of admission; without a price a call costs
 *   nothing
 * @param room - tokens that its answer may have
 * @param billed - what the run's answers were billed so far; default none
 */
export function holdOfCall(
  { promptTokensEach, promptTokensMost, price }: Pick<RunTerms, 'promptTokensEach' | 'promptTokensMost' | 'price'>,
  room: number,
  billed: Billed = NOTHING_BILLED,
): Hold {
  const seenEach = billed.calls === 0 ? 0 : billed.promptTokens / billed.calls;
  const promptTokens = promptTokensMost * Math.max(LEAST_BILL, seenEach / Math.max(1, promptTokensEach));
  const { inputUsd, outputUsd } = price ?? { inputUsd: 0, outputUsd: 0 };
  return {
    billedTokensEach: promptTokens + room,
    costUsdEach: (promptTokens * inputUsd + room * outputUsd) / 1e6,
  };
}

/** How many calls the run's budget pays for if each takes all it may, beside those of its open grants; infinite without a cap. */
export function affordableUnits(state: CapacityState, terms: RunTerms, runId: string, run: RunShare): number {
  const open = Object.values(state.grants).filter(grant => grant.runId === runId);
  const held = (each: (grant: OpenGrant) => number) => open.reduce((sum, grant) => sum + grant.units * each(grant), 0);
  const left = (cap: number | null, spent: number, each: number) =>
    cap === null || each === 0 ? Number.POSITIVE_INFINITY : (cap - spent) / each;
  const most = holdOfCall(terms, roomOf(state, terms), run.billed);
  const heldTokens = held(grant => grant.billedTokensEach);
  const heldUsd = held(grant => grant.costUsdEach);
  const byTokens = left(terms.maxTokens, run.spentTokens + heldTokens, most.billedTokensEach);
  const byCost = left(terms.maxCostUsd, run.spentUsd + heldUsd, most.costUsdEach);
  return Math.floor(Math.min(byTokens, byCost));
}

/** What was billed, with a batch's complete answers. */
export function billedWith(billed: Billed, { promptTokens, completions }: BatchUse): Billed {
  return { promptTokens: billed.promptTokens + promptTokens, calls: billed.calls + completions.length };
}
