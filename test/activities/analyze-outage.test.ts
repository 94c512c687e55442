import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnalyzeOutput } from '../../src/core/contracts.ts';
import { ModelCallError } from '../../src/core/failures.ts';
import { CALL_USD, completion, manualWaiting, throttled, thrownBy } from '../helpers/activities.ts';
import { createAnalyzeProcess, heldModel, untilQuiet } from '../helpers/analyze-bench.ts';
import { NOON_MS, plan } from '../helpers/factories.ts';
import { createMemoryLedger } from '../helpers/memory-stores.ts';
import { createVirtualTime, type VirtualTime } from '../helpers/virtual-time.ts';

const OPEN_MS = 10_000;
const down = new ModelCallError('service_error', { status: 503 });
const concurrency = (calls: number) => ({ plan: plan({ concurrency: calls }) });

/** The answer for an issue that is left alone because the service fails. */
const leftAlone = (untilMs: number, calls: number) =>
  expect.objectContaining({
    kind: 'deferred',
    code: 'breaker_open',
    notBeforeMs: untilMs,
    seen: expect.objectContaining({ calls, throttled: 0 }),
  });

describe('a service that fails', () => {
  test('uses up attempts until that is sure, and none from then on', async () => {
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model);
    const ends = Array.from({ length: 10 }, (_, unit) => run(unit).catch((error: unknown) => error));
    expect(await model.open()).toBe(10);
    for (let n = 0; n < 10; n++) {
      model.fail(new ModelCallError('timeout'));
      await untilQuiet();
    }
    const came = await Promise.all(ends);
    for (const thrown of came.slice(0, 7)) expect(thrown).toMatchObject({ code: 'timeout' });
    expect(came.slice(7)).toEqual(Array(3).fill(leftAlone(NOON_MS + OPEN_MS, 1)));
    for (const unit of came.keys()) {
      expect(ledger.row('run', unit)).toMatchObject({
        state: 'unknown',
        code: unit < 7 ? 'timeout' : 'breaker_open',
        failedAttempts: unit < 7 ? 1 : 0,
        calls: 1,
      });
    }
  });

  test('is not called while it is left alone; issues that come go back untouched', async () => {
    const model = heldModel();
    const { run, ledger, breakers } = createAnalyzeProcess(model);
    for (let n = 0; n < 8; n++) breakers('gpt-4o-mini').note('failed');
    expect(await run(0)).toEqual(leftAlone(NOON_MS + OPEN_MS, 0));
    expect(ledger.row('run', 0)).toBeNull();
    expect(model.calls()).toBe(0);
  });

  test('surely without a bill leaves the row released', async () => {
    const { run, ledger, breakers } = createAnalyzeProcess({
      complete: () => Promise.reject(new ModelCallError('connection_failed')),
    });
    for (let n = 0; n < 7; n++) breakers('gpt-4o-mini').note('failed');
    expect(await run(0)).toEqual(leftAlone(NOON_MS + OPEN_MS, 1));
    expect(ledger.row('run', 0)).toMatchObject({
      state: 'released',
      code: 'breaker_open',
      failedAttempts: 0,
      calls: 1,
    });
  });

  test('is asked by one issue when its time is over; the others go with it or back', async () => {
    const waiting = manualWaiting();
    const model = heldModel();
    const { run, breakers } = createAnalyzeProcess(model, { waiting });
    for (let n = 0; n < 8; n++) breakers('gpt-4o-mini').note('failed');
    waiting.passMs(OPEN_MS);
    const first = [0, 1, 2].map(unit => run(unit));
    expect(await model.open()).toBe(1);
    model.fail(down);
    expect(await Promise.all(first)).toEqual([1, 0, 0].map(calls => leftAlone(waiting.nowMs() + OPEN_MS, calls)));

    waiting.passMs(OPEN_MS);
    const second = [0, 1, 2].map(unit => run(unit));
    expect(await model.open()).toBe(1);
    model.answer();
    expect(await model.open()).toBe(2);
    model.answer();
    model.answer();
    expect(await Promise.all(second)).toMatchObject(Array(3).fill({ outcome: 'succeeded', failedAttempts: 0 }));
  });

  test('counts the time that it was left alone as time of the kind retry', async () => {
    const waiting = manualWaiting();
    let calls = 0;
    const complete = async () => {
      if (calls++ === 0) throw down;
      return completion();
    };
    const { run, ledger, breakers } = createAnalyzeProcess({ complete }, { waiting });
    for (let n = 0; n < 7; n++) breakers('gpt-4o-mini').note('failed');
    await run(0);
    waiting.passMs(OPEN_MS);
    await run(0, { startAtMs: NOON_MS + OPEN_MS });
    expect(ledger.row('run', 0)).toMatchObject({ outcome: 'succeeded', spentMs: { retry: OPEN_MS, throttle: 0 } });
  });

  test('of another deployment is none of this one', async () => {
    const { run, breakers } = createAnalyzeProcess({ complete: async () => completion() });
    for (let n = 0; n < 8; n++) breakers('another').note('failed');
    expect(await run(0)).toMatchObject({ outcome: 'succeeded' });
  });

  test('whose refusals come between its failures is alive', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model);
    for (let unit = 0; unit < 6; unit++) {
      const failing = [2 * unit, 2 * unit + 1].map(each => run(each).catch((error: unknown) => error));
      expect(await model.open()).toBe(2);
      model.fail(new ModelCallError('timeout'));
      model.fail(new ModelCallError('content_filter'));
      expect(await Promise.all(failing)).toMatchObject([{ code: 'timeout' }, { outcome: 'failed' }]);
    }
  });

  test('is left alone by the whole process for as long as it asks', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model);
    const first = run(0);
    expect(await model.open()).toBe(1);
    model.fail(throttled(30_000));
    expect(await first).toMatchObject({ kind: 'deferred', code: 'rate_limited' });
    expect(await run(1)).toMatchObject({ kind: 'deferred', code: 'breaker_open', seen: { calls: 0 } });
  });
});

/** Delivers issues as stream and durable policy do, until all have an outcome. */
async function deliverAll(
  time: VirtualTime,
  run: (unit: number, startAtMs: number) => Promise<AnalyzeOutput>,
  units: readonly number[],
): Promise<AnalyzeOutput[]> {
  const deliver = async (unit: number): Promise<AnalyzeOutput> => {
    let [attempt, startAtMs] = [0, time.nowMs()];
    for (;;) {
      const output = await run(unit, startAtMs).catch((error: unknown) => error);
      if (output instanceof ModelCallError) {
        await time.sleep(2_000 * 2 ** attempt++);
      } else {
        const { kind, notBeforeMs } = output as Extract<AnalyzeOutput, { kind: 'deferred' }>;
        if (kind !== 'deferred') return output as AnalyzeOutput;
        await time.sleep(Math.max(0, notBeforeMs - time.nowMs()));
        [attempt, startAtMs] = [0, time.nowMs()];
      }
    }
  };
  return Promise.all(units.map(deliver));
}

test('a service that is down for ten minutes costs no issue its outcome, and n * max(C + 2, 8) calls and one in ten seconds', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 12 }),
      fc.array(fc.integer({ min: 0, max: 2_000 }), { minLength: 1, maxLength: 20 }),
      fc.constantFrom('service_error', 'connection_failed', 'connection_lost', 'timeout'),
      async (processes, calls, latenciesMs, code) => {
        const time = createVirtualTime(NOON_MS, () => 0.5);
        const downMs = 600_000;
        let [failed, answered] = [0, 0];
        const complete = async () => {
          await time.sleep(latenciesMs[(failed + answered) % latenciesMs.length] ?? 0);
          if (time.nowMs() < NOON_MS + downMs) {
            failed += 1;
            throw new ModelCallError(code);
          }
          answered += 1;
          return completion();
        };
        const units = Array.from({ length: 40 }, (_, unit) => unit);
        const ledgers = Array.from({ length: processes }, createMemoryLedger);
        const all = Promise.all(
          ledgers.map(ledger => {
            const { run } = createAnalyzeProcess({ complete }, { waiting: time, ledger: () => ledger });
            return deliverAll(time, (unit, startAtMs) => run(unit, { startAtMs, ...concurrency(calls) }), units);
          }),
        );
        await time.passUntil(NOON_MS + downMs + 120_000);
        for (const outputs of await all) {
          expect(outputs).toHaveLength(units.length);
          for (const output of outputs) expect(output).toMatchObject({ kind: 'settled', outcome: 'succeeded' });
        }
        expect(answered).toBe(processes * units.length);
        expect(failed).toBeLessThanOrEqual(processes * (Math.max(calls + 2, 8) + downMs / OPEN_MS));
        for (const ledger of ledgers) {
          for (const unit of units) expect(ledger.row('run', unit)).toMatchObject({ costUsd: CALL_USD });
        }
      },
    ),
    { numRuns: 12 },
  );
}, 60_000);

test('every other call that fails stops nobody: 120 calls of one second, five at a time, take 24 s and some retries', async () => {
  const time = createVirtualTime(NOON_MS, () => 0);
  let calls = 0;
  const complete = async () => {
    await time.sleep(1_000);
    if (calls++ % 2 === 0) throw down;
    return completion();
  };
  const { run } = createAnalyzeProcess({ complete }, { waiting: time });
  const units = Array.from({ length: 60 }, (_, unit) => unit);
  let doneAtMs = 0;
  const all = deliverAll(time, (unit, startAtMs) => run(unit, { startAtMs, ...concurrency(5) }), units).finally(() => {
    doneAtMs = time.nowMs();
  });
  await time.passUntil(NOON_MS + 120_000);
  const outputs = await all;
  expect(outputs.every(output => output.kind === 'settled' && output.outcome === 'succeeded')).toBe(true);
  expect(calls).toBe(120);
  expect(doneAtMs - NOON_MS).toBeGreaterThanOrEqual(24_000);
  expect(doneAtMs - NOON_MS).toBeLessThan(35_000);
});

test('what is thrown is thrown as it came', async () => {
  const { run } = createAnalyzeProcess({ complete: () => Promise.reject(down) });
  expect(await thrownBy(run(0))).toBe(down);
});
