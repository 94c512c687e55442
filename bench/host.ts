import { plainTable } from '../cli/plain-table.ts';
import {
  type AtRest,
  benchBatches,
  benchChain,
  benchFanOut,
  benchSmall,
  type HostBenchSizes,
  type Latency,
  type Percentiles,
  type Throughput,
} from './host/scenarios.ts';

const FULL: HostBenchSizes = {
  fanOut: { orchestrations: 10, activities: 300 },
  batches: { total: 10_000, size: 100 },
  chain: { chains: 20, activities: 26 },
  small: { finished: [1_000, 10_000, 50_000], atOnce: 100 },
};

const QUICK: HostBenchSizes = {
  fanOut: { orchestrations: 3, activities: 50 },
  batches: { total: 200, size: 50 },
  chain: { chains: 2, activities: 6 },
  small: { finished: [50, 100], atOnce: 20 },
};

/** What the bench of the local host gives. */
export interface HostBench {
  readonly sizes: HostBenchSizes;
  readonly throughput: readonly Throughput[];
  readonly latency: Latency;
  readonly atRest: readonly AtRest[];
}

/**
 * Measures the local host: throughput, latency and memory, and where the time goes.
 *
 * @param options.quick - small sizes, for a test: the figures tell little
 * @param options.log - is told what begins
 * @throws when an orchestration ends other than well, or the host warns of anything
 */
export async function benchHost({
  quick,
  log,
}: {
  readonly quick: boolean;
  readonly log: (line: string) => void;
}): Promise<HostBench> {
  const sizes = quick ? QUICK : FULL;
  // Memory first: what the other parts leave behind is not the host's.
  log('small orchestrations ...');
  const small = await benchSmall(sizes);
  const throughput: Throughput[] = [];
  for (const processCount of [1, 2]) {
    log(`fan-out, worker processes: ${processCount} ...`);
    throughput.push(await benchFanOut(sizes, processCount));
  }
  for (const processCount of [1, 2]) {
    log(`batches, worker processes: ${processCount} ...`);
    throughput.push(await benchBatches(sizes, processCount));
  }
  log('chain ...');
  const latency = await benchChain(sizes);
  return { sizes, throughput: [...throughput, ...small.throughput], latency, atRest: small.atRest };
}

const percent = (share: number) => `${Math.round(share * 100)} %`;
const mebibytes = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
const milliseconds = (lengthMs: number) => `${lengthMs.toFixed(1)} ms`;

/** Right-aligned columns under their heads, the first one aligned to the left. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return plainTable(
    [head, ...rows],
    head.map((_, index) => (index === 0 ? 'left' : 'right')),
  );
}

function throughputRow({ name, processCount, unit, perSecond, cost }: Throughput): string[] {
  const shares = [cost.sqlite, cost.replay, cost.send, cost.other, cost.hostCpu, cost.workerCpu, cost.replayInWorkers];
  return [
    name,
    String(processCount),
    `${Math.round(perSecond)} ${unit}`,
    ...shares.map(percent),
    milliseconds(cost.betweenMsPerCall),
  ];
}

const percentileRow = (name: string, { p50, p99, max, count }: Percentiles) => [
  name,
  ...[p50, p99, max].map(milliseconds),
  String(count),
];

/** The figures as tables for a terminal. */
export function formatHostBench({ throughput, latency, atRest }: HostBench): string {
  return [
    table(
      [
        '',
        'workers',
        'per second',
        'SQLite',
        'replay',
        'send',
        'other',
        'CPU',
        'CPU of workers',
        'replay there',
        'IPC',
      ],
      throughput.map(throughputRow),
    ),
    table(
      ['idle, one activity after the other', 'p50', 'p99', 'longest', 'count'],
      [
        percentileRow('result committed -> orchestrator called', latency.wakeMs),
        percentileRow('activity ended -> next one begins', latency.stepMs),
      ],
    ),
    table(
      ['finished instances', 'host', 'its heap', 'worker', 'its heap', 'list of 100', 'search in vain'],
      atRest.map(({ finished, host, workers, listMs, searchMs }) => [
        String(finished),
        ...[host.rssBytes, host.heapBytes, workers.rssBytes, workers.heapBytes].map(mebibytes),
        ...[listMs, searchMs].map(milliseconds),
      ]),
    ),
  ].join('\n\n');
}
