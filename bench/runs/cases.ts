/** Who takes part in a case. */
export type ContenderName =
  | 'fanfold'
  | 'fanfold-one-stream'
  | 'fanfold-fixed-buffer'
  | 'plain-durable'
  | 'batches'
  | 'p-limit'
  | 'pause-15'
  | 'sequential';

/** One table of the bench. */
export interface BenchCase {
  /** For `--case`. */
  readonly name: string;
  readonly title: string;
  /** In all: of each of the runs its share. */
  readonly issues: number;
  readonly concurrency: number;
  /** How many times as fast as real time passes. */
  readonly timeScale: number;
  /** What the service admits beside the concurrency; the tokens as a share of what so many calls would use up. */
  readonly limits: {
    readonly tokenShare?: number;
    /** Room for answers that the tokens are reckoned with; default what the analysis asks for. */
    readonly answerTokens?: number;
    readonly requestsPerMinute?: number;
  };
  /** Share of the issues that repeat an earlier one. */
  readonly duplicates: number;
  /** Whether the hosts imitate the waits of Azure Storage. */
  readonly hasStorageWaits: boolean;
  /** Issues of the run that comes before the measured one. */
  readonly warmUpIssues: number;
  /** Runs that are started at one time. */
  readonly runs: number;
  readonly contenders: readonly ContenderName[];
}

const EVERYBODY: readonly ContenderName[] = [
  'fanfold',
  'fanfold-one-stream',
  'plain-durable',
  'p-limit',
  'batches',
  'pause-15',
  'sequential',
];
const ON_A_HOST: readonly ContenderName[] = ['fanfold', 'fanfold-one-stream', 'plain-durable'];

const USUAL = {
  issues: 1_000,
  concurrency: 10,
  timeScale: 4,
  limits: {},
  duplicates: 0,
  hasStorageWaits: false,
  warmUpIssues: 200,
  runs: 1,
  contenders: EVERYBODY,
} satisfies Omit<BenchCase, 'name' | 'title'>;

/** What Fanfold has learned of these answers after the warm-up, whatever the seed: 99.5 % of them and a quarter more. */
export const LEARNED_ANSWER_TOKENS = 160;
const HALF_WITH_LEARNED_ROOM = { tokenShare: 0.5, answerTokens: LEARNED_ANSWER_TOKENS };

/** The cases, in the order in which they are run and shown. */
export const CASES: readonly BenchCase[] = [
  { ...USUAL, name: 'small', title: '50 issues', issues: 50, concurrency: 5, timeScale: 2 },
  { ...USUAL, name: 'large', title: '1,000 issues' },
  {
    ...USUAL,
    name: 'tokens',
    title: '1,000 issues, and the tokens allow half of what the calls would use',
    limits: { tokenShare: 0.5 },
  },
  {
    ...USUAL,
    name: 'tokens-learned',
    title: '1,000 issues, and the tokens allow half of what the calls would use with the room that Fanfold has learned',
    limits: HALF_WITH_LEARNED_ROOM,
    contenders: ['fanfold', 'fanfold-fixed-buffer'],
  },
  {
    ...USUAL,
    name: 'requests',
    title: '60 requests per minute, one in each second',
    issues: 420,
    limits: { requestsPerMinute: 60 },
  },
  {
    ...USUAL,
    name: 'two-runs',
    title: 'two runs of 500 issues at once under one limit of tokens',
    limits: HALF_WITH_LEARNED_ROOM,
    runs: 2,
    contenders: ['fanfold'],
  },
  { ...USUAL, name: 'duplicates', title: '1,000 issues, a fifth of them repeats', duplicates: 0.2 },
  {
    ...USUAL,
    name: 'storage-waits',
    title: '1,000 issues, with the waits of Azure Storage',
    hasStorageWaits: true,
    contenders: ON_A_HOST,
  },
];

/** The same case in seconds: the figures tell little. */
export function quickened(bench: BenchCase): BenchCase {
  const shrunk = { issues: 12 * bench.runs, concurrency: 3, timeScale: 20, warmUpIssues: 6 };
  return { ...bench, ...shrunk, title: `quick: ${bench.title}` };
}
