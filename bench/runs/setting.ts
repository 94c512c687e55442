import type { BenchCase } from './cases.ts';
import {
  type Bounds,
  createWorkload,
  type LowerBound,
  lowerBoundOf,
  tokensPerMinuteFor,
  type Workload,
} from './workload.ts';

/** Window in which the simulator admits its share of the requests per minute, and window of the tokens. */
const [SLICE_SECONDS, TOKEN_SLICE_SECONDS] = [1, 60];
/** Practically none: the simulator's own defaults. */
const NO_LIMITS = { tokensPerMinute: 1_000_000_000, requestsPerMinute: 1_000_000 };

/** A case under one seed: the same for every contender. */
export interface Setting {
  readonly bench: BenchCase;
  readonly seed: number;
  readonly workload: Workload;
  /** Other issues, worked off before the measured ones. */
  readonly warmUp: Workload;
  readonly lowerBound: LowerBound;
  /** The same where nothing but the concurrency bounds. */
  readonly freeBound: LowerBound;
  /** What the simulator admits. */
  readonly limits: {
    readonly tokensPerMinute: number;
    readonly requestsPerMinute: number;
    readonly sliceSeconds: number;
    readonly tokenSliceSeconds: number;
  };
  /** Which of the limits is one; null for none. */
  readonly limitedBy: 'tokens' | 'requests' | null;
}

/** Lays a case out for a seed. */
export function settingOf(bench: BenchCase, seed: number): Setting {
  const { issues: count, duplicates, warmUpIssues, concurrency, limits } = bench;
  const { answerTokens } = limits;
  const workload = createWorkload({ seed, count, duplicates, ...(answerTokens && { answerTokens }) });
  const bounds: Bounds = {
    concurrency,
    ...(limits.tokenShare && { tokensPerMinute: tokensPerMinuteFor(workload, concurrency, limits.tokenShare) }),
    ...(limits.requestsPerMinute && { requestsPerMinute: limits.requestsPerMinute }),
  };
  const { tokensPerMinute = NO_LIMITS.tokensPerMinute, requestsPerMinute = NO_LIMITS.requestsPerMinute } = bounds;
  return {
    bench,
    seed,
    workload,
    warmUp: createWorkload({ seed, family: 1, count: warmUpIssues }),
    lowerBound: lowerBoundOf(workload, bounds),
    freeBound: lowerBoundOf(workload, { concurrency }),
    limits: { tokensPerMinute, requestsPerMinute, sliceSeconds: SLICE_SECONDS, tokenSliceSeconds: TOKEN_SLICE_SECONDS },
    limitedBy: limits.tokenShare ? 'tokens' : limits.requestsPerMinute ? 'requests' : null,
  };
}
