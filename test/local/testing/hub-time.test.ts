import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type * as df from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { createAttendance, delay } from '../../../local/testing/activity-time.ts';
import { createHubTime } from '../../../local/testing/hub-time.ts';
import { createManualClock } from '../../../local/testing/manual-clock.ts';
import { createTestHub } from '../../../local/testing/test-hub.ts';

const START_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

/** Waits as many milliseconds as its input says. */
const sleeper: df.OrchestrationHandler = function* ({ df: durable }) {
  const { sleepMs } = durable.getInput() as { sleepMs: number };
  yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + sleepMs));
  return durable.currentUtcDateTime.getTime() - START_MS;
};

const waiter: df.OrchestrationHandler = function* ({ df: durable }) {
  return yield durable.waitForExternalEvent('go');
};

describe('a tick', () => {
  test('is one round: an episode, then its activity, then the next episode', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *one({ df: durable }) {
          return yield durable.callActivity('step', 1);
        },
      },
      activities: { step: (n: number) => n + 1 },
    });
    expect(await hub.tick()).toBe(false);
    const id = hub.start('one');
    const seen: [boolean, string | undefined, number][] = [];
    for (let n = 0; n < 4; n++) seen.push([await hub.tick(), hub.status(id)?.runtimeStatus, hub.calls.length]);
    expect(seen).toEqual([
      [true, 'Running', 0],
      [true, 'Running', 1],
      [true, 'Completed', 1],
      [false, 'Completed', 1],
    ]);
  });

  test('does not wait for an activity that sleeps', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *naps({ df: durable }) {
          return yield durable.callActivity('nap');
        },
      },
      activities: { nap: () => delay(1_000) },
    });
    hub.start('naps');
    expect([await hub.tick(), await hub.tick(), await hub.tick()]).toEqual([true, true, false]);
  });
});

describe('time', () => {
  test('stands still but when told', async () => {
    await using hub = createTestHub({ orchestrators: { sleeper }, startAtMs: START_MS });
    const id = hub.start('sleeper', { sleepMs: 1_000 });
    await hub.settle();
    await hub.settle();
    expect([hub.nowMs, hub.status(id)?.runtimeStatus]).toEqual([START_MS, 'Running']);
  });

  test('goes on by exactly so much, stopping where something becomes due', async () => {
    await using hub = createTestHub({ orchestrators: { sleeper }, startAtMs: START_MS });
    const ids = [900, 300, 300, 1_001].map(sleepMs => hub.start('sleeper', { sleepMs }));
    await hub.advance(1_000);
    expect(hub.nowMs).toBe(START_MS + 1_000);
    expect(ids.map(id => hub.status(id)?.output)).toEqual([900, 300, 300, null]);
    await hub.advance(1);
    expect(hub.status(ids[3] ?? '')?.output).toBe(1_001);
  });

  test('starts in 2026 where nothing is said', async () => {
    await using hub = createTestHub({ orchestrators: { sleeper } });
    expect(new Date(hub.nowMs).toISOString()).toBe('2026-01-01T00:00:00.000Z');
  });

  test('is skipped from instant to instant', async () => {
    await using hub = createTestHub({ orchestrators: { sleeper }, startAtMs: START_MS });
    for (const sleepMs of [5_000, 2_000]) hub.start('sleeper', { sleepMs });
    const instants: number[] = [];
    while (await hub.skipToNextInstant()) instants.push(hub.nowMs - START_MS);
    expect(instants).toEqual([2_000, 5_000]);
    expect(hub.list().map(({ output }) => output)).toEqual(expect.arrayContaining([2_000, 5_000]));
    expect(hub.nowMs).toBe(START_MS + 5_000);
  });

  test('takes long timers in its stride', async () => {
    await using hub = createTestHub({ orchestrators: { sleeper }, startAtMs: START_MS });
    const { output } = await hub.runToEnd(hub.start('sleeper', { sleepMs: 90 * DAY_MS }));
    expect(output).toBe(90 * DAY_MS);
  });

  test('is gone through by one caller after the other', async () => {
    await using hub = createTestHub({ orchestrators: { sleeper }, startAtMs: START_MS });
    const ids = [3_000, 1_000].map(sleepMs => hub.start('sleeper', { sleepMs }));
    const ended = await Promise.all([...ids.map(id => hub.runToEnd(id)), hub.advance(500)]);
    expect(ended.map(each => each?.output)).toEqual([3_000, 1_000, undefined]);
    await Promise.all([hub.advance(1_000), hub.advance(1_000)]);
    expect(hub.nowMs).toBe(START_MS + 5_000);
  });

  test('does not pass in a loop without a timer, and that is said', { timeout: 120_000 }, async () => {
    await using hub = createTestHub({
      orchestrators: {
        *busy({ df: durable }) {
          yield durable.callActivity('step');
          durable.continueAsNew({});
        },
      },
      activities: { step: () => null },
    });
    hub.start('busy');
    await expect(hub.settle()).rejects.toThrow('Still at work after 20000 rounds at one instant');
  });
});

describe('runToEnd', () => {
  test('says who waits for what, when nothing but an event can help', async () => {
    await using hub = createTestHub({
      orchestrators: {
        waiter,
        *parent({ df: durable }) {
          const both = durable.Task.all([durable.waitForExternalEvent('paid'), durable.waitForExternalEvent('packed')]);
          yield durable.Task.all([both, durable.callSubOrchestrator('waiter', null, 'child')]);
        },
      },
    });
    const id = hub.start('parent', null, { instanceId: 'top' });
    await hub.settle();
    hub.raiseEvent(id, 'paid');
    await expect(hub.runToEnd(id)).rejects.toThrow(
      'Nothing is due any more, and "top" has not ended:\n' +
        '  "child" (waiter) is Running, waits for the event "go"\n' +
        '  "top" (parent) is Running, waits for the event "packed"',
    );
  });

  test('gives up on an orchestration without end', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *eternal({ df: durable }) {
          yield durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + 60_000));
          durable.continueAsNew({});
        },
      },
      startAtMs: START_MS,
    });
    const id = hub.start('eternal');
    await expect(hub.runToEnd(id)).rejects.toThrow(/has not ended after 5000 instants.*advance/);
  });
});

describe('an engine', () => {
  const clock = createManualClock(START_MS);
  const attendance = createAttendance(clock);

  test('whose round outlasts its invocations is waited for', async () => {
    const tick = async () => {
      for (let turn = 0; turn < 5; turn++) await turnOfEventLoop();
      return false;
    };
    const time = createHubTime({ tick, nextDueAtMs: () => undefined }, clock, attendance);
    expect(await time.tick()).toBe(false);
  });

  test('that fails, fails what lets time go on', async () => {
    const tick = () => Promise.reject(new Error('disk full'));
    const time = createHubTime({ tick, nextDueAtMs: () => undefined }, clock, attendance);
    await expect(time.tick()).rejects.toThrow('disk full');
    await expect(time.settle()).rejects.toThrow('disk full');
  });

  test('that fails while somebody sleeps, fails the next step', async () => {
    const round = Promise.withResolvers<boolean>();
    const time = createHubTime({ tick: () => round.promise, nextDueAtMs: () => undefined }, clock, attendance);
    void attendance.attend(() => delay(Number.POSITIVE_INFINITY));
    expect(await time.tick()).toBe(true);
    round.reject(new Error('disk full'));
    await expect(time.skipToNextInstant()).rejects.toThrow('disk full');
  });
});
