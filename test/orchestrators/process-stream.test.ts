import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activityNowMs, delay } from '../../local/testing/activity-time.ts';
import { layoutOf } from '../../src/core/batch-plan.ts';
import { type StreamInput, StreamOutputSchema } from '../../src/core/contracts.ts';
import { StreamStatusSchema } from '../../src/core/run-status.ts';
import { FRESH_STREAM } from '../../src/core/stream-state.ts';
import { deferred, failedWith, NOON_MS, plan, settled } from '../helpers/factories.ts';
import { activities, analyzedUnits, type Finished, runOrchestration, togetherOnly } from '../helpers/replay.ts';

const HOUR_MS = 3_600_000;

/** Input of a lone stream over so many units. */
function streamInput(units: number, changes: Partial<StreamInput> = {}): StreamInput {
  const streamPlan = changes.plan ?? plan({ streams: 1, batchSize: 3 });
  return {
    runId: 'run-1',
    stream: 0,
    plan: streamPlan,
    layout: layoutOf(units, streamPlan),
    deadlineAtMs: NOON_MS + 24 * HOUR_MS,
    state: FRESH_STREAM,
    ...changes,
  };
}

/** Each executed unit with the milliseconds since the start. */
function timetable(run: Finished): [unit: number, atMs: number][] {
  return run.calls.flatMap(({ name, input, atMs }): [number, number][] =>
    name === 'analyzeIssue' ? [[input.unit, atMs - NOON_MS]] : [],
  );
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

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
    output: { stopped: null, progress: { succeeded: 7, batches: 3, calls: 7 } },
  });
  expect(run.endedAtMs).toBe(NOON_MS + 2_000);
});

test('has all issues of a batch in flight at one time', async () => {
  const run = await runOrchestration('processStream', streamInput(3), activities({ analyzeIssue: togetherOnly(3) }));
  expect(run.output).toMatchObject({ progress: { succeeded: 3, batches: 1 } });
});

test('has no timer where there is no pause', async () => {
  const run = await runOrchestration('processStream', streamInput(7, { plan: plan({ streams: 1, batchDelayMs: 0 }) }));
  expect(run.instance('run-1').timers).toEqual([]);
  expect(run.endedAtMs).toBe(NOON_MS);
});

test('what was put back goes first, and waits until the service wants it', async () => {
  const once = new Set([1, 2]);
  const analyzeIssue = activities({
    analyzeIssue: ({ unit }) => (once.delete(unit) ? deferred(NOON_MS + (unit === 1 ? 9_000 : 7_000)) : settled()),
  });
  const run = await runOrchestration('processStream', streamInput(5), analyzeIssue);
  expect(timetable(run)).toEqual([
    [0, 0],
    [1, 0],
    [2, 0],
    [1, 9_000],
    [2, 9_000],
    [3, 10_000],
    [4, 10_000],
  ]);
  expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 5, deferrals: 2, batches: 3 } });
});

describe('the deadline', () => {
  test('ends the drawing; the timer does not outlast it', async () => {
    const late = streamInput(9, { deadlineAtMs: NOON_MS + 1_500 });
    const run = await runOrchestration('processStream', late);
    expect(timetable(run).map(([unit]) => unit)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline', code: null }, progress: { succeeded: 6 } });
    expect(run.endedAtMs).toBe(NOON_MS + 1_500);
  });

  test('ends a wait for the service', async () => {
    const always = activities({ analyzeIssue: () => deferred(NOON_MS + 48 * HOUR_MS) });
    const run = await runOrchestration('processStream', streamInput(3, { deadlineAtMs: NOON_MS + HOUR_MS }), always);
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline' }, progress: { succeeded: 0, deferrals: 3 } });
    expect(run.endedAtMs).toBe(NOON_MS + HOUR_MS);
  });

  test('lets what is in flight finish', async () => {
    const slow = activities({
      async analyzeIssue() {
        await delay(1_000);
        return settled();
      },
    });
    const run = await runOrchestration('processStream', streamInput(6, { deadlineAtMs: NOON_MS + 500 }), slow);
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline' }, progress: { succeeded: 3 } });
  });

  test('that has passed lets nothing start', async () => {
    const run = await runOrchestration('processStream', streamInput(6, { deadlineAtMs: NOON_MS }));
    expect(run.calls).toEqual([]);
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline' } });
  });

  test('that passes after the last batch is of no concern', async () => {
    const slow = activities({
      async analyzeIssue() {
        await delay(1_000);
        return settled();
      },
    });
    const run = await runOrchestration('processStream', streamInput(3, { deadlineAtMs: NOON_MS + 500 }), slow);
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 3 } });
  });
});

test('three failures in a row that are the same for every issue stop it', async () => {
  const wrongKey = activities({
    analyzeIssue: ({ unit }) => (unit >= 2 ? failedWith('unauthorized') : settled()),
  });
  const run = await runOrchestration('processStream', streamInput(30), wrongKey);
  expect(timetable(run).map(([unit]) => unit)).toEqual([0, 1, 2, 3, 4, 5]);
  expect(run.output).toMatchObject({
    stopped: { reason: 'fatal', code: 'unauthorized' },
    progress: { succeeded: 2, failed: 4 },
  });
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

describe('the custom status', () => {
  test('is set before the first yield of each generation, and follows each batch', async () => {
    const wide = plan({ streams: 1, batchSize: 100 });
    const run = await runOrchestration('processStream', streamInput(450, { plan: wide }));
    const { customStatuses, generations } = run.instance('run-1');
    expect(generations).toBe(3);
    const done = customStatuses.map(status => StreamStatusSchema.parse(status).progress.succeeded);
    expect(done[0]).toBe(0);
    expect([...new Set(done)]).toEqual([0, 100, 200, 300, 400, 450]);
  });
});

describe('continuing as new', () => {
  test('keeps the history short over 5,000 units, each analysed once', async () => {
    const run = await runOrchestration(
      'processStream',
      streamInput(5_000, { plan: plan({ streams: 1, batchSize: 20 }) }),
    );
    expect(analyzedUnits(run)).toEqual(numbers(5_000));
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 5_000, batches: 250, calls: 5_000 } });
    const { generations, longestHistory } = run.instance('run-1');
    expect(generations).toBe(26);
    expect(longestHistory).toBeLessThan(1_000);
  });

  test('carries what was put back, the instant to wait for, the failures in a row and the progress', async () => {
    const wide = plan({ streams: 1, batchSize: 100 });
    const once = new Set([197]);
    const run = await runOrchestration(
      'processStream',
      streamInput(300, { plan: wide }),
      activities({
        analyzeIssue({ unit }) {
          if (once.delete(unit)) return deferred(NOON_MS + HOUR_MS);
          return unit >= 198 || unit === 197 ? failedWith('forbidden') : settled();
        },
      }),
    );
    expect(run.instance('run-1').generations).toBe(2);
    // Units 198 and 199 fail at the end of the first generation, 197 is the third in a row in the second.
    expect(timetable(run).at(-1)).toEqual([197, HOUR_MS]);
    expect(timetable(run)).toHaveLength(201);
    expect(StreamOutputSchema.parse(run.output)).toMatchObject({
      stopped: { reason: 'fatal', code: 'forbidden' },
      progress: { succeeded: 197, failed: 3, deferrals: 1, batches: 3, calls: 200 },
    });
  });

  test('comes sooner where activities are retried', async () => {
    let attempts = 0;
    const flaky = activities({
      analyzeIssue() {
        attempts += 1;
        return settled({ failedAttempts: 4 });
      },
    });
    const wide = plan({ streams: 1, batchSize: 20 });
    const run = await runOrchestration('processStream', streamInput(80, { plan: wide }), flaky);
    // 20 tasks x (4 + 4 x 8) events = 720 a batch: a new generation after every second one.
    expect(run.instance('run-1').generations).toBe(3);
    expect(attempts).toBe(80);
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
        const run = await runOrchestration(
          'processStream',
          streamInput(units, { plan: plan({ streams: 1, batchSize }) }),
          scripted,
        );
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
