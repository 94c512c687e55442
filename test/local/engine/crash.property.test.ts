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
/** One run in so many keeps its state in a file that every crash closes and opens again. */
const FILE_EVERY = 10;

const reached = nothingReached();
let runs = 0;

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

async function run(program: Program, plan: CrashPlan): Promise<Observation> {
  runs += 1;
  let turn = runs;
  const { remove, ...state } = keeping(runs % FILE_EVERY === 0);
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

async function expectSame(program: Program, clean: Observation, plan: CrashPlan): Promise<void> {
  const crashed = await run(program, plan);
  expect(essence(crashed)).toEqual(essence(clean));
  expect(crashed.acceptedEnds.every(count => count === 1)).toBe(true);
}

test(`${PROGRAMS} random orchestrations come to the same when they crash at every commit, before and after (seed ${SEED})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const property = fc.asyncProperty(programs, async program => {
    const clean = await run(program, NO_CRASH);
    expect(clean.errors).toEqual([]);
    expect(clean.acceptedEnds.every(count => count === 1)).toBe(true);
    await expectSame(program, clean, crashEverywhere());
  });
  await fc.assert(property, { numRuns: PROGRAMS, seed: SEED });
});

test(`small ones come to the same after any single crash (seed ${SEED})`, { timeout: TIMEOUT_MS }, async () => {
  const property = fc.asyncProperty(programs, async program => {
    const clean = await run(program, NO_CRASH);
    fc.pre(clean.commits <= 25);
    for (let index = 0; index < clean.commits; index++) {
      for (const side of ['before', 'after'] as const) await expectSame(program, clean, crashAt(index, side));
    }
  });
  await fc.assert(property, { numRuns: Math.ceil(PROGRAMS / 15), seed: SEED });
});

test('every commit point that the engine lists was crashed at, before and after', () => {
  const missed = COMMIT_POINTS.flatMap(point =>
    (['before', 'after'] as const).filter(side => reached[point][side] === 0).map(side => `${side} ${point}`),
  );
  expect(missed).toEqual([]);
});
