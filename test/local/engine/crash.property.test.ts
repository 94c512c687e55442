import { rmSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemoryStore } from '../../../local/engine/store/memory-store.ts';
import { openSqliteStore } from '../../../local/engine/store/sqlite-store.ts';
import { COMMIT_POINTS } from '../../../local/engine/store/store.ts';
import {
  type CrashPlan,
  crashAt,
  crashEverywhere,
  crashSometimes,
  NO_CRASH,
  nothingReached,
  type Observation,
  runProgram,
} from '../../helpers/crash-harness.ts';
import { temporaryStateFile } from '../../helpers/engine-harness.ts';
import { type Program, programs } from '../../helpers/random-program.ts';

/** How many programs are crashed everywhere. More of them by hand: CRASH_PROGRAMS=10000 CRASH_SEED=1. */
const PROGRAMS = Number(process.env['CRASH_PROGRAMS'] ?? 300);
const SEED = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);
const TIMEOUT_MS = 60_000 + PROGRAMS * 1_000;
/** A program with all that decides its course. */
interface Case {
  readonly program: Program;
  /** Of the turns that activities take, and of crashes by chance. */
  readonly seed: number;
  /** Whether its state is in a file that every crash closes and opens again. */
  readonly inFile: boolean;
}

const cases: fc.Arbitrary<Case> = fc.record({
  program: programs,
  seed: fc.nat(1_000_000),
  inFile: fc.integer({ min: 0, max: 9 }).map(each => each === 9),
});

/** An event that comes too late is a message that nobody takes: it alone reaches the commit that drops such. */
const WITH_LATE_EVENT: Case = {
  program: { actions: [{ do: 'status' }], renewals: 0, end: 'failsOnce', hasLateEvent: true },
  seed: 1,
  inFile: false,
};

const reached = nothingReached();

/** Where a run keeps its state: in memory, which its engines share, or in a file, which each engine opens. */
function keeping(inFile: boolean) {
  if (!inFile) {
    const store = createMemoryStore();
    return { openStore: () => store, closeStore: () => {}, remove: () => {} };
  }
  const path = temporaryStateFile();
  return {
    openStore: () => openSqliteStore(path),
    closeStore: (store: ReturnType<typeof openSqliteStore>) => store.close(),
    remove: () => rmSync(path, { force: true }),
  };
}

async function run({ program, seed, inFile }: Case, plan: CrashPlan): Promise<Observation> {
  let turn = seed + 1;
  const { remove, ...state } = keeping(inFile);
  try {
    return await runProgram(program, {
      plan,
      reached,
      turns: () => {
        turn = (turn * 16_807) % 2_147_483_647;
        return turn % 4;
      },
      ...state,
    });
  } finally {
    remove();
  }
}

/** What must be the same with crashes as without. */
const essence = ({ commits: _, ...rest }: Observation) => rest;

async function expectSame(each: Case, clean: Observation, plan: CrashPlan): Promise<void> {
  const crashed = await run(each, plan);
  expect(essence(crashed)).toEqual(essence(clean));
  expect(crashed.acceptedEnds.every(count => count === 1)).toBe(true);
}

test(`${PROGRAMS} random orchestrations come to the same when they crash at every commit, before and after (seed ${SEED})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const property = fc.asyncProperty(cases, async each => {
    const clean = await run(each, NO_CRASH);
    expect(clean.errors).toEqual([]);
    expect(clean.acceptedEnds.every(count => count === 1)).toBe(true);
    await expectSame(each, clean, crashEverywhere());
    await expectSame(each, clean, crashSometimes(each.seed, 0.2));
  });
  await fc.assert(property, { numRuns: PROGRAMS, seed: SEED });
});

test(`small ones come to the same after any single crash (seed ${SEED})`, { timeout: TIMEOUT_MS }, async () => {
  const property = fc.asyncProperty(cases, async each => {
    const clean = await run(each, NO_CRASH);
    fc.pre(clean.commits <= 25);
    for (let index = 0; index < clean.commits; index++) {
      for (const side of ['before', 'after'] as const) await expectSame(each, clean, crashAt(index, side));
    }
  });
  await fc.assert(property, { numRuns: Math.ceil(PROGRAMS / 6), seed: SEED, examples: [[WITH_LATE_EVENT]] });
});

test('every commit point that the engine lists was crashed at, before and after', () => {
  const missed = COMMIT_POINTS.flatMap(point =>
    (['before', 'after'] as const).filter(side => reached[point][side] === 0).map(side => `${side} ${point}`),
  );
  expect(missed).toEqual([]);
});
