import { describe, expect, test } from 'vitest';
import { START_MS, talk } from '../../helpers/capacity-talk.ts';
import { known, terms, use } from '../../helpers/capacity-world.ts';

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

  test('keeps the time that it had booked: others begin after it, whether it is resumed or not', () => {
    for (const wish of ['paused', 'go'] as const) {
      const { ask, tell } = perSecond();
      for (let stream = 0; stream < 4; stream += 1) ask({ stream, terms: own });
      tell('paused', START_MS + 1_000);
      tell(wish, START_MS + 1_500);
      const nowMs = START_MS + 1_500;
      expect(ask({ runId: 'b', terms: own, nowMs }).startAtMs).toBe(START_MS + 24_000);
    }
  });

  test('gives none of it back when it is cancelled after all, or leaves', () => {
    const talking = perSecond();
    talking.ask({ terms: own });
    talking.tell('paused');
    talking.tell('cancelled');
    expect(talking.state.gaps).toEqual([]);
    talking.leave({ terms: own });
    expect(talking.state).toMatchObject({ gaps: [], grants: {} });
  });

  test('teaches nothing of reservations by a batch that it broke off', () => {
    const talking = perSecond();
    talking.ask({ terms: own });
    const { error } = talking.state;
    talking.tell('paused', START_MS + 1_000);
    talking.tell('go', START_MS + 2_000);
    talking.ask({ terms: own, nowMs: START_MS + 9_000, want: 0, used: answered(2) });
    expect(talking.state).toMatchObject({ carriedTokens: 0, error });
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
