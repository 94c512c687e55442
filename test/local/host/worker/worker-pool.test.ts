import { expect, test } from 'vitest';
import { startWorkerPool, type WorkerPool } from '../../../../local/host/worker/worker-pool.ts';
import { createManualClock } from '../../../../local/testing/manual-clock.ts';
import { createFakeWorkers, type FakeWorker, registered } from '../../../helpers/fake-workers.ts';
import { collectLog } from '../../../helpers/host-fixture.ts';

const START = { type: 'start', appFolder: '/app', durableClientJson: '{}' } as const;
const FUNCTIONS = [registered('Work', 'activity'), registered('page', 'http')];
const text = (string: string) => ({ kind: 'returned', returnValue: { string } });

/** Lets everything run that waits for no time. */
const settled = () => new Promise(resolve => setImmediate(resolve));

const isReady = (worker: FakeWorker) => worker.say({ type: 'ready', functions: FUNCTIONS });

/** Starts the processes of a pool, which are not ready yet. */
function startFakes(options: { processCount?: number; functionTimeoutMs?: number } = {}) {
  const fakes = createFakeWorkers();
  const clock = createManualClock(0);
  const { log, lines } = collectLog();
  const { processCount = 1, functionTimeoutMs = 60_000 } = options;
  const { startProcess } = fakes;
  const started = startWorkerPool({ processCount, functionTimeoutMs, startProcess, start: START, clock, log });
  return { fakes, clock, lines, started };
}

/** A pool whose processes are up. */
async function openPool(options: Parameters<typeof startFakes>[0] = {}) {
  const { fakes, started, ...rest } = startFakes(options);
  for (const worker of fakes.all) isReady(worker);
  const pool = await started;
  const [first] = fakes.all;
  if (!first) throw new Error('no process has been started');
  return { pool, fakes, first, ...rest };
}

/** Gives the invocation a turn and says whether it has ended. */
async function hasEnded(invocation: Promise<unknown>): Promise<boolean> {
  return Promise.race([invocation.then(() => true), settled().then(() => false)]);
}

const messagesOf = (lines: readonly { level: string; message: string }[]) =>
  lines.filter(({ level }) => level !== 'debug').map(({ level, message }) => `${level}: ${message}`);

test('each process is told to load the app, and the pool is ready when all are', async () => {
  const { fakes, started } = startFakes({ processCount: 2 });
  const [first, second] = fakes.all;
  expect(fakes.all.map(({ index, sent }) => [index, sent])).toEqual([
    [0, [START]],
    [1, [START]],
  ]);
  second?.say({ type: 'ready', functions: [] });
  expect(await hasEnded(started)).toBe(false);
  if (first) isReady(first);
  expect((await started).functions).toEqual(FUNCTIONS);
});

test('an app that cannot be loaded is the error of the start, and every process is ended', async () => {
  const { fakes, started } = startFakes({ processCount: 2 });
  const failed = expect(started).rejects.toMatchObject({ message: 'a.js failed: broke', cause: 'Error: broke\n at x' });
  fakes.all[1]?.say({ type: 'failed', message: 'a.js failed: broke', detail: 'Error: broke\n at x' });
  await settled();
  expect(fakes.all.map(worker => worker.isKilled())).toEqual([true, true]);
  for (const worker of fakes.all) worker.exit('was ended by SIGKILL');
  await failed;
});

test('a process that ends before it has loaded the app is the error of the start', async () => {
  const { fakes, started } = startFakes();
  fakes.last().exit('ended with exit code 7');
  await expect(started).rejects.toThrow('The worker process ended with exit code 7 while it loaded the app');
});

test('an invocation goes out under the registered name, and its outcome comes back as it is', async () => {
  const { pool, first } = await openPool();
  const invocation = pool.invoke('WORK', { string: 'in' }, { instanceId: { string: 'i1' } });
  expect(first.calls()).toEqual([
    { type: 'invoke', id: 1, name: 'Work', trigger: { string: 'in' }, metadata: { instanceId: { string: 'i1' } } },
  ]);
  const outcome = { kind: 'threw', message: 'm', stack: 's' } as const;
  first.say({ type: 'outcome', id: 1, outcome });
  expect(await invocation).toBe(outcome);
  await expect(pool.invoke('nobody', {})).rejects.toThrow('No function "nobody" is registered');
});

test('log lines of a process are the log lines of the host', async () => {
  const { first, lines } = await openPool();
  first.say({ type: 'log', level: 'warning', source: 'Work', message: 'careful' });
  expect(lines).toEqual([
    { level: 'debug', source: 'host', message: 'worker process 1 has loaded the app' },
    { level: 'warning', source: 'Work', message: 'careful' },
  ]);
});

test('the process with the least in flight is chosen, and equals take turns', async () => {
  const { pool, fakes } = await openPool({ processCount: 3 });
  const counts = () => fakes.all.map(worker => worker.calls().length);
  const invocations = Array.from({ length: 3 }, () => pool.invoke('Work', {}));
  expect(counts()).toEqual([1, 1, 1]);
  fakes.all[1]?.answer(1, 'done');
  await invocations[1];
  void pool.invoke('Work', {});
  expect(counts()).toEqual([1, 2, 1]);
  void pool.invoke('Work', {});
  expect(counts()).toEqual([1, 2, 2]);
  void pool.invoke('Work', {});
  expect(counts()).toEqual([2, 2, 2]);
});

test('what is in flight on a process that dies is lost, and a new process takes what comes', async () => {
  const { pool, fakes, first, lines } = await openPool();
  const lost = [pool.invoke('Work', {}), pool.invoke('page', {})];
  first.exit('was ended by SIGSEGV');
  const message = (name: string) => `The worker process that ran '${name}' was ended by SIGSEGV`;
  expect(await Promise.all(lost)).toEqual([
    { kind: 'lost', message: message('Work') },
    { kind: 'lost', message: message('page') },
  ]);
  const waiting = pool.invoke('Work', {});
  await settled();
  expect(fakes.all).toHaveLength(2);
  expect(fakes.last().calls()).toEqual([]);
  isReady(fakes.last());
  await settled();
  fakes.last().answer(1, 'by the second');
  expect(await waiting).toEqual(text('by the second'));
  expect(messagesOf(lines)).toEqual([
    'error: worker process 1 was ended by SIGSEGV; invocations lost: 2, 1 delivered again; a new one starts',
  ]);
});

test('another process takes over at once while one is replaced', async () => {
  const { pool, fakes, first } = await openPool({ processCount: 2 });
  first.exit('was ended by SIGKILL');
  const invocations = [pool.invoke('Work', {}), pool.invoke('Work', {})];
  await settled();
  expect(fakes.all[1]?.calls()).toHaveLength(2);
  fakes.all[1]?.answer(2, 'done');
  expect(await invocations[1]).toEqual(text('done'));
});

test('processes that die without having worked are replaced ever more slowly', async () => {
  const { fakes, clock, lines } = await openPool();
  const waitsMs: number[] = [];
  for (let death = 1; death <= 8; death++) {
    fakes.last().exit('ended with exit code 1');
    await settled();
    const diedAtMs = clock.nowMs();
    const nextAtMs = clock.nextCallAtMs();
    if (nextAtMs !== undefined) clock.advanceTo(nextAtMs);
    await settled();
    expect(fakes.all).toHaveLength(death + 1);
    waitsMs.push(clock.nowMs() - diedAtMs);
    isReady(fakes.last());
    await settled();
  }
  expect(waitsMs).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  expect(messagesOf(lines).at(-1)).toMatch(/^error: worker process 8 .* lost: 0; a new one starts in 30 s$/);
});

test('a finished invocation ends the slowness', async () => {
  const { pool, fakes, clock } = await openPool();
  fakes.last().exit('ended with exit code 1');
  await settled();
  isReady(fakes.last());
  await settled();
  const done = pool.invoke('Work', {});
  fakes.last().answer(1, 'done');
  await done;
  fakes.last().exit('ended with exit code 1');
  await settled();
  expect(fakes.all).toHaveLength(3);
  expect(clock.nowMs()).toBe(0);
});

test('a new process that cannot load the app is told in the log and tried again', async () => {
  const { pool, fakes, clock, lines } = await openPool();
  fakes.last().exit('ended with exit code 1');
  await settled();
  fakes.last().say({ type: 'failed', message: 'a.js failed', detail: '' });
  fakes.last().exit('ended with exit code 1');
  const waiting = pool.invoke('Work', {});
  await settled();
  expect(messagesOf(lines)).toContain('error: a.js failed');
  clock.advanceBy(1_000);
  await settled();
  isReady(fakes.last());
  await settled();
  fakes.last().answer(1, 'at last');
  expect(await waiting).toEqual(text('at last'));
});

test('an invocation that takes too long ends its process, and what else is in flight there is lost', async () => {
  const { pool, fakes, first, clock, lines } = await openPool({ functionTimeoutMs: 1_200_000 });
  const slow = pool.invoke('Work', {});
  clock.advanceBy(1_000);
  const other = pool.invoke('Work', {});
  const quick = pool.invoke('page', {});
  clock.advanceBy(1_199_000);
  expect(first.isKilled()).toBe(true);
  expect(await hasEnded(slow)).toBe(false);
  // What it had sent before it was killed counts, but not for the one that was too slow.
  first.answer(3, 'quick');
  first.answer(1, 'too late');
  first.exit('was ended by SIGKILL');
  const message = "Timeout value of 1200 s (functionTimeout) exceeded by function 'Functions.Work'";
  expect(await slow).toEqual({ kind: 'timedOut', message });
  expect(await other).toMatchObject({ kind: 'lost', message: expect.stringContaining(message) });
  expect(await quick).toEqual(text('quick'));
  await settled();
  expect(fakes.all).toHaveLength(2);
  expect(messagesOf(lines)).toEqual([
    `error: worker process 1 was killed: ${message}; invocations lost: 1, 1 delivered again; a new one starts`,
  ]);
});

test('a process that is being killed gets nothing more', async () => {
  const { pool, first, clock } = await openPool({ processCount: 2 });
  void pool.invoke('Work', {});
  clock.advanceBy(60_000);
  void pool.invoke('Work', {});
  void pool.invoke('Work', {});
  expect(first.calls()).toHaveLength(1);
});

test('of those that overrun at one time only the first has timed out', async () => {
  const { pool, first, clock } = await openPool();
  const invocations = [pool.invoke('Work', {}), pool.invoke('Work', {})];
  clock.advanceBy(60_000);
  first.exit('was ended by SIGKILL');
  expect((await Promise.all(invocations)).map(({ kind }) => kind)).toEqual(['timedOut', 'lost']);
});

test('processes that are killed for a timeout are replaced without a wait', async () => {
  const { pool, fakes, clock } = await openPool({ functionTimeoutMs: 5_000 });
  for (let round = 1; round <= 3; round++) {
    void pool.invoke('Work', {});
    await settled();
    clock.advanceBy(5_000);
    fakes.last().exit('was ended by SIGKILL');
    await settled();
    isReady(fakes.last());
    await settled();
  }
  expect(clock.nowMs()).toBe(15_000);
  expect(fakes.all).toHaveLength(4);
});

test('what has ended in time leaves no timeout, and there may be none at all', async () => {
  const { pool, first, clock } = await openPool();
  const done = pool.invoke('Work', {});
  first.answer(1, 'done');
  await done;
  expect(clock.nextCallAtMs()).toBeUndefined();
  const endless = await openPool({ functionTimeoutMs: Number.POSITIVE_INFINITY });
  void endless.pool.invoke('Work', {});
  expect(endless.clock.nextCallAtMs()).toBeUndefined();
});

/** What becomes of invocations in flight, waiting and to come. */
async function outcomesOf(pool: WorkerPool, act: () => void): Promise<string[]> {
  const before = [pool.invoke('Work', {}), pool.invoke('page', {})];
  await settled();
  act();
  const outcomes = await Promise.all([...before, pool.invoke('Work', {})]);
  return outcomes.map(({ kind }) => kind);
}

test('release closes what is in flight and what comes; the processes go on', async () => {
  const { pool, first } = await openPool();
  expect(await outcomesOf(pool, pool.release)).toEqual(['closed', 'closed', 'closed']);
  expect(first.isKilled()).toBe(false);
  expect(first.calls()).toHaveLength(2);
  first.answer(1, 'too late');
});

test('release closes what waits for a process', async () => {
  const { pool, first } = await openPool();
  first.exit('was ended by SIGKILL');
  expect(await outcomesOf(pool, pool.release)).toEqual(['closed', 'closed', 'closed']);
});

test('closing lets a process end, and does not replace it', async () => {
  const { pool, fakes, first, clock, lines } = await openPool();
  const closed = pool.close();
  expect(first.sent.at(-1)).toEqual({ type: 'stop' });
  expect(await hasEnded(closed)).toBe(false);
  first.exit('ended with exit code 0');
  await closed;
  await settled();
  expect(fakes.all).toHaveLength(1);
  expect(first.isKilled()).toBe(false);
  expect(clock.nextCallAtMs()).toBeUndefined();
  expect(messagesOf(lines)).toEqual([]);
});

test('closing kills a process that has not ended after a second', async () => {
  const { pool, first, clock, lines } = await openPool();
  const closed = pool.close();
  clock.advanceBy(999);
  expect(first.isKilled()).toBe(false);
  clock.advanceBy(1);
  expect(first.isKilled()).toBe(true);
  first.exit('was ended by SIGKILL');
  await closed;
  expect(messagesOf(lines)).toEqual(['warning: worker process 1 has not ended after 1000 ms and is killed']);
});

test('closing kills a process that is still loading, and waits for no process to come', async () => {
  const loading = await openPool();
  loading.first.exit('ended with exit code 1');
  await settled();
  const closed = loading.pool.close();
  expect(loading.fakes.last().isKilled()).toBe(true);
  loading.fakes.last().exit('was ended by SIGKILL');
  await closed;

  const waiting = await openPool();
  for (let death = 1; death <= 2; death++) {
    waiting.fakes.last().exit('ended with exit code 1');
    await settled();
  }
  await waiting.pool.close();
  await settled();
  expect(waiting.fakes.all).toHaveLength(2);
  expect(waiting.clock.nextCallAtMs()).toBeUndefined();
});

test('what nobody waits for any more does not go out, and what has gone out comes to its end', async () => {
  const { pool, fakes, first } = await openPool();
  const gone = new AbortController();
  const running = pool.invoke('page', {}, {}, gone.signal);
  first.exit('was ended by SIGKILL');
  const [waiting, awaited] = [pool.invoke('page', {}, {}, gone.signal), pool.invoke('Work', {})];
  await settled();
  gone.abort();
  expect(await running).toMatchObject({ kind: 'lost' });
  expect(await waiting).toEqual({ kind: 'closed' });
  isReady(fakes.last());
  await settled();
  expect(fakes.last().calls()).toMatchObject([{ name: 'Work' }]);
  fakes.last().answer(1, 'done');
  expect(await awaited).toEqual(text('done'));
  expect(await pool.invoke('page', {}, {}, gone.signal)).toEqual({ kind: 'closed' });
});

test('a replacement that closing ends while it loads leaves no error', async () => {
  const { pool, fakes, first, lines } = await openPool();
  first.exit('was ended by SIGKILL');
  await settled();
  lines.length = 0;
  const closed = pool.close();
  fakes.last().exit('was ended by SIGKILL');
  await closed;
  await settled();
  expect(messagesOf(lines)).toEqual([]);
});
