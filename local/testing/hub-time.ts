import type { DurableEngine } from '../engine/engine.ts';
import type { Attendance } from './activity-time.ts';
import type { ManualClock } from './manual-clock.ts';

/** Rounds at one instant after which an orchestration is taken to go round for ever. */
const MOST_ROUNDS = 20_000;
const NEVER_MS = Number.POSITIVE_INFINITY;

/** How the time of a test hub goes on: it stands still but in these functions. Each of them waits for the one before. */
export interface HubTime {
  /**
   * One round: starts all that is due and waits until it has ended or sleeps in `delay`. Results of a round are taken up in
   * the next one.
   *
   * @returns whether anything was due
   */
  tick(): Promise<boolean>;
  /**
   * Rounds until nothing is due any more at the present instant.
   *
   * @throws when there is no end to it after 20,000 rounds, as with an orchestration that loops without a timer
   */
  settle(): Promise<void>;
  /** Settles, then goes on by so much, stopping at each instant at which something becomes due, to settle there. */
  advance(lengthMs: number): Promise<void>;
  /**
   * Settles, then goes to the next instant at which something becomes due – a timer, a retry, the end of a `delay` – and
   * settles there.
   *
   * @returns false when there is none
   */
  skipToNextInstant(): Promise<boolean>;
}

/** Runs works one after the other, however they are called. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve();
  return <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(() => work());
    last = result.catch(() => {});
    return result;
  };
}

/** One round of the engine, as far as it goes without the clock. An engine that has failed fails every later round. */
function createTick(engine: Pick<DurableEngine, 'tick'>, attendance: Attendance): () => Promise<boolean> {
  let failure: { readonly error: unknown } | undefined;
  return async () => {
    // What a delay has woken ends before timers of the same instant fire.
    await attendance.nobodyAwake();
    let didWork = true;
    const round = engine.tick().then(
      did => {
        didWork = did;
      },
      (error: unknown) => {
        failure = { error };
      },
    );
    await attendance.nobodyAwake();
    // A round in which somebody sleeps ends later.
    if (!attendance.isAnyonePresent()) await round;
    if (failure) throw failure.error;
    return didWork;
  };
}

/**
 * Makes the time of a hub.
 *
 * @param engine - without its pump
 * @param attendance - of all that the engine runs
 */
export function createHubTime(
  engine: Pick<DurableEngine, 'tick' | 'nextDueAtMs'>,
  clock: ManualClock,
  attendance: Attendance,
): HubTime {
  const inTurn = createTurns();
  const tick = createTick(engine, attendance);

  async function settle(): Promise<void> {
    for (let rounds = 0; await tick(); rounds++) {
      if (rounds < MOST_ROUNDS) continue;
      throw new Error(`Still at work after ${MOST_ROUNDS} rounds at one instant: does it loop without a timer?`);
    }
  }

  function nextInstantMs(): number {
    return Math.min(engine.nextDueAtMs() ?? NEVER_MS, clock.nextCallAtMs() ?? NEVER_MS);
  }

  async function skipToNextInstant(latestMs = Number.MAX_VALUE): Promise<boolean> {
    await settle();
    const instantMs = nextInstantMs();
    if (instantMs > latestMs) return false;
    clock.advanceTo(instantMs);
    await settle();
    return true;
  }

  return {
    tick: () => inTurn(tick),
    settle: () => inTurn(settle),
    advance: lengthMs =>
      inTurn(async () => {
        const endMs = clock.nowMs() + lengthMs;
        while (await skipToNextInstant(endMs)) {
          // On to the next one.
        }
        clock.advanceTo(endMs);
      }),
    skipToNextInstant: () => inTurn(() => skipToNextInstant()),
  };
}
