import { describe, expect, test } from 'vitest';
import { newId, type Row, useAcceptanceHost } from '../../../helpers/acceptance.ts';

const host = useAcceptanceHost();

describe('2: what passes between orchestrator and activity', () => {
  const object = { name: 'Ada', tags: ['a'], nested: { n: 1.5, none: null, yes: true } };

  test.each([
    ['a number', 42],
    ['a fraction', -0.25],
    ['an empty array', []],
    ['an array', [1, 'two', [3], null]],
    ['an object', object],
    ['an array of objects', [object, { other: 1 }]],
    ['a string', 'text with "quotes" and ünï©ode'],
    ['a string of digits', '42'],
    ['a string that is JSON', '{"a":1}'],
    ['the empty string', ''],
  ])('%s arrives intact', async (_, input) => {
    const { ended, start } = host();
    const id = await start('call', { activity: 'describe', input });
    expect(await ended(id)).toMatchObject({
      runtimeStatus: 'Completed',
      output: { type: typeof input, value: input },
    });
  });

  test.each([
    ['true', true, 'True'],
    ['false', false, 'False'],
  ])('the boolean %s arrives as a .NET text, as on the real host', async (_, input, value) => {
    const { ended, start } = host();
    const id = await start('call', { activity: 'describe', input });
    expect(await ended(id)).toMatchObject({ output: { type: 'string', value } });
  });

  test.each([
    ['an input that is left out', {}],
    ['null', { input: null }],
  ])('%s arrives as undefined', async (_, input) => {
    const { ended, start } = host();
    const id = await start('call', { activity: 'describe', ...input });
    expect((await ended(id)).output).toEqual({ type: 'undefined' });
  });

  test.each([
    ['number', 42],
    ['fraction', 0.5],
    ['text', 'abc'],
    ['digits', '5'],
    ['yes', true],
    ['list', [1, [2], 'three']],
    ['object', { a: { b: null } }],
    ['nothing', null],
    ['nil', null],
  ])('the result %s comes back intact', async (kind, result) => {
    const { ended, start } = host();
    const id = await start('call', { activity: 'result', input: kind });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: result });
  });

  test('an activity is told the id of its instance; names match in any case', async () => {
    const { ended, start } = host();
    const id = await start('call', { activity: 'WHEREAMI' });
    expect((await ended(id)).output).toEqual({ instanceId: id, functionName: 'whereAmI' });
  });
});

describe('failures', () => {
  const bad = () => ({ key: newId(), name: 'bad', failures: 1 });

  test('3: an error that nobody catches fails the instance with the names of both functions', async () => {
    const { ended, start } = host();
    const { runtimeStatus, output } = await ended(await start('call', { activity: 'work', input: bad() }));
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(
      /^Orchestrator function 'call' failed: Activity function 'work' failed: {2}bad failed at attempt 1 \n /,
    );
  });

  test('3: a call of an activity that the app does not have fails the instance (the real host lets it hang)', async () => {
    const { ended, start } = host();
    const { runtimeStatus, output } = await ended(await start('call', { activity: 'nobody' }));
    expect([runtimeStatus, output]).toEqual([
      'Failed',
      expect.stringMatching(/^Orchestrator function 'call' failed: .*'nobody'/),
    ]);
  });

  test('3: so does a call of an orchestrator that the app does not have', async () => {
    const { ended, start } = host();
    const { runtimeStatus, output } = await ended(await start('parent', { child: 'nobody' }));
    expect([runtimeStatus, output]).toEqual([
      'Failed',
      expect.stringMatching(/^Orchestrator function 'parent' failed: .*'nobody'/),
    ]);
  });

  test('4: an error that is caught lets the instance complete with its text', async () => {
    const { ended, start } = host();
    const { runtimeStatus, output } = await ended(await start('callAndCatch', { activity: 'work', input: bad() }));
    expect([runtimeStatus, output]).toEqual([
      'Completed',
      { caught: expect.stringMatching(/^Activity function 'work' failed: {2}bad failed at attempt 1 \n \{"/) },
    ]);
  });
});

/** A timer counts from the start of the episode that sets it: after the failure before it, and before its own row. */
function expectDelaysMs(rows: readonly Row[], delaysMs: readonly number[]): void {
  const timers = rows.flatMap((row, i) => (row.EventType === 'TimerCreated' ? [{ row, failure: rows[i - 1] }] : []));
  expect(timers).toHaveLength(delaysMs.length);
  for (const [i, { row, failure }] of timers.entries()) {
    const fireAtMs = Date.parse(String(row['FireAt']));
    expect(fireAtMs - Date.parse(String(failure?.['Timestamp']))).toBeGreaterThanOrEqual(delaysMs[i] ?? 0);
    expect(fireAtMs - Date.parse(String(row['Timestamp']))).toBeLessThanOrEqual(delaysMs[i] ?? 0);
  }
}

describe('5: retries', () => {
  test('a call that succeeds at last gives its result; attempts are counted', async () => {
    const { ended, journal, start } = host();
    const work = { key: newId(), name: 'flaky', failures: 2 };
    const id = await start('retrying', { work, intervalMs: 50, attempts: 5 });
    // Attempts have the ids 0, 2 and 4, timers 1 and 3: the next call is 5.
    expect(await ended(id)).toMatchObject({ output: { result: 'flaky-3', nextId: 5 } });
    expect(await journal(work.key)).toEqual(['flaky', 'flaky', 'flaky']);
  });

  test('a call that never succeeds shows the last error, after a timer that is due at once', async () => {
    const { ended, history, journal, start } = host();
    const work = { key: newId(), name: 'bad', failures: 9 };
    const id = await start('retrying', { work, intervalMs: 100, attempts: 3 });
    // Activity 0, timer 1, activity 2, timer 3, activity 4, timer 5: the next call is 6.
    expect(await ended(id)).toMatchObject({
      runtimeStatus: 'Completed',
      output: {
        caught: expect.stringMatching(/^Activity function 'work' failed: {2}bad failed at attempt 3/),
        nextId: 6,
      },
    });
    expect(await journal(work.key)).toHaveLength(3);
    const rows = (await history(id)).filter(({ EventType }) => /^Task|^Timer/.test(EventType));
    const round = ['TaskFailed', 'TimerCreated', 'TimerFired'];
    expect(rows.map(({ EventType }) => EventType)).toEqual([...round, ...round, ...round]);
    expectDelaysMs(rows, [100, 100, 0]);
  });

  test('delays grow by the coefficient', async () => {
    const { ended, history, start } = host();
    const work = { key: newId(), name: 'bad', failures: 9 };
    const id = await start('retrying', { work, intervalMs: 50, attempts: 3, backoff: 4 });
    await ended(id);
    expectDelaysMs(await history(id), [50, 200, 0]);
  });
});

describe('14: isReplaying', () => {
  test('is true before the newest result and false after it, over one activity', async () => {
    const { ended, start } = host();
    const id = await start('checkpoints', { key: newId(), activities: 1 });
    expect((await ended(id)).output).toEqual([true, false]);
  });

  test('over three activities exactly one checkpoint of four is live, and each one is live once', async () => {
    const { ended, journal, start } = host();
    const key = newId();
    const id = await start('checkpoints', { key, activities: 3 });
    expect((await ended(id)).output).toEqual([true, true, true, false]);
    expect(await journal(key)).toEqual(['live 0', 'live 1', 'live 2', 'live 3']);
  });
});

describe('15: work that races a timer', () => {
  const HOUR_MS = 3_600_000;
  const types = (rows: readonly { readonly EventType: string }[]) => rows.map(({ EventType }) => EventType);

  test('work wins; with the timer cancelled the instance ends at once', async () => {
    const { ended, history, start } = host();
    const id = await start('race', { work: { key: newId(), name: 'quick' }, timerMs: HOUR_MS, cancels: true });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'quick-1' });
    expect(types(await history(id))).toEqual([
      'ExecutionStarted',
      'TimerCreated',
      'TaskCompleted',
      'ExecutionCompleted',
    ]);
  });

  test('work wins; with the timer left alone the instance runs until it fires', async () => {
    const { ended, history, start } = host();
    const id = await start('race', { work: { key: newId(), name: 'quick' }, timerMs: 1_000, cancels: false });
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'quick-1' });
    const ending = ['TaskCompleted', 'TimerFired', 'ExecutionCompleted'];
    expect(types(await history(id))).toEqual(['ExecutionStarted', 'TimerCreated', ...ending]);
  });

  test('the timer wins; the instance runs until the work has ended', async () => {
    const { ended, historyWith, open, start, status } = host();
    const key = newId();
    const id = await start('race', { work: { key, name: 'slow', gated: true }, timerMs: 100, cancels: true });
    await historyWith(id, 'TimerFired');
    expect(await status(id)).toMatchObject({ runtimeStatus: 'Running' });
    await open(key, 'slow-1');
    expect(await ended(id)).toMatchObject({ runtimeStatus: 'Completed', output: 'timer' });
  });
});
