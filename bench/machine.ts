import { arch, availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

/** Where figures were taken. */
export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly memoryGiB: number;
  readonly node: string;
  readonly os: string;
  /** Processes that wanted to run, mean of the last minute: more than the figures' own make them worse. */
  readonly load: number;
}

/** This machine, now. */
export function readMachine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    os: `${type()} ${release()} ${arch()}`,
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}
