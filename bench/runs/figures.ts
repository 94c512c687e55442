import type { AdmissionFigures } from '../../local/simulators/meters.ts';
import type { Machine } from '../machine.ts';
import type { BenchCase, ContenderName } from './cases.ts';
import type { Computed } from './computed.ts';
import type { Measured } from './contenders.ts';
import type { Plan } from './place.ts';
import type { Setting } from './setting.ts';

const MINUTE_MS = 60_000;

/** What a contender came to under one seed; null where there is no such figure. Times are virtual. */
export interface SeedFigures {
  readonly seed: number;
  readonly lowerBoundMs: number;
  readonly lowerBoundBy: string;
  /** The same with the tokens and requests that the contender was let in with itself. */
  readonly ownBoundMs: number;
  readonly makespanMs: number;
  /** Of the limit, in the full minutes after the first. */
  readonly shareOfLimit: number | null;
  /** The most that was let in within any 60 s, as a share of the limit. */
  readonly mostInMinute: number | null;
  readonly admittedPerBilled: number | null;
  readonly throttledPer100: number;
  /** Billed, for answers that were bought before or that the contender does not have. */
  readonly unusedTokens: number | null;
  readonly unanswered: number;
  readonly memoryBytes: number | null;
  readonly largestHistory: number | null;
  /** Beyond the lower bound, in real milliseconds of one of the calls at a time, for each issue; null where limits bound. */
  readonly overheadMs: number | null;
  readonly plan: Plan | null;
  readonly costUsd: number | null;
  readonly shares: readonly number[] | null;
}

/** A contender in a case. */
export interface ContenderFigures {
  readonly name: ContenderName;
  readonly title: string;
  /** In order of seed; those that failed are missing. */
  readonly seeds: readonly SeedFigures[];
  /** Why a seed has no figures. */
  readonly errors: readonly string[];
}

/** A case with all its contenders. */
export interface CaseFigures {
  readonly bench: BenchCase;
  readonly takenAt: string;
  /** Cases may be measured on different machines. */
  readonly machine: Machine;
  /** Contenders at work at one time. */
  readonly parallel: number;
  readonly contenders: readonly ContenderFigures[];
}

/**
 * How much of a limit was used, in the minutes of the clock after the first in which anything was let in and before the last:
 * these two are begun or ended in their midst.
 */
export function shareOfLimit({ minutes }: AdmissionFigures, { limitedBy, limits }: Setting): number | null {
  const [first, last] = [minutes[0], minutes.at(-1)];
  if (limitedBy === null || !first || !last) return null;
  const full = (last.startMs - first.startMs) / MINUTE_MS - 1;
  if (full < 1) return null;
  const used = minutes.slice(1, -1).reduce((sum, minute) => sum + minute[limitedBy], 0);
  return used / (full * limitOf({ limitedBy, limits }));
}

function limitOf({ limitedBy, limits }: Pick<Setting, 'limits' | 'limitedBy'>): number {
  return limitedBy === 'tokens' ? limits.tokensPerMinute : limits.requestsPerMinute;
}

function ownBoundMs({ freeBound, limits }: Setting, { total }: AdmissionFigures): number {
  const minutes = [total.tokens / limits.tokensPerMinute, total.requests / limits.requestsPerMinute];
  return Math.max(freeBound.lengthMs, ...minutes.map(length => length * MINUTE_MS));
}

/** What every contender has. */
function figuresOf(setting: Setting, makespanMs: number, admitted: AdmissionFigures, throttled: number) {
  const { seed, lowerBound, workload, bench, limitedBy } = setting;
  const beyondMs = (makespanMs - lowerBound.lengthMs) / bench.timeScale;
  return {
    seed,
    lowerBoundMs: lowerBound.lengthMs,
    lowerBoundBy: lowerBound.by,
    ownBoundMs: ownBoundMs(setting, admitted),
    makespanMs,
    shareOfLimit: shareOfLimit(admitted, setting),
    mostInMinute: limitedBy === null ? null : admitted.most.slidingMinute[limitedBy] / limitOf(setting),
    throttledPer100: (100 * throttled) / admitted.total.requests,
    overheadMs: limitedBy === null ? (beyondMs * bench.concurrency) / workload.calls.length : null,
  };
}

/** Figures of a contender that was measured. */
export function measuredFigures(setting: Setting, { taken, seen, ...rest }: Measured): SeedFigures {
  const { admitted, answers } = seen.meters;
  const { makespanMs, answered, tokens, plan, costUsd, shares } = taken;
  return {
    ...figuresOf(setting, makespanMs, admitted, seen.stats.throttled),
    ...rest,
    admittedPerBilled: admitted.total.tokens / answers.billedTokens,
    // What was bought twice may be held twice, by issues of the same text.
    unusedTokens: Math.max(answers.repeatedTokens, answers.billedTokens - tokens),
    unanswered: setting.workload.calls.length - answered,
    plan,
    costUsd,
    shares,
  };
}

/** Figures of a contender that was computed: it has no processes, and nobody writes its answers. */
export function computedFigures(setting: Setting, { makespanMs, throttled, admitted }: Computed): SeedFigures {
  return {
    ...figuresOf(setting, makespanMs, admitted, throttled),
    admittedPerBilled: null,
    unusedTokens: null,
    unanswered: 0,
    memoryBytes: null,
    largestHistory: null,
    plan: null,
    costUsd: null,
    shares: null,
  };
}
