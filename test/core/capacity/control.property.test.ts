import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { control, reserve } from '../../../src/core/capacity/capacity.ts';
import type { CapacityState } from '../../../src/core/capacity/state.ts';
import { START_MS } from '../../helpers/capacity-talk.ts';
import {
  known,
  mostInWindow,
  type PlayedCall,
  type Player,
  playOut,
  terms,
  use,
} from '../../helpers/capacity-world.ts';

const MINUTE_MS = 60_000;
/** How long after a word to a run its calls may still begin. */
const HEARD_MS = 3_000;
const ROOM = 1_000;
const UNITS = 150;

interface Shape {
  readonly streams: number;
  readonly batchSize: number;
  readonly latencyMs: number;
  readonly prompt: number;
}

type Three<T> = [T, T, T];

const shapeOf = (prompt: fc.Arbitrary<number>): fc.Arbitrary<Shape> =>
  fc.record({
    streams: fc.integer({ min: 1, max: 8 }),
    batchSize: fc.integer({ min: 1, max: 40 }),
    latencyMs: fc.integer({ min: 50, max: 15_000 }),
    prompt,
  });
const limit = fc.integer({ min: 40_000, max: 500_000 });
const buffer = fc.constantFrom(0, 5, 20);

function playerOf(shape: Shape, n: number, bufferPercent: number): Player {
  const { streams, batchSize, latencyMs, prompt } = shape;
  return {
    runId: `run-${n}`,
    terms: terms({ units: UNITS, bufferPercent, promptTokensEach: prompt }),
    streams,
    batchSize,
    fromMs: START_MS,
    tokensOf: () => prompt + ROOM,
    latencyMs: () => latencyMs,
  };
}

const from = (atMs: number, ...players: Player[]): Player[] => players.map(player => ({ ...player, fromMs: atMs }));

function expectWithin(calls: readonly PlayedCall[], tokensPerMinute: number): void {
  const amounts = calls.map(({ atMs, tokens }) => ({ atMs, amount: tokens }));
  expect(mostInWindow(amounts, MINUTE_MS)).toBeLessThanOrEqual(tokensPerMinute);
}

describe('a run that is cancelled gives back no more than it does not use', () => {
  const within = (prompt: fc.Arbitrary<number>, examples: [Three<Shape>, number, number, number][] = []) =>
    fc.assert(
      fc.property(
        fc.tuple(shapeOf(prompt), shapeOf(prompt), shapeOf(prompt)),
        limit,
        buffer,
        fc.nat(120_000),
        (shapes, tokensPerMinute, bufferPercent, afterMs) => {
          const [one, other, next] = shapes.map((shape, n) => playerOf(shape, n, bufferPercent)) as Three<Player>;
          const nowMs = START_MS + afterMs;
          const first = playOut([one, other], known({ tokens: tokensPerMinute }), nowMs);
          const state = control(first.state, { runId: one.runId, control: 'cancelled', nowMs });
          const then = playOut(from(nowMs, other, next), state);
          const isMade = ({ runId, atMs }: PlayedCall) => runId !== one.runId || atMs < nowMs + HEARD_MS;
          const made = [...first.calls.filter(isMade), ...then.calls];
          expect(made.filter(({ runId }) => runId !== one.runId)).toHaveLength(2 * UNITS);
          expectWithin(made, tokensPerMinute);
        },
      ),
      { numRuns: 100, examples },
    );

  test('with runs whose calls are of one size', () => within(fc.constant(1_000)));

  test('with runs whose calls are of two sizes', () => {
    for (const prompts of [
      [1_000, 2_500],
      [200, 900],
      [100, 9_000],
    ])
      within(fc.constantFrom(...prompts));
  });

  test('with a run of larger calls that comes while smaller ones are packed', () => {
    const shape = { batchSize: 8, latencyMs: 50 };
    const packed = { ...shape, streams: 6, prompt: 1_000 };
    const larger = { ...shape, streams: 2, batchSize: 1, prompt: 2_500 };
    within(fc.constant(1_000), [[[packed, { ...packed, streams: 4 }, larger], 362_000, 0, 39_100]]);
  });

  test('with runs whose calls are of many sizes', () => within(fc.integer({ min: 50, max: 9_000 })));
});

test('a run that is paused and resumed does not use time that another run was given', () => {
  fc.assert(
    fc.property(
      fc.tuple(shapeOf(fc.constantFrom(1_000, 2_500)), shapeOf(fc.constantFrom(1_000, 2_500))),
      limit,
      buffer,
      fc.nat(90_000),
      fc.nat(40_000),
      (shapes, tokensPerMinute, bufferPercent, afterMs, pauseMs) => {
        const [one, other] = shapes.map((shape, n) => playerOf(shape, n, bufferPercent)) as [Player, Player];
        const [pausedAtMs, resumedAtMs] = [START_MS + afterMs, START_MS + afterMs + pauseMs];
        const first = playOut([one], known({ tokens: tokensPerMinute }), pausedAtMs);
        // A call whose instant comes after the pause begins: its worker never hears of it.
        const isMade = ({ atMs }: PlayedCall) => atMs < pausedAtMs + HEARD_MS || atMs >= resumedAtMs;
        const paused = control(first.state, { runId: one.runId, control: 'paused', nowMs: pausedAtMs });
        const meanwhile = playOut(from(pausedAtMs, other), paused, resumedAtMs);
        const told = { runId: one.runId, control: 'go', nowMs: resumedAtMs } as const;
        const resumed = reported(control(meanwhile.state, told), one, first.calls.filter(isMade), resumedAtMs);
        const then = playOut(from(resumedAtMs, one, other), resumed);
        const made = [...first.calls.filter(isMade), ...meanwhile.calls, ...then.calls];
        expect(made.filter(({ runId }) => runId === other.runId)).toHaveLength(UNITS);
        expectWithin(made, tokensPerMinute);
      },
    ),
    { numRuns: 150 },
  );
});

/** The state after the streams of a run have told what their batches came to, of which not every call was made. */
function reported(first: CapacityState, { runId, terms: own, streams }: Player, made: PlayedCall[], nowMs: number) {
  return Array.from({ length: streams }, (_, stream) => stream).reduce((state, stream) => {
    const grant = state.grants[`${runId}/${stream}`];
    if (!grant) return state;
    const calls = made.filter(({ atMs }) => atMs >= grant.startAtMs && atMs < grant.endAtMs).length;
    const used = use({ calls, answered: calls, admittedTokens: Math.min(calls, grant.units) * grant.tokensEach });
    return reserve(state, { runId, stream, nowMs, want: 0, fresh: true, terms: own, used }).state;
  }, first);
}
