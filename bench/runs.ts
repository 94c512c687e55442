import { readFile } from 'node:fs/promises';
import pLimit from 'p-limit';
import { ensureAppBuilt } from '../local/app-build.ts';
import { readMachine } from './machine.ts';
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

/** One contender's share of a bench. */
interface Task {
  readonly seed: number;
  readonly bench: BenchCase;
  readonly name: ContenderName;
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
  const [machine, takenAt] = [readMachine(), new Date().toISOString()];
  const cases = casesOf(options);
  const seedNumbers = Array.from({ length: seeds }, (_, k) => k + 1);
  // One seed after the other: a contender beside copies of itself alone would be measured under their load.
  const tasks = seedNumbers.flatMap(seed =>
    cases.flatMap(bench => bench.contenders.map(name => ({ seed, bench, name }))),
  );
  let done = 0;

  async function measured({ seed, bench, name }: Task): Promise<Task & { readonly end: SeedFigures | string }> {
    const what = `${bench.name}, ${CONTENDERS[name].title}, seed ${seed}`;
    try {
      const end = await figuresOf(name, settingOf(bench, seed), appFolder);
      log(`${++done} of ${tasks.length}: ${what}: ${(end.makespanMs / end.lowerBoundMs).toFixed(3)} x bound`);
      return { seed, bench, name, end };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      log(`${++done} of ${tasks.length}: ${what}: FAILED: ${text}`);
      return { seed, bench, name, end: `seed ${seed}: ${text}` };
    }
  }

  const ends = await pLimit(parallel).map(tasks, measured);
  const contenderOf = (bench: BenchCase, name: ContenderName): ContenderFigures => {
    const own = ends.filter(each => each.bench === bench && each.name === name).map(({ end }) => end);
    return {
      name,
      title: CONTENDERS[name].title,
      seeds: own.filter(end => typeof end !== 'string'),
      errors: own.filter(end => typeof end === 'string'),
    };
  };
  return {
    cases: cases.map(bench => ({
      ...{ bench, takenAt, machine, parallel },
      contenders: bench.contenders.map(name => contenderOf(bench, name)),
    })),
  };
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
