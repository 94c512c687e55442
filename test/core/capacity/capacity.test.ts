import { describe, expect, test } from 'vitest';
import { capacityView } from '../../../src/core/capacity/capacity.ts';
import { CapacityViewSchema, GrantSchema, type ServiceLimits } from '../../../src/core/capacity/messages.ts';
import { CapacityStateSchema, FRESH_CAPACITY } from '../../../src/core/capacity/state.ts';
import { START_MS, talk } from '../../helpers/capacity-talk.ts';
import { known, terms, use } from '../../helpers/capacity-world.ts';

const MINUTE_MS = 60_000;

const limits = (changes: Partial<ServiceLimits> = {}): ServiceLimits => ({
  atMs: START_MS,
  tokensPerMinute: 120_000,
  remainingTokens: null,
  tokensResetMs: null,
  requestsPerMinute: 600,
  remainingRequests: null,
  requestsResetMs: null,
  ...changes,
});

/** A batch that was answered as it was reserved. */
const answered = (units: number, changes: Parameters<typeof use>[0] = {}) =>
  use({ calls: units, answered: units, admittedTokens: units * 2_000, ...changes });

describe('new units', () => {
  test('are drawn in turn by whoever asks, until there are none', () => {
    const { ask } = talk(known({}));
    const own = terms({ units: 45 });
    expect(ask({ terms: own })).toMatchObject({ granted: 20, from: 0, left: 25 });
    expect(ask({ terms: own, stream: 1 })).toMatchObject({ granted: 20, from: 20, left: 5 });
    expect(ask({ terms: own, stream: 2 })).toMatchObject({ granted: 5, from: 40, left: 0 });
    expect(ask({ terms: own, stream: 1 })).toMatchObject({
      granted: 0,
      left: 0,
      startAtMs: START_MS,
      control: 'go',
      bound: null,
    });
  });

  test('are those of the run', () => {
    const { ask } = talk(known({}));
    ask();
    expect(ask({ runId: 'b' })).toMatchObject({ granted: 20, from: 0, left: 980 });
  });

  test('are not drawn where room is wanted for units that were put back', () => {
    const { ask } = talk(known({}));
    ask({ terms: terms({ units: 20 }) });
    expect(ask({ terms: terms({ units: 20 }), fresh: false, want: 7 })).toMatchObject({ granted: 7, left: 0 });
  });

  test('are drawn again where the state was lost', () => {
    const { ask } = talk();
    const spent = { spentTokens: 5_000, spentUsd: 0.5 };
    expect(ask({ terms: terms(spent), used: answered(20) })).toMatchObject({ granted: 20, from: 0 });
  });
});

describe('a deployment of which nothing is known', () => {
  test('gets a small batch of each stream, until an answer has come', () => {
    const { ask } = talk();
    expect(ask()).toMatchObject({ granted: 4, from: 0, spacingMs: 0 });
    expect(ask({ stream: 1 })).toMatchObject({ granted: 4, from: 4 });
    expect(ask({ stream: 1, used: use({ calls: 4, throttled: 4 }) })).toMatchObject({ granted: 4, from: 8 });
    expect(ask({ used: answered(4) })).toMatchObject({ granted: 20, from: 12 });
  });

  test('is known by the limits that its answers name, as long as it does not name others', () => {
    const { ask } = talk();
    ask();
    const later = { nowMs: START_MS + MINUTE_MS, used: answered(4, { limits: limits() }) };
    // A fifth of 2,000 tokens a second stays unused.
    expect(ask(later).spacingMs).toBeGreaterThan(1_000);
    const latest = { nowMs: START_MS + 2 * MINUTE_MS, used: answered(5) };
    expect(ask(latest).spacingMs).toBeGreaterThan(1_000);
  });
});

describe('limits that were set', () => {
  const own = terms({ tokensPerMinute: 60_000, bufferPercent: 0 });

  test('hold before the first answer, and whatever the answers say', () => {
    const { ask } = talk();
    expect(ask({ terms: own }).spacingMs).toBe(2_000);
    const used = answered(3, { limits: limits({ tokensPerMinute: 1_000_000 }) });
    expect(ask({ terms: own, nowMs: START_MS + MINUTE_MS, used }).spacingMs).toBe(2_000);
  });
});

describe('a reservation that must wait', () => {
  test('for the meters is told when to ask again, in 30 s at most', () => {
    const { ask } = talk(known({ tokens: 120_000 }));
    const own = terms({ bufferPercent: 0 });
    for (let stream = 0; stream < 6; stream += 1) expect(ask({ stream, terms: own }).granted).toBe(6);
    expect(ask({ stream: 6, terms: own })).toMatchObject({
      granted: 0,
      startAtMs: START_MS + 30_000,
      bound: 'tokens',
      left: 964,
    });
  });

  test('makes its run a contender, whom runs that are ahead wait for', () => {
    const { ask } = talk(known({ tokens: 120_000 }));
    const own = terms({ bufferPercent: 0 });
    ask({ terms: own });
    expect(ask({ terms: own, runId: 'b' })).toMatchObject({ granted: 6, bound: 'tokens' });
    expect(ask({ terms: own, stream: 1 })).toMatchObject({ granted: 6 });
    expect(ask({ terms: own, stream: 2 })).toMatchObject({ granted: 0, startAtMs: START_MS + 2_000 });
    expect(ask({ terms: own, runId: 'b', stream: 1 })).toMatchObject({ granted: 6 });
    expect(ask({ terms: own, stream: 2 })).toMatchObject({ granted: 6 });
  });

  test('for the service is told when, and one of all runs tries first', () => {
    const { ask } = talk(known({}));
    ask();
    const closed = ask({ used: use({ calls: 5, failed: 5 }) });
    expect(closed).toMatchObject({ granted: 0, startAtMs: START_MS + 15_000, bound: 'service', control: 'go' });
    expect(ask({ runId: 'b' })).toMatchObject({ granted: 0, bound: 'service' });
    const nowMs = START_MS + 15_000;
    expect(ask({ runId: 'b', nowMs })).toMatchObject({ granted: 1, startAtMs: nowMs });
    expect(ask({ nowMs })).toMatchObject({ granted: 0, startAtMs: nowMs + 5_000, bound: 'service' });
    expect(ask({ runId: 'b', nowMs: nowMs + 2_000, used: answered(1) })).toMatchObject({ granted: 20 });
    expect(ask({ nowMs: nowMs + 2_000 })).toMatchObject({ granted: 20 });
  });

  test('for a service that asks for a day is told to ask again in 30 s, and one tries after ten minutes', () => {
    const talking = talk(known({}));
    talking.ask();
    const used = use({ calls: 1, throttled: 1, retryAtMs: START_MS + 86_400_000 });
    expect(talking.ask({ used })).toMatchObject({ granted: 0, startAtMs: START_MS + 30_000, bound: 'service' });
    expect(capacityView(talking.state).closedUntilMs).toBe(START_MS + 600_000);
    expect(talking.ask({ nowMs: START_MS + 599_999 }).granted).toBe(0);
    expect(talking.ask({ nowMs: START_MS + 600_000 }).granted).toBe(1);
  });
});

describe('a probe that is lost with its stream', () => {
  test('is followed by another one when its grant is over', () => {
    const { ask } = talk(known({}));
    ask();
    ask({ used: use({ calls: 5, failed: 5 }) });
    const triedAtMs = START_MS + 15_000;
    expect(ask({ stream: 1, nowMs: triedAtMs }).granted).toBe(1);
    expect(ask({ nowMs: triedAtMs + 89_999 })).toMatchObject({ granted: 0, bound: 'service' });
    expect(ask({ nowMs: triedAtMs + 90_000 })).toMatchObject({ granted: 1 });
  });

  test('is followed by another one when its run is told to stop', () => {
    const { ask, tell } = talk(known({}));
    ask();
    ask({ used: use({ calls: 5, failed: 5 }) });
    const triedAtMs = START_MS + 15_000;
    expect(ask({ stream: 1, nowMs: triedAtMs }).granted).toBe(1);
    tell('cancelled', triedAtMs + 1_000);
    expect(ask({ runId: 'b', nowMs: triedAtMs + 1_000 }).granted).toBe(1);
  });
});

describe('calls of others', () => {
  /** After one batch, whose answers told so much to be left of 120,000 tokens for the rest of the minute. */
  const nextStart = (remainingTokens: number | null) => {
    const { ask } = talk(known({ tokens: 120_000 }));
    const own = terms({ bufferPercent: 0 });
    ask({ terms: own });
    const nowMs = START_MS + 6_000;
    const used = answered(6, { limits: limits({ atMs: nowMs, remainingTokens, tokensResetMs: 50_000 }) });
    const { startAtMs } = ask({ terms: own, nowMs, used });
    return startAtMs - nowMs;
  };

  test('are waited for where the service has less left than this app leaves', () => {
    expect(nextStart(108_000)).toBe(0);
    expect(nextStart(null)).toBe(0);
    // 60,000 are enough for 30 of the 50 seconds; two are slack.
    expect(nextStart(60_000)).toBe(18_000);
  });

  test('are waited for a minute at most: a window of a day does not close the deployment for one', () => {
    const { ask } = talk(known({ tokens: 120_000 }));
    const own = terms({ bufferPercent: 0 });
    ask({ terms: own });
    const nowMs = START_MS + 6_000;
    const figures = {
      remainingTokens: 0,
      tokensResetMs: 86_400_000,
      remainingRequests: 0,
      requestsResetMs: 86_400_000,
    };
    ask({ terms: own, nowMs, used: answered(6, { limits: limits({ atMs: nowMs, ...figures }) }) });
    expect(ask({ terms: own, nowMs: nowMs + MINUTE_MS })).toMatchObject({ granted: 6, startAtMs: nowMs + MINUTE_MS });
  });

  test('of requests too', () => {
    const { ask } = talk(known({ requests: 60 }));
    const own = terms({ bufferPercent: 0 });
    ask({ terms: own });
    const nowMs = START_MS + 6_000;
    const seen = { atMs: nowMs, tokensPerMinute: null, requestsPerMinute: 60 };
    const used = answered(6, { limits: limits({ ...seen, remainingRequests: 10, requestsResetMs: 30_000 }) });
    expect(ask({ terms: own, nowMs, used }).startAtMs).toBe(nowMs + 17_600);
  });
});

describe('the room for answers', () => {
  test('goes into the grant and into what is reserved, once 200 answers are known', () => {
    const talking = talk(known({}));
    expect(talking.ask().maxCompletionTokens).toBe(1_000);
    const completions = Array.from({ length: 200 }, () => 100);
    expect(talking.ask({ used: answered(20, { completions }) }).maxCompletionTokens).toBe(144);
    expect(talking.state.grants['a/0']).toMatchObject({ tokensEach: 1_144 });
    expect(talking.ask({ terms: terms({ maxCompletionTokens: 50 }) }).maxCompletionTokens).toBe(50);
  });
});

describe('time', () => {
  test('is the greatest that anybody told', () => {
    const { ask } = talk(known({}));
    ask({ nowMs: START_MS + 5_000 });
    expect(ask({ stream: 1, nowMs: START_MS }).startAtMs).toBe(START_MS + 5_000);
  });
});

test('states, grants and views survive JSON and their schemas', () => {
  const talking = talk();
  const grants = [talking.ask(), talking.ask({ stream: 1 })];
  talking.ask({ used: answered(4, { limits: limits(), completions: [100] }) });
  talking.tell('paused');
  const view = talking.leave({ uses: [{ stream: 1, used: use({ calls: 5, failed: 5 }) }] });
  for (const grant of grants) expect(GrantSchema.parse(JSON.parse(JSON.stringify(grant)))).toEqual(grant);
  expect(CapacityViewSchema.parse(JSON.parse(JSON.stringify(view)))).toEqual(view);
  const { state } = talking;
  expect(CapacityStateSchema.parse(JSON.parse(JSON.stringify(state)))).toEqual(state);
});

describe('the view', () => {
  test('of a deployment of which nothing is known', () => {
    expect(capacityView(FRESH_CAPACITY)).toEqual({
      tokensPerMinute: null,
      requestsPerMinute: null,
      bufferPercent: 20,
      maxCompletionTokens: {},
      meanCompletionTokens: {},
      callMs: null,
      closedUntilMs: null,
    });
  });

  test('shows limits, answers by analysis, times of calls with their spread, and the wait for the service', () => {
    const view = capacityView({
      ...known({ tokens: 120_000, requests: 720 }, 0.06),
      nowMs: START_MS,
      answers: { triage: { '7': 300 }, seldom: { '7': 3 }, never: {} },
      calls: { count: 2, seconds: 4, squares: 10 },
      gate: { failures: 5, closings: 1, closedUntilMs: START_MS + 9_000, probe: null },
    });
    expect(view).toEqual({
      tokensPerMinute: 120_000,
      requestsPerMinute: 720,
      bufferPercent: 5,
      maxCompletionTokens: { triage: 144 },
      meanCompletionTokens: { triage: 104, seldom: 104 },
      // Of 1 s and 3 s.
      callMs: { count: 2, mean: 2_000, cv: 0.5 },
      closedUntilMs: START_MS + 9_000,
    });
  });

  test('shows no wait that is over', () => {
    const gate = { failures: 5, closings: 1, closedUntilMs: START_MS, probe: null };
    expect(capacityView({ ...known({}), nowMs: START_MS, gate }).closedUntilMs).toBeNull();
  });
});
