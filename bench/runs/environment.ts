import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const moduleUrl = (file: string) => new URL(file, import.meta.url).href;
/** In this order: the timers of the first must stay real ones. */
const PRELOADED = ['./report-use.ts', './time-scale.ts'].map(moduleUrl);

/** Settings of the app, of the host and of the SDK that somebody may have set in a shell: no contender sees them. */
const SETTINGS_OF_SHELL =
  /^(AI_|AZURE|OPENAI_|RATE_LIMIT|MAX_CONCURRENT|CACHE_|STORAGE_|FUNCTIONS_|AzureWebJobs|AzureFunctions|languageWorkers|NODE_OPTIONS|BENCH_)/;

/** The time that processes of a bench live in. */
export interface TimeScale {
  /** How many times as fast as real time it passes. */
  readonly scale: number;
  /** The instant at which both were the same; one for all processes of an environment. */
  readonly originMs: number;
}

/** The instant that processes of a scaled time take for the present. */
export function virtualNowMs({ scale, originMs }: TimeScale): number {
  return originMs + (Date.now() - originMs) * scale;
}

/**
 * The environment of a process whose time is scaled, and whose child processes' time is too.
 *
 * @param useFolder - where each of them writes what it takes of the machine; null = nowhere
 */
export function scaledEnvironment({ scale, originMs }: TimeScale, useFolder: string | null): Record<string, string> {
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !SETTINGS_OF_SHELL.test(entry[0]),
  );
  return {
    ...Object.fromEntries(inherited),
    NODE_OPTIONS: PRELOADED.map(url => `--import ${url}`).join(' '),
    BENCH_TIME_SCALE: String(scale),
    BENCH_TIME_ORIGIN_MS: String(originMs),
    ...(useFolder === null ? {} : { BENCH_USE_FOLDER: useFolder }),
  };
}

const useSchema = z.object({
  script: z.string(),
  rssBytes: z.number(),
  nowRssBytes: z.number(),
  cpuMs: z.number(),
});

/** What processes have taken of the machine, to within a second. */
export interface MachineUse {
  /** The greatest of each process, added up. */
  readonly rssBytes: number;
  /** At present. */
  readonly nowRssBytes: number;
  readonly cpuMs: number;
}

const NO_USE: MachineUse = { rssBytes: 0, nowRssBytes: 0, cpuMs: 0 };
const plus = (a: MachineUse, b: MachineUse): MachineUse => ({
  rssBytes: a.rssBytes + b.rssBytes,
  nowRssBytes: a.nowRssBytes + b.nowRssBytes,
  cpuMs: a.cpuMs + b.cpuMs,
});

/** What was written into a folder, by the name of the processes' script. */
export async function readUse(folder: string): Promise<Readonly<Record<string, MachineUse>>> {
  const byScript: Record<string, MachineUse> = {};
  for (const file of (await readdir(folder)).filter(name => name.endsWith('.json'))) {
    const { script, ...use } = useSchema.parse(JSON.parse(await readFile(join(folder, file), 'utf8')));
    byScript[script] = plus(byScript[script] ?? NO_USE, use);
  }
  return byScript;
}
