import { describe, expect, test } from 'vitest';
import { ModelCallError } from '../../src/core/failures.ts';
import { NO_FACTS } from '../../src/core/ledger.ts';
import { ANSWER, completion, manualWaiting, throttled, thrownBy } from '../helpers/activities.ts';
import { createAnalyzeProcess, heldModel } from '../helpers/analyze-bench.ts';
import { ledgerFacts, NOON_MS, plan } from '../helpers/factories.ts';

/** All issues are the same one. */
const equal = { unit: () => ({ fingerprint: 'f', copies: 2 }) };
const uncached = { plan: plan({ useCache: false }) };
const ofRun = (runId: string) => ({ runId });

/** A success without a call of its own. */
const CACHED = { kind: 'settled', outcome: 'succeeded', code: null, cached: true, callMs: null, copies: 2 };
const CACHED_ROW = { state: 'settled', cached: true, answer: ANSWER, calls: 0, costUsd: 0, requestId: null };

describe('an answer in memory', () => {
  test('is settled in one write, without a call, at no cost', async () => {
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model, equal);
    const first = run(0, ofRun('a'));
    await model.open();
    model.answer();
    expect(await first).toMatchObject({ cached: false, callMs: 0, seen: { calls: 1 } });
    const output = await run(0, { ...ofRun('b'), startAtMs: NOON_MS - 50 });
    expect(output).toMatchObject({ ...CACHED, seen: { calls: 0, admittedTokens: 0, costUsd: 0 } });
    expect(ledger.row('b', 0)).toMatchObject({ ...CACHED_ROW, spentMs: { queue: 50, model: 0 } });
    expect(model.calls()).toBe(1);
  });

  test('is not used by a run that wants its answers anew, but such a run leaves one', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model, equal);
    for (const runId of ['a', 'b']) {
      const output = run(0, { ...uncached, runId });
      expect(await model.open()).toBe(1);
      model.answer();
      expect(await output).toMatchObject({ cached: false });
    }
    expect(await run(0, ofRun('c'))).toMatchObject(CACHED);
    expect(model.calls()).toBe(2);
  });

  test('is kept of answers alone', async () => {
    let calls = 0;
    const complete = async () => {
      calls += 1;
      return completion({ refused: true, text: null });
    };
    const { run } = createAnalyzeProcess({ complete }, equal);
    for (const runId of ['a', 'b']) expect(await run(0, ofRun(runId))).toMatchObject({ code: 'refused' });
    expect(calls).toBe(2);
  });

  test('after a call that may have been billed was not paid twice', async () => {
    const { run, ledger } = createAnalyzeProcess({ complete: async () => completion() }, equal);
    await run(0, ofRun('a'));
    const facts = ledgerFacts({ calls: 1, failedAttempts: 1, costUsd: 0 });
    await ledger.write('b', 0, { state: 'unknown', code: 'timeout', atMs: NOON_MS, ...facts }, null);
    expect(await run(0, ofRun('b'))).toMatchObject({ ...CACHED, failedAttempts: 1 });
    expect(ledger.row('b', 0)).toMatchObject({ cached: true, calls: 1, possiblyPaidTwice: false });
  });

  test('is there for a delivery after the settling went wrong', async () => {
    const process = createAnalyzeProcess({ complete: async () => completion() }, equal);
    const { ledger } = process;
    const write = ledger.write;
    ledger.write = async (...args) => {
      if (args[2].state !== 'settled') return write(...args);
      ledger.write = write;
      throw new Error('storage is down');
    };
    await thrownBy(process.run(0));
    expect(await process.run(0)).toMatchObject({ ...CACHED, failedAttempts: 1 });
    expect(ledger.row('run', 0)).toMatchObject({ calls: 1, costUsd: 0, possiblyPaidTwice: false });
  });
});

describe('equal questions of two runs at one time', () => {
  test('are asked once; who joined waits in the queue, for nothing else', async () => {
    const waiting = manualWaiting();
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model, { ...equal, waiting });
    const both = Promise.all([run(0, ofRun('a')), run(0, ofRun('b'))]);
    expect(await model.open()).toBe(1);
    waiting.passMs(3_000);
    model.answer();
    expect(await both).toMatchObject([{ cached: false, callMs: 3_000 }, CACHED]);
    expect(ledger.row('b', 0)).toMatchObject({ ...CACHED_ROW, spentMs: { queue: 3_000, model: 0 } });
  });

  test('leave a permit to others while they wait', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model, { unit: unit => ({ fingerprint: unit === 0 ? 'f' : 'g' }) });
    const one = { plan: plan({ concurrency: 1 }) };
    const all = Promise.all([run(0, ofRun('a')), run(0, { ...ofRun('b'), ...one }), run(1, { ...ofRun('b'), ...one })]);
    expect(await model.open()).toBe(2);
    model.answer();
    model.answer();
    expect((await all).map(output => output.kind === 'settled' && output.cached)).toEqual([false, true, false]);
  });

  test.each([
    ['fails', new ModelCallError('content_filter')],
    ['is thrown', new ModelCallError('timeout')],
    ['meets a defect', new TypeError('defect')],
  ])('go their own way when the first one %s', async (_, failure) => {
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model, equal);
    const runs = ['a', 'b', 'c'].map(runId => run(0, ofRun(runId)));
    const all = Promise.allSettled(runs);
    expect(await model.open()).toBe(1);
    model.fail(failure);
    expect(await model.open()).toBe(2);
    model.answer();
    model.answer();
    const [, second, third] = await all;
    for (const end of [second, third]) expect(end).toMatchObject({ value: { outcome: 'succeeded', cached: false } });
    expect(ledger.row('b', 0)).toMatchObject({ calls: 1, possiblyPaidTwice: false });
  });

  test('are all put back when the first one is: the service wants to be left alone', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model, equal);
    const all = Promise.all(['a', 'b'].map(runId => run(0, ofRun(runId))));
    expect(await model.open()).toBe(1);
    model.fail(throttled(30_000));
    expect(await all).toMatchObject([{ code: 'rate_limited' }, { code: 'breaker_open', seen: { calls: 0 } }]);
  });

  test('are asked twice where a run wants its answers anew', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model, equal);
    const both = Promise.all([run(0, ofRun('a')), run(0, { ...uncached, runId: 'b' })]);
    expect(await model.open()).toBe(2);
    model.answer();
    model.answer();
    expect(await both).toMatchObject([{ cached: false }, { cached: false }]);
  });

  test('that differ are asked each', async () => {
    const model = heldModel();
    const { run } = createAnalyzeProcess(model);
    const both = Promise.all([run(0), run(1)]);
    expect(await model.open()).toBe(2);
    model.answer();
    model.answer();
    expect(await both).toMatchObject([{ cached: false }, { cached: false }]);
  });

  test('have one claim each, and the row of who joined has none', async () => {
    const model = heldModel();
    const { run, ledger } = createAnalyzeProcess(model, equal);
    const both = Promise.all([run(0, ofRun('a')), run(0, ofRun('b'))]);
    await model.open();
    expect(ledger.row('a', 0)).toMatchObject({ ...NO_FACTS, state: 'claimed' });
    expect(ledger.row('b', 0)).toBeNull();
    model.answer();
    await both;
  });
});
