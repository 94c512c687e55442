import { plainTable } from '../cli/plain-table.ts';
import { ensureAppBuilt } from '../local/app-build.ts';
import { measureScaledRun, type ScaledRun, type ScaleFigures } from './scale/scaled-run.ts';

const FULL: readonly ScaledRun[] = [
  { issues: 10_000, faultShare: 0 },
  { issues: 10_000, faultShare: 0.2 },
  { issues: 100_000, faultShare: 0 },
];
const QUICK: readonly ScaledRun[] = [
  { issues: 100, faultShare: 0 },
  { issues: 100, faultShare: 0.2 },
  { issues: 300, faultShare: 0 },
];

/** What the bench of large runs gives. */
export interface ScaleBench {
  readonly runs: readonly ScaleFigures[];
}

/**
 * Measures runs of many issues, one after the other, with a simulator that takes no time: what remains is the app's own, the
 * host's and the storage emulator's.
 *
 * @param options.quick - few issues, for a test: the figures tell little
 * @param options.log - is told what begins
 * @throws when a run does not come to its end
 */
export async function benchScale({
  quick,
  log,
}: {
  readonly quick: boolean;
  readonly log: (line: string) => void;
}): Promise<ScaleBench> {
  const appFolder = await ensureAppBuilt(log);
  const runs: ScaleFigures[] = [];
  for (const run of quick ? QUICK : FULL) {
    log(`${run.issues} issues${run.faultShare > 0 ? `, ${100 * run.faultShare} % with a 503` : ''} ...`);
    runs.push(await measureScaledRun(run, appFolder));
  }
  return { runs };
}

const NONE = '-';
const whole = (value: number) => value.toLocaleString('en');
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const perIssue = (lengthMs: number, { issues }: ScaledRun) => (lengthMs / issues).toFixed(2);

function rowOf(figures: ScaleFigures): string[] {
  const { issues, faultShare, succeeded, calls, makespanMs, storage, cpuMs, rssBytes, largestHistory } = figures;
  return [
    whole(issues),
    faultShare === 0 ? NONE : `${Math.round(100 * faultShare)} %`,
    whole(succeeded),
    whole(calls),
    `${(makespanMs / 1_000).toFixed(1)} s`,
    perIssue(makespanMs, figures),
    perIssue(cpuMs.host + cpuMs.worker, figures),
    perIssue(cpuMs.host, figures),
    perIssue(cpuMs.worker, figures),
    perIssue(cpuMs.simulator, figures),
    storage ? perIssue(storage.ms, figures) : NONE,
    storage ? perIssue(storage.operations, figures) : NONE,
    mebibytes(rssBytes.host),
    mebibytes(rssBytes.worker),
    whole(largestHistory),
  ];
}

const HEAD = [
  'issues',
  '503s',
  'answered',
  'calls',
  'time',
  'ms an issue',
  'CPU ms, ours',
  'host',
  'worker',
  'simulator',
  'storage ms',
  'operations',
  'host RSS',
  'worker RSS',
  'history',
];

/** How far the largest run is from the smallest without faults. */
function growth(runs: readonly ScaleFigures[]): string {
  const sorted = runs.filter(({ faultShare }) => faultShare === 0).toSorted((a, b) => a.issues - b.issues);
  const [small, large] = [sorted[0], sorted.at(-1)];
  if (!small || !large) return '';
  const grown = (cpuMs: (of: ScaleFigures['cpuMs']) => number) => {
    const percent = 100 * (cpuMs(large.cpuMs) / large.issues / (cpuMs(small.cpuMs) / small.issues) - 1);
    return `${percent < 0 ? '' : '+'}${percent.toFixed(1)} %`;
  };
  return (
    `from ${whole(small.issues)} to ${whole(large.issues)}: host ${mebibytes(large.rssBytes.host - small.rssBytes.host)}, ` +
    `worker ${mebibytes(large.rssBytes.worker - small.rssBytes.worker)} more; ` +
    `our processor time for an issue ${grown(({ host, worker }) => host + worker)}, ` +
    `the simulator's for the same work ${grown(({ simulator }) => simulator)}`
  );
}

function phases({ issues, workerRssByPhase }: ScaleFigures): string {
  const parts = Object.entries(workerRssByPhase).map(([phase, bytes]) => `${phase} ${mebibytes(bytes)}`);
  return `worker RSS at ${whole(issues)}: ${parts.join(', ')}`;
}

/** The figures as a table for a terminal, then where the memory goes and how all of it grows. */
export function formatScaleBench({ runs }: ScaleBench): string {
  const table = plainTable(
    [HEAD, ...runs.map(rowOf)],
    HEAD.map(() => 'right' as const),
  );
  return [table, '', ...runs.map(phases), '', growth(runs)].join('\n');
}
