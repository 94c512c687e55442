import { plainTable } from '../../cli/plain-table.ts';
import type { CaseFigures, ContenderFigures, SeedFigures } from './figures.ts';

/** Median and range of some values. */
interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Median and range; null for none. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const sorted = values.filter(value => value !== null).toSorted((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return null;
  const [low = min, high = min] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return { median: (low + high) / 2, min, max };
}

const NONE = '-';
const round = (digits: number) => (value: number) => value.toFixed(digits);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const seconds = (lengthMs: number) => `${(lengthMs / 1_000).toFixed(1)} s`;
const whole = (value: number) => Math.round(value).toLocaleString('en');

type Show = (value: number) => string;

const median = (spread: Spread | null, show: Show) => (spread ? show(spread.median) : NONE);
const range = (spread: Spread | null, show: Show) => (spread ? `${show(spread.min)} to ${show(spread.max)}` : NONE);

/** A value of each seed, for a column. */
type Pick = (figures: SeedFigures) => number | null;

const ratio: Pick = ({ makespanMs, lowerBoundMs }) => makespanMs / lowerBoundMs;
const ownRatio: Pick = ({ makespanMs, ownBoundMs, shareOfLimit }) =>
  shareOfLimit === null ? null : makespanMs / ownBoundMs;
const planOfDuration: Pick = ({ plan, makespanMs }) => (plan === null ? null : plan.durationMs / makespanMs);
const planOfCost: Pick = ({ plan, costUsd }) => (plan === null || !costUsd ? null : plan.costUsd / costUsd);
const greaterShare: Pick = ({ shares }) => (shares === null ? null : Math.max(...shares));

interface Column {
  readonly head: string;
  readonly pick: Pick;
  readonly show: Show;
  /** Whether the range is shown beside the median. */
  readonly hasRange?: boolean;
}

const COLUMNS: readonly Column[] = [
  { head: 'x bound', pick: ratio, show: round(3), hasRange: true },
  { head: 'x own', pick: ownRatio, show: round(3) },
  { head: 'of limit', pick: figures => figures.shareOfLimit, show: percent, hasRange: true },
  { head: 'any 60 s', pick: figures => figures.mostInMinute, show: percent },
  { head: 'admitted/billed', pick: figures => figures.admittedPerBilled, show: round(2) },
  { head: '429s per 100', pick: figures => figures.throttledPer100, show: round(2) },
  { head: 'unused tokens', pick: figures => figures.unusedTokens, show: whole },
  { head: 'no answer', pick: figures => figures.unanswered, show: whole },
  { head: 'memory', pick: figures => figures.memoryBytes, show: mebibytes },
  { head: 'history', pick: figures => figures.largestHistory, show: whole },
  { head: 'ms an issue', pick: figures => figures.overheadMs, show: round(1) },
  { head: 'greater share', pick: greaterShare, show: percent, hasRange: true },
  { head: 'plan/time', pick: planOfDuration, show: round(2), hasRange: true },
  { head: 'plan/cost', pick: planOfCost, show: round(2) },
];

/** Columns in which at least one contender has a figure. */
function columnsOf(contenders: readonly ContenderFigures[]): readonly Column[] {
  const all = contenders.flatMap(({ seeds }) => seeds);
  return COLUMNS.filter(({ head, pick }) => /^plan/.test(head) || all.some(figures => pick(figures) !== null));
}

function cellsOf({ pick, show, hasRange }: Column, seeds: readonly SeedFigures[]): string[] {
  const spread = spreadOf(seeds.map(pick));
  return hasRange ? [median(spread, show), range(spread, show)] : [median(spread, show)];
}

const gaveUp = ({ seeds }: ContenderFigures) => seeds.some(({ unanswered }) => unanswered > 0);

/** The table of a case, and above it what it is about. */
export function caseTable({ bench, contenders, parallel }: CaseFigures): string {
  const columns = columnsOf(contenders);
  const heads = columns.flatMap(({ head, hasRange }) => (hasRange ? [head, 'range'] : [head]));
  const rows = contenders.map(contender => [
    `${contender.title}${gaveUp(contender) ? ' *' : ''}`,
    ...columns.flatMap(column => cellsOf(column, contender.seeds)),
  ]);
  const [first] = contenders.flatMap(({ seeds }) => seeds);
  const bound = spreadOf(contenders[0]?.seeds.map(({ lowerBoundMs }) => lowerBoundMs) ?? []);
  const expected = new Set(contenders.flatMap(({ seeds }) => seeds.flatMap(({ plan }) => plan?.boundBy ?? [])));
  const failures = contenders.flatMap(({ title, errors }) => errors.map(error => `${title}: ${error}`));
  return [
    `${bench.name}: ${bench.title}, ${bench.concurrency} calls at a time`,
    `lower bound ${median(bound, seconds)} by ${first?.lowerBoundBy ?? NONE}; ` +
      `${contenders[0]?.seeds.length ?? 0} seeds; time scale ${bench.timeScale}; ${parallel} contenders at one time` +
      (expected.size > 0 ? `; bound by the plan's word: ${[...expected].join(', ')}` : ''),
    '',
    plainTable([['', ...heads], ...rows], ['left', ...heads.map(() => 'right' as const)]),
    ...(contenders.some(gaveUp) ? ['* left issues without an answer: its time is until it ended'] : []),
    ...(failures.length > 0 ? ['', ...failures.map(failure => `FAILED: ${failure}`)] : []),
  ].join('\n');
}
