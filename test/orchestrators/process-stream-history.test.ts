import { describe, expect, test } from 'vitest';
import { activityNowMs } from '../../local/testing/activity-time.ts';
import { type AnalyzeOutput, StreamOutputSchema } from '../../src/core/contracts.ts';
import { StreamStatusSchema } from '../../src/core/run-status.ts';
import { deferred, failedWith, NOON_MS, plan, settled } from '../helpers/factories.ts';
import { activities, analyzedUnits, runOrchestration } from '../helpers/replay.ts';
import { numbers, streamInput, timetable } from '../helpers/streams.ts';

const HOUR_MS = 3_600_000;
/** Histories are cut at 800 events by an estimate; the batch that comes to it still ends. */
const LONGEST_HISTORY = 900;

/** Each unit throws four times, then comes to what is given, then to its end. */
function flaky(fifth: () => AnalyzeOutput) {
  const deliveries = new Map<number, number>();
  return activities({
    analyzeIssue({ unit }) {
      const delivery = (deliveries.get(unit) ?? 0) + 1;
      deliveries.set(unit, delivery);
      if (delivery < 5) throw new Error('storage is away');
      return delivery === 5 ? fifth() : settled();
    },
  });
}

describe('the custom status', () => {
  test('is set before the first yield of each generation, and follows each batch', async () => {
    const wide = plan({ streams: 1, batchSize: 30, concurrency: 100 });
    const run = await runOrchestration('processStream', streamInput(450, { plan: wide }));
    const { customStatuses, generations } = run.instance('run-1');
    expect(generations).toBe(3);
    const done = customStatuses.map(status => StreamStatusSchema.parse(status).progress.succeeded);
    expect(done[0]).toBe(0);
    expect([...new Set(done)]).toEqual(numbers(16).map(batch => 30 * batch));
  });
});

describe('continuing as new', () => {
  test('takes no more units at once than a history has room for, if each is retried to the end', async () => {
    const wide = plan({ streams: 1, batchSize: 100, concurrency: 100 });
    const broken = activities({
      analyzeIssue() {
        throw new Error('storage is away');
      },
    });
    const run = await runOrchestration('processStream', streamInput(100, { plan: wide }), broken);
    expect(run.output).toMatchObject({ progress: { failed: 100 } });
    expect(run.instance('run-1').longestHistory).toBeLessThan(2_000);
  });

  test('keeps the history short over 2,000 units, each analysed once', async () => {
    const wide = plan({ streams: 1, batchSize: 20, concurrency: 20 });
    const run = await runOrchestration('processStream', streamInput(2_000, { plan: wide }));
    expect(analyzedUnits(run)).toEqual(numbers(2_000));
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 2_000, batches: 100, calls: 2_000 } });
    const { generations, longestHistory } = run.instance('run-1');
    expect(generations).toBe(12);
    expect(longestHistory).toBeLessThan(LONGEST_HISTORY);
  });

  test('keeps the history short where batches are small, and calls have their own instants', async () => {
    const own = plan({ streams: 1, batchSize: 1, tokensPerMinute: 96_000 });
    const run = await runOrchestration('processStream', streamInput(120, { plan: own }));
    expect(analyzedUnits(run)).toEqual(numbers(120));
    const { generations, longestHistory } = run.instance('run-1');
    expect(generations).toBeGreaterThan(1);
    expect(longestHistory).toBeLessThan(LONGEST_HISTORY);
  });

  test('keeps the history short over a pause of two hours, and its waits at 30 s', async () => {
    const told = [
      { afterMs: 500, control: 'paused' as const },
      { afterMs: 2 * HOUR_MS, control: 'go' as const },
    ];
    const run = await runOrchestration('processStream', streamInput(6), activities(), { told });
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 6 } });
    const { generations, longestHistory, waitsMs } = run.instance('run-1');
    expect(waitsMs).toHaveLength(1 + 240);
    expect(Math.max(...waitsMs)).toBe(30_000);
    expect(generations).toBe(3);
    expect(longestHistory).toBeLessThan(LONGEST_HISTORY);
  });

  test('carries what was put back, the last batch, the failures in a row and the progress', async () => {
    const wide = plan({ streams: 1, batchSize: 30, concurrency: 100 });
    const once = new Set([197]);
    const run = await runOrchestration(
      'processStream',
      streamInput(200, { plan: wide }),
      activities({
        analyzeIssue({ unit }) {
          if (once.delete(unit)) return deferred(NOON_MS + 60_000, 'claimed_elsewhere', { throttled: 0 });
          return unit >= 197 ? failedWith('forbidden') : settled();
        },
      }),
    );
    expect(run.instance('run-1').generations).toBe(2);
    // Units 198 and 199 fail at the end of the first generation, 197 is the third in a row in the second.
    expect(timetable(run).at(-1)).toEqual([197, 60_000]);
    expect(timetable(run)).toHaveLength(201);
    expect(StreamOutputSchema.parse(run.output)).toMatchObject({
      stopped: { reason: 'fatal', code: 'forbidden' },
      progress: { succeeded: 197, failed: 3, deferrals: 1, batches: 8, calls: 201 },
    });
    expect(run.capacity?.calls.count).toBe(197);
  });

  test('comes sooner where activities are retried', async () => {
    const wide = plan({ streams: 1, batchSize: 20, concurrency: 20 });
    const run = await runOrchestration(
      'processStream',
      streamInput(80, { plan: wide }),
      flaky(() => settled()),
    );
    // 8 + 20 tasks x (4 + 4 x 8) events = 728 a batch: a new generation after every second one.
    expect(run.output).toMatchObject({ progress: { succeeded: 80 } });
    expect(run.instance('run-1').generations).toBe(3);
    expect(run.instance('run-1').longestHistory).toBeLessThan(2_000);
  });

  test('comes as soon where what was retried is put back, and tells nothing of it', async () => {
    const wide = plan({ streams: 1, batchSize: 20, concurrency: 20 });
    const putBack = flaky(() => deferred(activityNowMs() + 60_000, 'claimed_elsewhere', { throttled: 0 }));
    const run = await runOrchestration('processStream', streamInput(160, { plan: wide }), putBack);
    expect(run.output).toMatchObject({ progress: { succeeded: 160, deferrals: 160 } });
    expect(run.instance('run-1').longestHistory).toBeLessThan(2_000);
  });
});
