import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { control } from '../../../src/core/capacity/capacity.ts';
import { START_MS, talk } from '../../helpers/capacity-talk.ts';
import { known, mostInWindow, type Player, playOut, terms, use } from '../../helpers/capacity-world.ts';

const own = terms({ bufferPercent: 0 });
/** A conversation with a deployment that admits one call of 2,000 tokens a second. */
const perSecond = () => talk(known({ tokens: 120_000 }));
const answered = (units: number, admittedTokens = units * 2_000) =>
  use({ calls: units, answered: units, admittedTokens });

describe('a run that is paused', () => {
  test('is granted nothing, and asks again every 30 s; others go on', () => {
    const { ask, tell } = talk(known({}));
    ask();
    tell('paused', START_MS + 1_000);
    const nowMs = START_MS + 2_000;
    expect(ask({ nowMs, used: answered(20) })).toMatchObject({
      granted: 0,
      left: 980,
      startAtMs: nowMs + 30_000,
      control: 'paused',
      bound: 'paused',
    });
    expect(ask({ nowMs, fresh: false, want: 3 })).toMatchObject({ granted: 0, control: 'paused' });
    expect(ask({ nowMs, runId: 'b' })).toMatchObject({ granted: 20, control: 'go' });
  });

  test('goes on where it was when it is resumed', () => {
    const { ask, tell } = talk(known({}));
    ask();
    tell('paused');
    tell('go', START_MS + 60_000);
    expect(ask({ nowMs: START_MS + 60_000 })).toMatchObject({ granted: 20, from: 20, control: 'go' });
  });
});

describe('a run that is cancelled', () => {
  test('is told so', () => {
    const { ask, tell } = talk(known({}));
    ask();
    tell('cancelled');
    expect(ask({ stream: 1 })).toMatchObject({ granted: 0, control: 'cancelled', bound: null });
  });

  test('gives the time back that it had booked, but for what may begin meanwhile', () => {
    const { ask, tell } = perSecond();
    for (let stream = 0; stream < 4; stream += 1) ask({ stream, terms: own });
    tell('cancelled', START_MS + 1_000);
    const nowMs = START_MS + 1_000;
    expect(ask({ runId: 'b', terms: own, nowMs }).startAtMs).toBe(START_MS + 4_000);
  });

  test('gives back no more than it does not use: with the next run, too, no minute has more than the limit', () => {
    const shape = fc.record({
      streams: fc.integer({ min: 1, max: 8 }),
      batchSize: fc.integer({ min: 1, max: 40 }),
      latencyMs: fc.integer({ min: 50, max: 15_000 }),
    });
    fc.assert(
      fc.property(
        fc.tuple(shape, shape),
        fc.integer({ min: 40_000, max: 500_000 }),
        fc.constantFrom(0, 5, 20),
        fc.nat(120_000),
        (shapes, tokensPerMinute, bufferPercent, afterMs) => {
          const [one, other] = shapes.map(({ latencyMs, ...each }, n): Player => {
            const own = terms({ units: 150, bufferPercent });
            const fixed = { fromMs: START_MS, tokensOf: () => 2_000, latencyMs: () => latencyMs };
            return { runId: `run-${n}`, terms: own, ...fixed, ...each };
          }) as [Player, Player];
          const first = playOut([one], known({ tokens: tokensPerMinute }), START_MS + afterMs);
          const nowMs = START_MS + afterMs;
          const state = control(first.state, { runId: one.runId, control: 'cancelled', nowMs });
          const then = playOut([{ ...other, fromMs: nowMs }], state);
          expect(then.calls).toHaveLength(150);
          const made = [...first.calls.filter(({ atMs }) => atMs < nowMs + 3_000), ...then.calls];
          const amounts = made.map(({ atMs, tokens }) => ({ atMs, amount: tokens }));
          expect(mostInWindow(amounts, 60_000)).toBeLessThanOrEqual(tokensPerMinute);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('leaves nothing to make up for: the calls of a batch under way had their time', () => {
    const talking = perSecond();
    talking.ask({ terms: own });
    talking.tell('cancelled', START_MS + 1_000);
    const used = answered(4);
    talking.leave({ terms: own, nowMs: START_MS + 9_000, uses: [{ stream: 0, used }] });
    expect(talking.state).toMatchObject({ carriedTokens: 0, grants: {}, runs: {} });
  });
});

describe('a failure that is the same for every issue', () => {
  const fatal = use({ calls: 3, fatal: 'unauthorized' });

  test('in one stream stops the others of the run, and no other run', () => {
    const { ask } = talk(known({}));
    ask();
    ask({ stream: 1 });
    expect(ask({ used: fatal, fresh: false, want: 1 })).toMatchObject({ granted: 0, control: 'fatal', bound: null });
    expect(ask({ stream: 1, used: answered(20) })).toMatchObject({ granted: 0, control: 'fatal' });
    expect(ask({ runId: 'b' })).toMatchObject({ granted: 20, control: 'go' });
  });

  test('of a run that was cancelled changes nothing', () => {
    const { ask, tell } = talk(known({}));
    ask();
    tell('cancelled');
    expect(ask({ used: fatal })).toMatchObject({ control: 'cancelled' });
  });

  test('stays, whatever the run is told', () => {
    const { ask, tell } = talk(known({}));
    ask();
    ask({ used: fatal });
    for (const wish of ['go', 'paused', 'cancelled'] as const) {
      tell(wish);
      expect(ask()).toMatchObject({ granted: 0, control: 'fatal' });
    }
  });
});

describe('a message to a run', () => {
  test.each(['cancelled', 'paused'] as const)(
    'that has not reserved yet is heard by its first reservation: %s',
    wish => {
      const talking = talk(known({}));
      talking.tell(wish);
      expect(talking.ask({ terms: terms({ spentTokens: 700 }) })).toMatchObject({ granted: 0, control: wish });
      expect(talking.state.runs['a']).toMatchObject({ spentTokens: 700, tokensEach: 2_000 });
    },
  );

  test('to go on leaves its batches under way alone', () => {
    const talking = perSecond();
    talking.ask({ terms: own });
    const { grants, gaps } = talking.state;
    talking.tell('go');
    expect(talking.state).toMatchObject({ grants, gaps });
  });
});

describe('a grant that is not reported within the request timeout and 30 s after its end', () => {
  const overMs = START_MS + 6_000 + 90_000;

  test('is given up', () => {
    const talking = perSecond();
    talking.ask({ terms: own });
    talking.ask({ runId: 'b', nowMs: overMs - 1 });
    expect(talking.state.grants['a/0']).toMatchObject({ isGivenUp: false });
    talking.ask({ runId: 'b', nowMs: overMs });
    expect(talking.state.grants['a/0']).toMatchObject({ isGivenUp: true });
  });

  test('that reports after all leaves nothing to make up for', () => {
    const talking = perSecond();
    talking.ask({ terms: own });
    talking.ask({ runId: 'b', nowMs: overMs });
    talking.ask({ terms: own, nowMs: overMs + 1_000, used: answered(6) });
    expect(talking.state.carriedTokens).toBe(0);
  });
});

describe('a run that leaves', () => {
  test('is forgotten, its last batches are learned from, and others stay', () => {
    const talking = talk(known({}));
    talking.ask();
    talking.ask({ stream: 1 });
    talking.ask({ runId: 'b' });
    const used = use({ calls: 20, answered: 20, callCount: 20, callSeconds: 40, callSecondsSquared: 80 });
    const uses = [0, 1].map(stream => ({ stream, used }));
    expect(talking.leave({ uses }).callMs).toEqual({ count: 40, mean: 2_000, cv: 0 });
    expect([Object.keys(talking.state.runs), Object.keys(talking.state.grants)]).toEqual([['b'], ['b/0']]);
  });

  test('gives back the time of streams that died', () => {
    const { ask, leave } = perSecond();
    for (let stream = 0; stream < 4; stream += 1) ask({ stream, terms: own });
    leave({ nowMs: START_MS + 1_000, terms: own });
    expect(ask({ runId: 'b', terms: own, nowMs: START_MS + 1_000 }).startAtMs).toBe(START_MS + 4_000);
  });

  test('may be unknown, as after a lost state', () => {
    const talking = talk();
    talking.leave({ uses: [{ stream: 0, used: answered(4) }] });
    expect(talking.state).toMatchObject({ isProbed: true, runs: {}, grants: {} });
  });
});
