import { describe, expect, test } from 'vitest';
import { ModelCallError } from '../../src/core/failures.ts';
import { NO_FACTS } from '../../src/core/ledger.ts';
import type { RunControl } from '../../src/services/run-controls.ts';
import { completion, manualWaiting, throttled, thrownBy } from '../helpers/activities.ts';
import { createAnalyzeProcess, heldModel, untilQuiet } from '../helpers/analyze-bench.ts';
import { ledgerFacts, NOON_MS, plan, settledRow } from '../helpers/factories.ts';
import { createMemoryLedger } from '../helpers/memory-stores.ts';

const answering = { complete: async () => completion() };

describe('the instant of an issue', () => {
  test('is waited for in place, and that wait is no time in the queue', async () => {
    const waiting = manualWaiting();
    const { run, ledger } = createAnalyzeProcess(answering, { waiting });
    expect(await run(0, { startAtMs: NOON_MS + 10_000 })).toMatchObject({ outcome: 'succeeded' });
    expect(waiting.sleeps).toEqual([10_000]);
    expect(ledger.row('run', 0)).toMatchObject({ answeredAtMs: NOON_MS + 10_000, spentMs: { queue: 0, throttle: 0 } });
  });

  test('that is farther off puts the issue back', async () => {
    const waiting = manualWaiting();
    const { run, ledger } = createAnalyzeProcess(answering, { waiting });
    expect(await run(0, { startAtMs: NOON_MS + 10_001 })).toMatchObject({
      kind: 'deferred',
      code: 'rate_limited',
      notBeforeMs: NOON_MS + 10_001,
      seen: { calls: 0, throttled: 0 },
    });
    expect(waiting.sleeps).toEqual([]);
    expect(ledger.row('run', 0)).toBeNull();
  });

  test('that has passed is the beginning of the queue', async () => {
    const { run, ledger } = createAnalyzeProcess(answering);
    await run(0, { startAtMs: NOON_MS - 700 });
    expect(ledger.row('run', 0)).toMatchObject({ spentMs: { queue: 700, model: 0, throttle: 0, retry: 0 } });
  });
});

describe('the time between two deliveries', () => {
  test.each([
    ['throttle', throttled(20_000), 2_700],
    ['retry', new ModelCallError('timeout'), 2_700],
  ] as const)('counts as %s until the issue is handed out again, then as queue', async (kind, failure, queue) => {
    const waiting = manualWaiting();
    let calls = 0;
    const complete = async () => {
      if (calls++ === 0) throw failure;
      return completion();
    };
    const { run, ledger } = createAnalyzeProcess({ complete }, { waiting });
    await run(0).catch(() => {});
    waiting.passMs(30_000);
    await run(0, { startAtMs: NOON_MS + 30_000 - queue });
    const spentMs = { queue, model: 0, throttle: 0, retry: 0, [kind]: 30_000 - queue };
    expect(ledger.row('run', 0)).toMatchObject({ state: 'settled', spentMs });
  });

  test('counts as retry alone where the durable policy comes again with the same hand-out', async () => {
    const waiting = manualWaiting();
    let calls = 0;
    const complete = async () => {
      waiting.passMs(500);
      if (calls++ === 0) throw new ModelCallError('timeout');
      return completion();
    };
    const { run, ledger } = createAnalyzeProcess({ complete }, { waiting });
    const startAtMs = NOON_MS - 300;
    await thrownBy(run(0, { startAtMs }));
    waiting.passMs(2_000);
    await run(0, { startAtMs });
    expect(ledger.row('run', 0)).toMatchObject({
      answeredAtMs: NOON_MS + 3_000,
      callMs: 500,
      spentMs: { queue: 300, model: 1_000, throttle: 0, retry: 2_000 },
    });
  });

  test('of two attempts of the run is no waiting', async () => {
    const { run, ledger } = createAnalyzeProcess(answering);
    const { spentMs } = NO_FACTS;
    const row = { state: 'released', code: 'rate_limited', atMs: NOON_MS - 86_400_000, ...NO_FACTS, spentMs } as const;
    await ledger.write('run', 0, row, null);
    await run(0, { attempt: 2, startAtMs: NOON_MS - 100 });
    expect(ledger.row('run', 0)).toMatchObject({ attempt: 2, spentMs: { queue: 100, throttle: 0 } });
  });
});

describe('the permit', () => {
  test('bounds the calls of a run at one time, whatever the number of activities', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model);
    const all = Promise.all(Array.from({ length: 8 }, (_, unit) => run(unit, { plan: plan({ concurrency: 3 }) })));
    const waves: number[] = [];
    for (let done = 0; done < 8; done += waves.at(-1) ?? 8) {
      waves.push(await model.open());
      for (let n = waves.at(-1) ?? 0; n > 0; n--) model.answer();
    }
    expect(waves).toEqual([3, 3, 2]);
    expect((await all).every(output => output.kind === 'settled')).toBe(true);
  });

  test('is not held while a row is read or settled', async () => {
    const model = heldModel();
    const memory = createMemoryLedger();
    const settling = Promise.withResolvers<void>();
    const ledger = {
      ...memory,
      async write(...args: Parameters<typeof memory.write>) {
        if (args[2].state === 'settled') await settling.promise;
        return memory.write(...args);
      },
    };
    const { run } = createAnalyzeProcess(model, { ledger: () => ledger });
    const one = { plan: plan({ concurrency: 1 }) };
    const both = Promise.all([run(0, one), run(1, one)]);
    expect(await model.open()).toBe(1);
    model.answer();
    expect(await model.open()).toBe(1);
    expect(memory.row('run', 0)).toMatchObject({ state: 'claimed' });
    model.answer();
    settling.resolve();
    expect(await both).toMatchObject([{ outcome: 'succeeded' }, { outcome: 'succeeded' }]);
  });

  test('that is waited for is time in the queue', async () => {
    const waiting = manualWaiting();
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model, { waiting });
    const one = { plan: plan({ concurrency: 1 }) };
    const both = Promise.all([run(0, one), run(1, one)]);
    expect(await model.open()).toBe(1);
    waiting.passMs(4_000);
    model.answer();
    expect(await model.open()).toBe(1);
    model.answer();
    await both;
    expect(ledger.row('run', 0)).toMatchObject({ spentMs: { queue: 0, model: 4_000 } });
    expect(ledger.row('run', 1)).toMatchObject({ spentMs: { queue: 4_000, model: 0 } });
  });
});

test("a run's ledger has as many tables as its plan says", async () => {
  const ledgers = new Map([1, 4].map(shards => [shards, createMemoryLedger()]));
  const asked: number[] = [];
  const { run } = createAnalyzeProcess(answering, {
    ledger(shards) {
      asked.push(shards);
      return ledgers.get(shards) ?? createMemoryLedger();
    },
  });
  for (const ledgerShards of [1, 4]) await run(0, { runId: `run-${ledgerShards}`, plan: plan({ ledgerShards }) });
  expect(asked).toEqual([1, 4]);
  for (const [shards, { row }] of ledgers) {
    expect(row(`run-${shards}`, 0)).toMatchObject({ state: 'settled', outcome: 'succeeded' });
    expect(row(`run-${5 - shards}`, 0)).toBeNull();
  }
});

describe('a run that was told', () => {
  const told = (control: RunControl) => ({ controls: { of: async () => control } });

  test('to stop starts nothing', async () => {
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model, told('cancelled'));
    expect(await run(0)).toMatchObject({ kind: 'not_started', reason: 'cancelled', seen: { calls: 0 } });
    expect(model.calls()).toBe(0);
    expect(ledger.row('run', 0)).toBeNull();
  });

  test('to wait is looked at again after half a minute, and uses up no attempt', async () => {
    const { run, ledger } = createAnalyzeProcess(answering, told('paused'));
    expect(await run(0)).toMatchObject({ kind: 'deferred', code: 'paused', notBeforeMs: NOON_MS + 30_000 });
    expect(ledger.row('run', 0)).toBeNull();
  });

  test.each(['cancelled', 'paused'] as const)(
    'to be %s while issues wait for a permit is heard before the next call',
    async word => {
      const model = heldModel();
      let control: RunControl = null;
      const { run } = createAnalyzeProcess(model, { controls: { of: async () => control } });
      const one = { plan: plan({ concurrency: 1 }) };
      const all = Promise.all([run(0, one), run(1, one), run(2, one)]);
      expect(await model.open()).toBe(1);
      control = word;
      model.answer();
      const [first, ...others] = await all;
      expect(first).toMatchObject({ outcome: 'succeeded' });
      expect(others.map(({ kind }) => kind)).toEqual(Array(2).fill(word === 'paused' ? 'deferred' : 'not_started'));
      expect(model.calls()).toBe(1);
    },
  );

  test('to stop still says what was settled before', async () => {
    const { run, ledger } = createAnalyzeProcess(answering, told('cancelled'));
    await ledger.write('run', 0, settledRow(), null);
    expect(await run(0)).toMatchObject({ kind: 'settled', outcome: 'succeeded' });
  });

  test('to go on again goes on with what was put back', async () => {
    const { run, ledger } = createAnalyzeProcess(answering, told(null));
    await ledger.write('run', 0, { state: 'released', code: 'rate_limited', atMs: NOON_MS, ...ledgerFacts() }, null);
    expect(await run(0)).toMatchObject({ kind: 'settled', outcome: 'succeeded' });
  });
});

describe('a process that ends', () => {
  test('has the rows of what it was asking written before it is gone, and asks nothing more', async () => {
    const model = heldModel();
    const { run, ledger, shutdown } = createAnalyzeProcess(model);
    const one = { plan: plan({ concurrency: 1 }) };
    const [first, second] = [thrownBy(run(0, one)), run(1, one)];
    expect(await model.open()).toBe(1);
    let isGone = false;
    const gone = shutdown.begin().then(() => {
      isGone = true;
    });
    await untilQuiet();
    expect(isGone).toBe(false);
    model.fail(new ModelCallError('connection_lost'));
    await gone;
    expect(ledger.row('run', 0)).toMatchObject({ state: 'unknown', code: 'connection_lost', calls: 1 });
    expect(await first).toMatchObject({ code: 'connection_lost' });
    expect(await second).toMatchObject({ kind: 'deferred', code: 'claimed_elsewhere', seen: { calls: 0 } });
    expect(ledger.row('run', 1)).toBeNull();
    expect(model.calls()).toBe(1);
  });
});
