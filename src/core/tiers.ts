/** Numbers that suit runs of a size; each holds unless the environment or the request says otherwise. */
export interface Tier {
  /** Up to so many issues. */
  readonly upTo: number;
  readonly concurrency: number;
  readonly batchSize: number;
  readonly requestTimeoutSeconds: number;
}

const SMALL_TIERS: readonly Tier[] = [
  { upTo: 10, concurrency: 3, batchSize: 5, requestTimeoutSeconds: 60 },
  { upTo: 25, concurrency: 5, batchSize: 10, requestTimeoutSeconds: 60 },
  { upTo: 50, concurrency: 7, batchSize: 15, requestTimeoutSeconds: 90 },
];

/** For runs of more than 50 issues. */
export const LARGEST_TIER: Tier = {
  upTo: Number.POSITIVE_INFINITY,
  concurrency: 10,
  batchSize: 20,
  requestTimeoutSeconds: 120,
};

/** The tier of a run with so many issues. */
export function tierFor(issues: number): Tier {
  return SMALL_TIERS.find(({ upTo }) => issues <= upTo) ?? LARGEST_TIER;
}

/** A tier in words: "a run of 11 to 25 issues". */
export function tierName(tier: Tier): string {
  const least = 1 + Math.max(0, ...SMALL_TIERS.map(({ upTo }) => upTo).filter(upTo => upTo < tier.upTo));
  return tier === LARGEST_TIER ? `a run of ${least} issues or more` : `a run of ${least} to ${tier.upTo} issues`;
}
