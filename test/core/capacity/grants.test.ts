import { describe, expect, test } from 'vitest';
import { givenUp, grantKey, withoutExpired, withRuns } from '../../../src/core/capacity/grants.ts';
import { OPEN_GATE } from '../../../src/core/capacity/service-gate.ts';
import type { CapacityState, OpenGrant, RunShare } from '../../../src/core/capacity/state.ts';
import { START_MS } from '../../helpers/capacity-talk.ts';
import { known } from '../../helpers/capacity-world.ts';

const DAY_MS = 86_400_000;

/** A grant of ten calls that start within ten seconds from now. */
function grant(changes: Partial<OpenGrant> = {}): OpenGrant {
  return {
    runId: 'a',
    units: 10,
    tokensEach: 2_000,
    billedTokensEach: 2_500,
    costUsdEach: 0.001,
    startAtMs: START_MS,
    endAtMs: START_MS + 10_000,
    expiresAtMs: START_MS + 100_000,
    isGivenUp: false,
    ...changes,
  };
}

const run = (seenAtMs = START_MS): RunShare => ({
  seenAtMs,
  cursor: 0,
  control: 'go',
  tag: 0,
  isDelayed: false,
  tokensEach: 2_000,
  spentTokens: 0,
  spentUsd: 0,
  billed: { promptTokens: 0, calls: 0 },
});

/** Time that was given back, from now on. */
const gapOf = (fromMs: number, toMs: number, tokensEach = 2_000) => ({
  fromMs: START_MS + fromMs,
  toMs: START_MS + toMs,
  tokensEach,
});

const stateWith = (changes: Partial<CapacityState>): CapacityState => ({
  ...known({ tokens: 120_000 }),
  nowMs: START_MS,
  runs: { a: run(), b: run() },
  ...changes,
});

test('a grant is known by its run and stream', () => {
  expect(new Set([grantKey('a', 1), grantKey('a', 11), grantKey('a:1', 1), grantKey('b', 1)]).size).toBe(4);
});

describe('a grant that is given up', () => {
  const both = stateWith({ grants: { 'a/0': grant(), 'b/0': grant({ runId: 'b' }) } });
  const ofA = ({ runId }: OpenGrant) => runId === 'a';

  test('gives its time back, from three seconds on', () => {
    expect(givenUp(both, ofA).gaps).toEqual([gapOf(3_000, 10_000)]);
    const ahead = grant({ startAtMs: START_MS + 8_000 });
    expect(givenUp(stateWith({ grants: { 'a/0': ahead } }), ofA).gaps).toEqual([gapOf(8_000, 10_000)]);
  });

  test('gives none of it back that a call which still begins has need of', () => {
    const between = grant({ startAtMs: START_MS - 500, endAtMs: START_MS + 9_500 });
    expect(givenUp(stateWith({ grants: { 'a/0': between } }), ofA).gaps).toEqual([gapOf(3_500, 9_500)]);
  });

  test('has nothing to give back where its last call begins within three seconds', () => {
    const short = grant({ endAtMs: START_MS + 3_000 });
    const atOnce = grant({ startAtMs: START_MS + 4_000, endAtMs: START_MS + 4_000 });
    expect(givenUp(stateWith({ grants: { 'a/0': short, 'a/1': atOnce } }), ofA).gaps).toEqual([]);
  });

  test('stays, marked, until it is reported; others stay as they are', () => {
    expect(givenUp(both, ofA).grants).toEqual({ 'a/0': grant({ isGivenUp: true }), 'b/0': grant({ runId: 'b' }) });
  });

  test.each([
    ['joined to what was given back next to it', 2_000, [gapOf(3_000, 20_000)]],
    ['not joined to what was booked for another size', 1_000, [gapOf(3_000, 10_000), gapOf(10_000, 20_000, 1_000)]],
  ])('gives time back that is %s', (_, tokensEach, gaps) => {
    const next = grant({ startAtMs: START_MS + 10_000, endAtMs: START_MS + 20_000, tokensEach });
    const first = stateWith({ grants: { 'a/0': grant() }, gaps: [] });
    expect(givenUp({ ...first, gaps: [gapOf(10_000, 20_000, tokensEach)] }, ofA).gaps).toEqual(gaps);
    expect(givenUp(stateWith({ grants: { 'a/1': next, 'a/0': grant() } }), ofA).gaps).toEqual(gaps);
  });

  test('gives time back that stands alone where calls of others lie between', () => {
    const gaps = [gapOf(11_000, 20_000)];
    expect(givenUp({ ...both, gaps }, ofA).gaps).toEqual([gapOf(3_000, 10_000), ...gaps]);
  });

  test('gives its time back once', () => {
    const once = givenUp(both, ofA);
    expect(givenUp(once, ofA)).toEqual(once);
  });

  test('is no probe any more', () => {
    const gate = { ...OPEN_GATE, closedUntilMs: START_MS - 1, probe: 'a/0' };
    expect(givenUp({ ...both, gate }, ofA).gate.probe).toBeNull();
    expect(givenUp({ ...both, gate: { ...gate, probe: 'b/0' } }, ofA).gate.probe).toBe('b/0');
  });
});

describe('what is over', () => {
  test('grants that were not reported in time', () => {
    const grants = { 'a/0': grant({ expiresAtMs: START_MS }), 'a/1': grant({ expiresAtMs: START_MS + 1 }) };
    const { 'a/0': due, 'a/1': fresh } = withoutExpired(stateWith({ grants })).grants;
    expect([due?.isGivenUp, fresh?.isGivenUp]).toEqual([true, false]);
  });

  test('runs that were not seen for a day, with their grants', () => {
    const runs = { a: run(START_MS - DAY_MS), b: run(START_MS - DAY_MS + 1) };
    const grants = { 'a/0': grant(), 'b/0': grant({ runId: 'b' }) };
    const state = withoutExpired(stateWith({ runs, grants }));
    expect([Object.keys(state.runs), Object.keys(state.grants)]).toEqual([['b'], ['b/0']]);
  });

  test('time that has passed or is used up, and sizes of calls a minute ago', () => {
    const ahead = gapOf(-5, 5);
    const gaps = [gapOf(-5, 0), gapOf(5, 5), ahead];
    const lately = { tokens: 2_000, atMs: START_MS - 59_999 };
    const sizes = [{ tokens: 1_000, atMs: START_MS - 60_000 }, lately];
    expect(withoutExpired(stateWith({ gaps, sizes }))).toMatchObject({ gaps: [ahead], sizes: [lately] });
  });
});

test('a run that is taken out takes its grants along', () => {
  const grants = { 'a/0': grant(), 'b/0': grant({ runId: 'b' }) };
  const state = withRuns(stateWith({ grants }), { b: run() });
  expect([Object.keys(state.runs), Object.keys(state.grants)]).toEqual([['b'], ['b/0']]);
});
