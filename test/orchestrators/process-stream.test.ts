import type { EntityHandler } from 'durable-functions';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activityNowMs } from '../../local/testing/activity-time.ts';
import type { Grant, Reserve } from '../../src/core/capacity/messages.ts';
import { type CapacityState, FRESH_CAPACITY } from '../../src/core/capacity/state.ts';
import { StreamOutputSchema } from '../../src/core/contracts.ts';
import { capacity } from '../../src/entities/capacity.ts';
import { deferred, failedWith, NOON_MS, plan, sawAnswer, settled } from '../helpers/factories.ts';
import { activities, runOrchestration, togetherOnly } from '../helpers/replay.ts';
import { numbers, streamInput, timetable } from '../helpers/streams.ts';

describe('a stream', () => {
  test('draws its batches one after the other, with the pause between', async () => {
    const run = await runOrchestration('processStream', streamInput(7));
    expect(timetable(run)).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [3, 1_000],
      [4, 1_000],
      [5, 1_000],
      [6, 2_000],
    ]);
    expect(run).toMatchObject({
      runtimeStatus: 'Completed',
      output: { stopped: null, progress: { succeeded: 7, batches: 3, calls: 7 }, used: null },
    });
    expect(run.endedAtMs).toBe(NOON_MS + 2_000);
  });

  test('has all issues of a batch in flight at one time', async () => {
    const run = await runOrchestration('processStream', streamInput(3), activities({ analyzeIssue: togetherOnly(3) }));
    expect(run.output).toMatchObject({ progress: { succeeded: 3, batches: 1 } });
  });

  test('has no timer where there is no pause', async () => {
    const own = plan({ streams: 1, batchDelayMs: 0 });
    const run = await runOrchestration('processStream', streamInput(7, { plan: own }));
    expect(run.instance('run-1').waitsMs).toEqual([]);
    expect(run.endedAtMs).toBe(NOON_MS);
  });

  test('begins with as many calls as may be in flight, until an answer has come', async () => {
    const own = plan({ streams: 2, concurrency: 10, batchSize: 20 });
    const run = await runOrchestration('processStream', streamInput(50, { plan: own }));
    expect(timetable(run).map(([, atMs]) => atMs)).toEqual([
      ...numbers(5).map(() => 0),
      ...numbers(20).map(() => 1_000),
      ...numbers(20).map(() => 2_000),
      ...numbers(5).map(() => 3_000),
    ]);
  });

  test('gives each call its own instant and room where the deployment is limited, and waits for the first by a timer', async () => {
    const own = plan({ streams: 1, batchSize: 3, tokensPerMinute: 96_000, bufferPercent: 0 });
    const asReserved = settled();
    const exact = { ...asReserved, seen: { ...asReserved.seen, admittedTokens: 1_600 } };
    const run = await runOrchestration(
      'processStream',
      streamInput(6, { plan: own }),
      activities({ analyzeIssue: () => exact }),
    );
    const inputs = run.calls.flatMap(({ name, input }) => (name === 'analyzeIssue' ? [input] : []));
    expect(inputs.map(({ startAtMs }) => startAtMs - NOON_MS)).toEqual([0, 1_000, 2_000, 3_000, 4_000, 5_000]);
    expect(new Set(inputs.map(({ maxCompletionTokens }) => maxCompletionTokens))).toEqual(new Set([1_200]));
    expect(timetable(run)[3]).toEqual([3, 3_000]);
    expect(run.instance('run-1').waitsMs).toEqual([1_000, 2_000]);
    expect(run.output).toMatchObject({ progress: { waitedMs: { tokens: 2_000 } } });
  });

  test('tells nothing twice: the entity knows each call once', async () => {
    const run = await runOrchestration('processStream', streamInput(9));
    expect(run.capacity?.calls.count).toBe(9);
    expect(run.output).toMatchObject({ used: null, progress: { calls: 9 } });
  });

  test('tells what a batch came to at once where the pause is long, and keeps the pause', async () => {
    const told: number[] = [];
    const listening: EntityHandler<CapacityState> = context => {
      const { used, nowMs } = context.df.getInput() as Reserve;
      if (used) told.push(nowMs - NOON_MS);
      return capacity(context);
    };
    const own = plan({ streams: 1, batchSize: 3, batchDelayMs: 25_000 });
    const run = await runOrchestration('processStream', streamInput(6, { plan: own }), activities(), {
      capacity: listening,
    });
    expect(told).toEqual([0, 25_000]);
    expect(timetable(run).map(([, atMs]) => atMs)).toEqual([0, 0, 0, 25_000, 25_000, 25_000]);
  });

  test('whose last batch cannot be told ends all the same; it goes with the output, to be told when the run leaves', async () => {
    const deaf: EntityHandler<CapacityState> = context => {
      if ((context.df.getInput() as Reserve).want === 0) throw new Error('storage is away');
      return capacity(context);
    };
    const run = await runOrchestration('processStream', streamInput(9), activities(), { capacity: deaf });
    expect(run.capacity?.calls.count).toBe(6);
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 9 }, used: { callCount: 3 } });
  });

  test('that is woken late keeps the pace of its grant', async () => {
    const granted: Grant = {
      ...{ granted: 3, from: 0, left: 0, startAtMs: NOON_MS - 60_000, spacingMs: 1_000 },
      ...{ maxCompletionTokens: 1_200, control: 'go', bound: null },
    };
    const past: EntityHandler<CapacityState> = context => {
      context.df.setState(FRESH_CAPACITY);
      context.df.return(granted);
    };
    const run = await runOrchestration('processStream', streamInput(3), activities(), { capacity: past });
    const starts = run.calls.flatMap(({ name, input }) => (name === 'analyzeIssue' ? [input.startAtMs - NOON_MS] : []));
    expect(starts).toEqual([0, 1_000, 2_000]);
  });

  test('reckons what an answer without a known price cost by the price of its deployment, as its cap goes by', async () => {
    const own = plan({ streams: 1, batchSize: 3, maxCostUsd: 10 });
    const nameless = activities({ analyzeIssue: () => settled({ seen: sawAnswer({ costUsd: null }) }) });
    const run = await runOrchestration('processStream', streamInput(3, { plan: own }), nameless);
    expect(run.capacity?.runs['run-1:1']?.spentUsd).toBeCloseTo((3 * (100 * 0.15 + 10 * 0.6)) / 1e6, 9);
    expect(run.output).toMatchObject({ progress: { costUsd: null } });
  });
});

describe('what was put back', () => {
  test('goes first when it is due; meanwhile others go on', async () => {
    const once = new Map([
      [1, 2_500],
      [2, 45_000],
    ]);
    const run = await runOrchestration(
      'processStream',
      streamInput(10),
      activities({
        analyzeIssue({ unit }) {
          const inMs = once.get(unit);
          once.delete(unit);
          return inMs === undefined ? settled() : deferred(NOON_MS + inMs, 'claimed_elsewhere', { throttled: 0 });
        },
      }),
    );
    expect(timetable(run).slice(3)).toEqual([
      ...[3, 4, 5].map(unit => [unit, 1_000]),
      ...[6, 7, 8].map(unit => [unit, 2_000]),
      [1, 3_000],
      [9, 4_000],
      [2, 45_000],
    ]);
    expect(run.instance('run-1').waitsMs.slice(-3)).toEqual([1_000, 30_000, 10_000]);
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 10, deferrals: 2, batches: 6 } });
  });

  test('waits out five minutes of a service that asks for two: one call tries, at the time that was asked for', async () => {
    const run = await runOrchestration(
      'processStream',
      streamInput(9),
      activities({
        analyzeIssue() {
          const atMs = activityNowMs();
          return atMs < NOON_MS + 300_000
            ? deferred(atMs + 120_000, 'rate_limited', { retryAfterMs: 120_000 })
            : settled();
        },
      }),
    );
    expect(timetable(run)).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
      [0, 120_000],
      [1, 240_000],
      [2, 360_000],
      [0, 361_000],
      [1, 361_000],
      ...[3, 4, 5].map(unit => [unit, 362_000]),
      ...[6, 7, 8].map(unit => [unit, 363_000]),
    ]);
    expect(Math.max(...run.instance('run-1').waitsMs)).toBe(30_000);
    const { progress } = StreamOutputSchema.parse(run.output);
    expect(progress).toMatchObject({ succeeded: 9, deferrals: 5, throttled: 5, longestRetryAfterMs: 120_000 });
    // Three waits of two minutes, less the pause before each.
    expect(progress.waitedMs.service).toBe(3 * 119_000);
  });

  test('because an open breaker turned it away makes the stream wait, not draw more and more', async () => {
    const run = await runOrchestration(
      'processStream',
      streamInput(30),
      activities({
        analyzeIssue() {
          const isOpen = activityNowMs() < NOON_MS + 10_000;
          return isOpen ? deferred(NOON_MS + 10_000, 'breaker_open', { calls: 0, throttled: 0 }) : settled();
        },
      }),
    );
    expect(timetable(run).slice(0, 6)).toEqual([
      ...[0, 1, 2].map(unit => [unit, 0]),
      ...[0, 1, 2].map(unit => [unit, 10_000]),
    ]);
    expect(run.output).toMatchObject({ progress: { succeeded: 30, deferrals: 3 } });
  });
});

describe('a budget', () => {
  test('stops it before a call would exceed it', async () => {
    // Each call is held for with 600 + 1,200 tokens and is billed 110.
    const own = plan({ streams: 1, batchSize: 3, maxTokens: 5_000 });
    const run = await runOrchestration('processStream', streamInput(100, { plan: own }));
    const { stopped, progress } = StreamOutputSchema.parse(run.output);
    expect(stopped).toEqual({ reason: 'budget', code: null });
    expect(progress.succeeded).toBe(30);
    expect(run.capacity?.runs['run-1:1']?.spentTokens).toBe(30 * 110);
  });
});

test('three failures in a row that are the same for every issue stop it, and the entity is told', async () => {
  const wrongKey = activities({
    analyzeIssue: ({ unit }) => (unit >= 2 ? failedWith('unauthorized') : settled()),
  });
  const run = await runOrchestration('processStream', streamInput(30), wrongKey);
  expect(timetable(run).map(([unit]) => unit)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(run.output).toMatchObject({
    stopped: { reason: 'fatal', code: 'unauthorized' },
    progress: { succeeded: 2, failed: 4 },
    used: null,
  });
  expect(run.capacity?.runs['run-1:1']?.control).toBe('fatal');
});

test('an activity that throws to the end fails its issue alone', async () => {
  const broken = activities({
    analyzeIssue({ unit }) {
      if (unit === 1) throw new Error('boom');
      return settled();
    },
  });
  const run = await runOrchestration('processStream', streamInput(4), broken);
  expect(timetable(run)).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
    [1, 2_000],
    [1, 6_000],
    [1, 14_000],
    [1, 30_000],
    [3, 31_000],
  ]);
  expect(run).toMatchObject({
    runtimeStatus: 'Completed',
    output: { stopped: null, progress: { succeeded: 3, failed: 1 } },
  });
});

test('over any answers, throws and deferrals, each unit settles exactly once', async () => {
  const behaviours = fc.array(fc.constantFrom('settle', 'defer', 'throw', 'fail'), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 25 }),
      fc.integer({ min: 1, max: 6 }),
      behaviours,
      async (units, batchSize, script) => {
        const settledUnits: number[] = [];
        const thrown = new Map<number, number>();
        let [step, deferrals, refusals] = [0, 0, 0];
        const scripted = activities({
          analyzeIssue({ unit }) {
            // The script is followed once; then everything succeeds, so that the stream comes to an end.
            const behaviour = script[step++] ?? 'settle';
            if (behaviour === 'throw') {
              thrown.set(unit, (thrown.get(unit) ?? 0) + 1);
              throw new Error('boom');
            }
            if (behaviour === 'defer') {
              deferrals += 1;
              return deferred(activityNowMs() + 3_000);
            }
            settledUnits.push(unit);
            if (behaviour === 'settle') return settled();
            refusals += 1;
            return failedWith('refused');
          },
        });
        const own = streamInput(units, { plan: plan({ streams: 1, batchSize }) });
        const run = await runOrchestration('processStream', own, scripted);
        const { progress, stopped } = StreamOutputSchema.parse(run.output);
        const gaveUp = units - settledUnits.length;
        expect(settledUnits).toHaveLength(new Set(settledUnits).size);
        expect(progress.succeeded + progress.failed).toBe(units);
        expect(progress.failed).toBe(gaveUp + refusals);
        expect(progress.deferrals).toBe(deferrals);
        expect(stopped).toBeNull();
        for (const unit of numbers(units))
          if (!settledUnits.includes(unit)) expect(thrown.get(unit)).toBeGreaterThanOrEqual(5);
      },
    ),
    { numRuns: 60 },
  );
});
