import { describe, expect, test } from 'vitest';
import { delay } from '../../local/testing/activity-time.ts';
import { StreamStatusSchema } from '../../src/core/run-status.ts';
import { deferred, NOON_MS, plan, settled } from '../helpers/factories.ts';
import { activities, analyzedUnits, runOrchestration } from '../helpers/replay.ts';
import { numbers, streamInput, timetable } from '../helpers/streams.ts';

const HOUR_MS = 3_600_000;

const slowly = (delayMs: number) =>
  activities({
    async analyzeIssue() {
      await delay(delayMs);
      return settled();
    },
  });

describe('the deadline', () => {
  test('ends the drawing; the timer does not outlast it', async () => {
    const late = streamInput(9, { deadlineAtMs: NOON_MS + 1_500 });
    const run = await runOrchestration('processStream', late);
    expect(timetable(run).map(([unit]) => unit)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline', code: null }, progress: { succeeded: 6 } });
    expect(run.endedAtMs).toBe(NOON_MS + 1_500);
  });

  test('ends a wait for what was put back, and one for the service', async () => {
    const never = activities({ analyzeIssue: () => deferred(NOON_MS + 48 * HOUR_MS) });
    for (const units of [3, 30]) {
      const own = streamInput(units, { deadlineAtMs: NOON_MS + 600_123 });
      const run = await runOrchestration('processStream', own, never);
      expect(run.output).toMatchObject({ stopped: { reason: 'deadline' }, progress: { succeeded: 0 } });
      expect(run.endedAtMs).toBe(NOON_MS + 600_123);
    }
  });

  test('lets what is in flight finish', async () => {
    const own = streamInput(6, { deadlineAtMs: NOON_MS + 500 });
    const run = await runOrchestration('processStream', own, slowly(1_000));
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline' }, progress: { succeeded: 3 } });
  });

  test('that has passed lets nothing start', async () => {
    const run = await runOrchestration('processStream', streamInput(6, { deadlineAtMs: NOON_MS }));
    expect(run.calls).toEqual([]);
    expect(run.output).toMatchObject({ stopped: { reason: 'deadline' } });
  });

  test('that passes after the last batch is of no concern', async () => {
    const own = streamInput(3, { deadlineAtMs: NOON_MS + 500 });
    const run = await runOrchestration('processStream', own, slowly(1_000));
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 3 } });
  });

  describe('and waits for the limits of the deployment', () => {
    // A call a minute, for half an hour; the run is allowed ten minutes.
    const limited = (deadlineMs: number | null) =>
      streamInput(30, {
        plan: plan({ streams: 1, tokensPerMinute: 1_600, bufferPercent: 0, deadlineMs }),
        deadlineAtMs: NOON_MS + 600_000,
      });

    test('that nobody gave is put off by them', async () => {
      const run = await runOrchestration('processStream', limited(null));
      expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 30 } });
      expect(run.endedAtMs).toBeGreaterThan(NOON_MS + 1_200_000);
    });

    test('that was asked for is not', async () => {
      const run = await runOrchestration('processStream', limited(600_000));
      expect(run.output).toMatchObject({ stopped: { reason: 'deadline' } });
      expect(run.endedAtMs).toBe(NOON_MS + 600_000);
    });
  });

  test('does not count the time that the run is paused', async () => {
    const own = streamInput(12, { deadlineAtMs: NOON_MS + 10_000 });
    const told = [
      { afterMs: 1_500, control: 'paused' as const },
      { afterMs: 200_000, control: 'go' as const },
    ];
    const run = await runOrchestration('processStream', own, activities(), { told });
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 12 } });
  });
});

describe('a run that is told', () => {
  test('to stop: the stream ends by its next reservation', async () => {
    const told = [{ afterMs: 1_500, control: 'cancelled' as const }];
    const run = await runOrchestration('processStream', streamInput(30), activities(), { told });
    expect(analyzedUnits(run)).toEqual(numbers(6));
    expect(run.output).toMatchObject({
      stopped: { reason: 'cancelled', code: null },
      progress: { succeeded: 6 },
      used: null,
    });
    expect(run.endedAtMs).toBe(NOON_MS + 2_000);
  });

  test('to stop during a long wait: within 30 s', async () => {
    const told = [{ afterMs: 40_000, control: 'cancelled' as const }];
    const away = activities({
      analyzeIssue: () => deferred(NOON_MS + HOUR_MS, 'rate_limited', { retryAfterMs: HOUR_MS }),
    });
    const run = await runOrchestration('processStream', streamInput(30), away, { told });
    expect(run.output).toMatchObject({ stopped: { reason: 'cancelled' }, progress: { deferrals: 3 } });
    expect(run.endedAtMs).toBe(NOON_MS + 61_000);
  });

  test('to stop, as its activities hear: the rest of the batch finishes', async () => {
    const seenNothing = { ...settled().seen, calls: 0, admittedTokens: 0 };
    const heard = activities({
      analyzeIssue: ({ unit }) =>
        unit === 4 ? { kind: 'not_started', reason: 'cancelled', seen: seenNothing } : settled(),
    });
    const run = await runOrchestration('processStream', streamInput(30), heard);
    expect(analyzedUnits(run)).toEqual(numbers(6));
    expect(run.output).toMatchObject({
      stopped: { reason: 'cancelled', code: null },
      progress: { succeeded: 5 },
      used: null,
    });
  });

  test('to wait, then to go on: it asks every 30 s', async () => {
    const told = [
      { afterMs: 1_500, control: 'paused' as const },
      { afterMs: 100_000, control: 'go' as const },
    ];
    const run = await runOrchestration('processStream', streamInput(9), activities(), { told });
    expect(timetable(run).slice(6)).toEqual([6, 7, 8].map(unit => [unit, 122_000]));
    expect(run.instance('run-1').waitsMs).toEqual([1_000, 1_000, 30_000, 30_000, 30_000, 30_000]);
    expect(run.output).toMatchObject({ stopped: null, progress: { succeeded: 9, waitedMs: { paused: 120_000 } } });
    const shown = run.instance('run-1').customStatuses.map(status => StreamStatusSchema.parse(status).waitingFor);
    expect(shown).toContain('paused');
    // From the batch after the pause on.
    expect(shown.slice(shown.lastIndexOf('paused') + 1)).not.toEqual([]);
    expect(shown.at(-1)).toBeNull();
  });
});
