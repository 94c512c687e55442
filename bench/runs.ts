import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import { ensureAppBuilt } from '../local/app-build.ts';
import { type BenchCase, CASES, type ContenderName, quickened } from './runs/cases.ts';
import { CONTENDERS, computeContender, measureContender } from './runs/contenders.ts';
import {
  type CaseFigures,
  type ContenderFigures,
  computedFigures,
  measuredFigures,
  type SeedFigures,
} from './runs/figures.ts';
import { type Setting, settingOf } from './runs/setting.ts';
import { caseTable } from './runs/tables.ts';

/** What the bench of runs gives. */
export interface RunsBench {
  readonly cases: readonly CaseFigures[];
}

/** How to measure. */
export interface RunsOptions {
  /** Few issues and fast time, for a test: the figures tell little. */
  readonly quick: boolean;
  /** Names of the cases; all of them if empty. */
  readonly cases: readonly string[];
  /** Names of the contenders; each case's own if empty. */
  readonly contenders: readonly string[];
  /** How many seeds: 1, 2, ... */
  readonly seeds: number;
  /** Contenders at work at one time. They wait most of their time, but each is several processes. */
  readonly parallel: number;
  /** Is told what has been done. */
  readonly log: (line: string) => void;
}

/** Of the quick cases those that are run unless others are named. */
const QUICK_CASES: readonly string[] = ['small', 'two-runs'];

/** The names of the cases. */
export const CASE_NAMES: readonly string[] = CASES.map(({ name }) => name);

/** The names of the contenders. */
export const CONTENDER_NAMES: readonly string[] = Object.keys(CONTENDERS);

function casesOf({ quick, cases, contenders: wanted }: RunsOptions): readonly BenchCase[] {
  const names = cases.length > 0 ? cases : quick ? QUICK_CASES : CASE_NAMES;
  const chosen = CASES.filter(({ name }) => names.includes(name)).map(bench => ({
    ...bench,
    contenders: bench.contenders.filter(name => wanted.length === 0 || wanted.includes(name)),
  }));
  return quick ? chosen.map(quickened) : chosen;
}

async function figuresOf(name: ContenderName, setting: Setting, appFolder: string): Promise<SeedFigures> {
  const contender = CONTENDERS[name];
  if (contender.kind === 'computed') {
    return computedFigures(setting, computeContender(contender.caller(setting.bench.concurrency), setting));
  }
  return measuredFigures(setting, await measureContender(contender.take, setting, appFolder));
}

/**
 * Measures runs side by side with what people use instead: how long each takes, as a multiple of what nobody can beat, and at
 * what cost.
 *
 * @throws when the app cannot be built; a contender that fails is reported as such
 */
export async function benchRuns(options: RunsOptions): Promise<RunsBench> {
  const { seeds, parallel, log } = options;
  const appFolder = await ensureAppBuilt(log);
  const limit = pLimit(parallel);
  let [begun, done] = [0, 0];

  async function measured(name: ContenderName, bench: BenchCase, seed: number): Promise<SeedFigures | string> {
    const what = `${bench.name}, ${CONTENDERS[name].title}, seed ${seed}`;
    begun += 1;
    try {
      const figures = await limit(() => figuresOf(name, settingOf(bench, seed), appFolder));
      log(`${++done} of ${begun}: ${what}: ${(figures.makespanMs / figures.lowerBoundMs).toFixed(3)} x bound`);
      return figures;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      log(`${++done} of ${begun}: ${what}: FAILED: ${text}`);
      return `seed ${seed}: ${text}`;
    }
  }

  async function contenderOf(name: ContenderName, bench: BenchCase): Promise<ContenderFigures> {
    const seedNumbers = Array.from({ length: seeds }, (_, k) => k + 1);
    const all = await Promise.all(seedNumbers.map(seed => measured(name, bench, seed)));
    return {
      name,
      title: CONTENDERS[name].title,
      seeds: all.filter(figures => typeof figures !== 'string'),
      errors: all.filter(figures => typeof figures === 'string'),
    };
  }

  const cases = casesOf(options).map(async bench => ({
    bench,
    contenders: await Promise.all(bench.contenders.map(name => contenderOf(name, bench))),
    takenAt: new Date().toISOString(),
  }));
  return { cases: await Promise.all(cases) };
}

/** The figures as tables for a terminal. */
export function formatRunsBench({ cases }: RunsBench): string {
  return cases.map(caseTable).join('\n\n');
}

/**
 * The figures, and those of an earlier bench for the cases that were not measured now.
 *
 * @param file - where the earlier figures are; there need be none
 */
export async function withCasesBefore({ cases }: RunsBench, file: string): Promise<RunsBench> {
  const before: Partial<RunsBench> = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  const all = new Map([...(before.cases ?? []), ...cases].map(figures => [figures.bench.name, figures]));
  return { cases: CASE_NAMES.flatMap(name => all.get(name) ?? []) };
}
