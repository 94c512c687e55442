import { expect, test } from 'vitest';
import type { FunctionInfo, InvocationOutcome, RpcTypedData } from '../../../../local/engine/protocol/worker.ts';
import { startTimers } from '../../../../local/host/timers/timers.ts';
import { createManualClock } from '../../../../local/testing/manual-clock.ts';
import { collectLog } from '../../../helpers/host-fixture.ts';

const MINUTE_MS = 60_000;
const NOON = '2026-01-01T12:00:00';
const NOON_MS = Date.parse(`${NOON}Z`);
const RETURNED: InvocationOutcome = { kind: 'returned' };
const at = (instantMs: number) => new Date(instantMs).toISOString().replace('Z', '+00:00');

const timer = (binding: object, name = 'tick'): FunctionInfo => ({
  name,
  kind: 'timer',
  bindings: { timerTrigger1: { type: 'timerTrigger', direction: 'in', ...binding } },
});

/** Hosts that follow each other on one store, with a worker whose runs the test ends. */
function createBench(startMs = NOON_MS) {
  const clock = createManualClock(startMs);
  const closing = new AbortController();
  const { log, lines } = collectLog();
  const meta = new Map<string, string>();
  const store = {
    getMeta: (key: string) => meta.get(key),
    setMeta: (key: string, value: string) => void meta.set(key, value),
  };
  const runs: {
    readonly name: string;
    readonly trigger: unknown;
    readonly atMs: number;
    end(outcome?: InvocationOutcome): Promise<void>;
  }[] = [];
  function invoke(name: string, trigger: RpcTypedData): Promise<InvocationOutcome> {
    const { promise, resolve } = Promise.withResolvers<InvocationOutcome>();
    const end = async (outcome = RETURNED) => {
      resolve(outcome);
      await new Promise(setImmediate);
    };
    runs.push({ name, trigger: JSON.parse(trigger.json ?? ''), atMs: clock.nowMs(), end });
    return promise;
  }
  return {
    clock,
    lines,
    meta,
    runs,
    start: (functions: readonly FunctionInfo[], environment: Record<string, string> = {}) =>
      startTimers({ worker: { functions, invoke }, store, clock, log, closing: closing.signal }, environment),
    /** Goes on, and ends each run as it begins. */
    async live(lengthMs: number): Promise<void> {
      const untilMs = clock.nowMs() + lengthMs;
      for (;;) {
        const nextMs = clock.nextCallAtMs();
        if (nextMs === undefined || nextMs > untilMs) break;
        clock.advanceTo(nextMs);
        await runs.at(-1)?.end();
      }
      clock.advanceTo(untilMs);
    },
  };
}

test('a timer runs at each occurrence, and is told its status of before', async () => {
  const { start, live, runs } = createBench();
  start([timer({ schedule: '0 */5 * * * *' })]);
  await live(10 * MINUTE_MS);
  expect(runs.map(({ name, trigger }) => ({ name, trigger }))).toEqual([
    {
      name: 'tick',
      trigger: {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: {
          Last: '0001-01-01T00:00:00+00:00',
          LastUpdated: at(NOON_MS),
          Next: at(NOON_MS + 5 * MINUTE_MS),
        },
        IsPastDue: false,
      },
    },
    {
      name: 'tick',
      trigger: {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: {
          Last: at(NOON_MS + 5 * MINUTE_MS),
          LastUpdated: at(NOON_MS + 5 * MINUTE_MS),
          Next: at(NOON_MS + 10 * MINUTE_MS),
        },
        IsPastDue: false,
      },
    },
  ]);
  expect(runs.map(({ atMs }) => atMs - NOON_MS)).toEqual([5 * MINUTE_MS, 10 * MINUTE_MS]);
});

test('an interval counts from start to start', async () => {
  const { start, live, runs } = createBench(NOON_MS + 123);
  start([timer({ schedule: '00:02:00' })]);
  await live(6 * MINUTE_MS);
  expect(runs.map(({ atMs }) => atMs - NOON_MS)).toEqual([2, 4, 6].map(minutes => minutes * MINUTE_MS + 123));
  expect(runs[0]?.trigger).toMatchObject({ Schedule: { AdjustForDST: false } });
});

test('a timer runs once at a time, and what comes due meanwhile comes once, after it', async () => {
  const { start, clock, runs } = createBench();
  start([timer({ schedule: '0 * * * * *' })]);
  clock.advanceBy(3.5 * MINUTE_MS);
  expect(runs).toHaveLength(1);
  await runs[0]?.end();
  clock.advanceBy(1);
  expect(runs).toHaveLength(2);
  await runs[1]?.end();
  expect(runs).toHaveLength(2);
  expect(clock.nextCallAtMs()).toBe(NOON_MS + 4 * MINUTE_MS);
});

test('timers do not wait for each other', () => {
  const { start, clock, runs } = createBench();
  start([timer({ schedule: '0 * * * * *' }, 'a'), timer({ schedule: '0 * * * * *' }, 'b')]);
  clock.advanceBy(MINUTE_MS);
  expect(runs.map(({ name }) => name)).toEqual(['a', 'b']);
});

test('a clock that is a moment behind its own timeouts does not bring an occurrence twice', async () => {
  const { start, clock, runs } = createBench();
  const nowMs = clock.nowMs;
  start([timer({ schedule: '0 * * * * *' })]);
  clock.nowMs = () => nowMs() - 2;
  clock.advanceBy(MINUTE_MS);
  await runs[0]?.end();
  expect(runs).toHaveLength(1);
  expect(clock.nextCallAtMs()).toBe(NOON_MS + 2 * MINUTE_MS);
});

test('what was missed while no host ran is made up for once', async () => {
  const { start, clock, live, runs, lines } = createBench();
  const functions = [timer({ schedule: '0 */5 * * * *' })];
  await start(functions).stop();
  clock.advanceBy(17 * MINUTE_MS);
  start(functions);
  await live(0);
  expect(runs.map(({ trigger, atMs }) => ({ trigger, atMs }))).toEqual([
    {
      trigger: {
        Schedule: { AdjustForDST: true },
        ScheduleStatus: expect.objectContaining({ Next: at(NOON_MS + 5 * MINUTE_MS) }),
        IsPastDue: true,
      },
      atMs: NOON_MS + 17 * MINUTE_MS,
    },
  ]);
  expect(clock.nextCallAtMs()).toBe(NOON_MS + 20 * MINUTE_MS);
  expect(lines.map(({ message }) => message)).toEqual([
    `next run at ${NOON.slice(0, 14)}05:00.000Z`,
    `was due at ${NOON.slice(0, 14)}05:00.000Z and runs now`,
  ]);
});

test('a restart in time keeps an interval going', async () => {
  const { start, clock, live, runs } = createBench();
  const functions = [timer({ schedule: '01:00:00' })];
  await start(functions).stop();
  clock.advanceBy(40 * MINUTE_MS);
  start(functions);
  await live(20 * MINUTE_MS);
  expect(runs.map(({ atMs }) => atMs - NOON_MS)).toEqual([60 * MINUTE_MS]);
  expect(runs[0]?.trigger).toMatchObject({ IsPastDue: false });
});

test.each([
  ['useMonitor is false', { schedule: '0 */5 * * * *', useMonitor: false }],
  ['it comes more than once a minute', { schedule: '*/20 * * * * *' }],
  ['its interval is under a minute', { schedule: '00:00:59' }],
])('nothing is stored or made up for where %s', async (_, binding) => {
  const { start, clock, live, runs, meta } = createBench();
  await start([timer(binding)]).stop();
  clock.advanceBy(17 * MINUTE_MS);
  start([timer(binding)]);
  await live(5 * MINUTE_MS);
  expect(meta.size).toBe(0);
  expect(runs[0]?.atMs).toBeGreaterThan(NOON_MS + 17 * MINUTE_MS);
  expect(runs[0]?.trigger).toMatchObject({ ScheduleStatus: null, IsPastDue: false });
});

test('another schedule or time zone starts anew', async () => {
  const { start, clock, runs } = createBench();
  await start([timer({ schedule: '0 */5 * * * *' })]).stop();
  clock.advanceBy(17 * MINUTE_MS);
  await start([timer({ schedule: '0 */10 * * * *' })]).stop();
  clock.advanceBy(17 * MINUTE_MS);
  start([timer({ schedule: '0 */10 * * * *' })], { WEBSITE_TIME_ZONE: 'Asia/Kolkata' });
  clock.advanceBy(0);
  expect(runs).toEqual([]);
  expect(clock.nextCallAtMs()).toBe(NOON_MS + 40 * MINUTE_MS);
});

test('runOnStartup runs at the start, not as past due, and then by the schedule', async () => {
  const { start, live, runs } = createBench();
  start([timer({ schedule: '0 */5 * * * *', runOnStartup: true })]);
  await live(5 * MINUTE_MS);
  expect(runs.map(({ atMs }) => atMs - NOON_MS)).toEqual([0, 5 * MINUTE_MS]);
  expect(runs[0]?.trigger).toMatchObject({ IsPastDue: false });
});

test('runOnStartup and a missed occurrence are one run', async () => {
  const { start, clock, live, runs } = createBench();
  const functions = [timer({ schedule: '0 */5 * * * *', runOnStartup: true })];
  await start(functions).stop();
  clock.advanceBy(6 * MINUTE_MS);
  start(functions);
  await live(0);
  expect(runs.map(({ trigger }) => trigger)).toEqual([expect.objectContaining({ IsPastDue: true })]);
});

test.each<[InvocationOutcome, string]>([
  [{ kind: 'threw', message: 'no luck', stack: 'Error: no luck\n at f' }, 'failed: Error: no luck\n at f'],
  [{ kind: 'threw', message: 'no luck', stack: '' }, 'failed: no luck\n'],
  [{ kind: 'timedOut', message: 'too long' }, 'too long'],
])('%j is logged, and the schedule goes on', async (outcome, message) => {
  const { start, clock, runs, lines } = createBench();
  start([timer({ schedule: '0 * * * * *' })]);
  clock.advanceBy(MINUTE_MS);
  await runs[0]?.end(outcome);
  expect(lines.filter(({ level }) => level === 'error')).toEqual([{ level: 'error', source: 'tick', message }]);
  clock.advanceBy(MINUTE_MS);
  expect(runs).toHaveLength(2);
});

test('a run that is lost with its process is done again', async () => {
  const { start, clock, runs } = createBench();
  start([timer({ schedule: '0 */5 * * * *' })]);
  clock.advanceBy(5 * MINUTE_MS);
  await runs[0]?.end({ kind: 'lost', message: 'gone' });
  expect(runs).toHaveLength(2);
  expect(runs[1]?.trigger).toEqual(runs[0]?.trigger);
  await runs[1]?.end();
  expect(clock.nextCallAtMs()).toBe(NOON_MS + 10 * MINUTE_MS);
});

test('stop withdraws what is to come and waits for the run in flight', async () => {
  const { start, clock, runs } = createBench();
  const timers = start([timer({ schedule: '0 * * * * *' }, 'a'), timer({ schedule: '0 0 * * * *' }, 'b')]);
  clock.advanceBy(MINUTE_MS);
  let isStopped = false;
  const stopped = timers.stop().then(() => {
    isStopped = true;
  });
  await new Promise(setImmediate);
  expect(isStopped).toBe(false);
  await runs[0]?.end();
  await stopped;
  expect(clock.nextCallAtMs()).toBeUndefined();
});

test('a run that the closing host cuts off stays due for the next one', async () => {
  const { start, clock, live, runs } = createBench();
  const functions = [timer({ schedule: '0 */5 * * * *' })];
  const timers = start(functions);
  clock.advanceBy(5 * MINUTE_MS);
  const stopped = timers.stop();
  await runs[0]?.end({ kind: 'closed' });
  await stopped;
  clock.advanceBy(1_000);
  start(functions);
  await live(0);
  expect(runs[1]?.trigger).toMatchObject({ IsPastDue: true });
});

test('%SETTING% is replaced, in any case', async () => {
  const { start, clock } = createBench();
  start([timer({ schedule: '%EveryTen%' })], { EVERYTEN: '0 */10 * * * *' });
  expect(clock.nextCallAtMs()).toBe(NOON_MS + 10 * MINUTE_MS);
});

test('functions of other kinds are no timers', () => {
  const { start, clock } = createBench();
  start([{ name: 'web', kind: 'http', bindings: { a: { type: 'httpTrigger' } } }]);
  expect(clock.nextCallAtMs()).toBeUndefined();
});

test.each<[object, Record<string, string>, string | RegExp]>([
  [{ schedule: 'soon' }, {}, 'Function "tick": schedule is "soon"; allowed: NCRONTAB of 6 fields'],
  [{ schedule: '%S%' }, { S: '0 0 0 L * *' }, 'Function "tick": schedule is "0 0 0 L * *"; allowed: NCRONTAB'],
  [{ schedule: '%S%' }, {}, 'Function "tick": schedule is "%S%", but the setting S is not set'],
  [{}, {}, /^Function "tick": timerTrigger: .*schedule/s],
  [{ schedule: '0 0 * * * *' }, { WEBSITE_TIME_ZONE: 'W. Europe Standard Time' }, /^WEBSITE_TIME_ZONE is "W\. Europe/],
])('%j with %j starts no timer', (binding, environment, message) => {
  const { start, clock } = createBench();
  expect(() => start([timer({ schedule: '0 * * * * *' }, 'good'), timer(binding)], environment)).toThrow(message);
  expect(clock.nextCallAtMs()).toBeUndefined();
});

test('an error of the store is logged, and ends neither the schedule nor a stop', async () => {
  const { start, clock, runs, lines, meta } = createBench();
  const timers = start([timer({ schedule: '0 * * * * *' })]);
  meta.set = () => {
    throw new Error('disk full');
  };
  clock.advanceBy(MINUTE_MS);
  await runs[0]?.end();
  const message = 'its next run, 2026-01-01T12:02:00.000Z, could not be stored: Error: disk full';
  expect(lines.filter(({ level }) => level === 'error')).toEqual([
    { level: 'error', source: 'tick', message: expect.stringContaining(message) },
  ]);
  clock.advanceBy(MINUTE_MS);
  expect(runs).toHaveLength(2);
  const stopped = timers.stop();
  await runs[1]?.end();
  await stopped;
});
