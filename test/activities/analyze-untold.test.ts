import { beforeEach, describe, expect, test } from 'vitest';
import { ModelCallError } from '../../src/core/failures.ts';
import { type CallCounts, NO_CALLS, NO_FACTS } from '../../src/core/ledger.ts';
import type { ModelClient } from '../../src/services/azure-openai.ts';
import { ANSWER, CALL_USD, completion, throttled, thrownBy } from '../helpers/activities.ts';
import { createAnalyzeBench, PLACE, STORAGE_USE } from '../helpers/analyze-bench.ts';
import { ADMISSION } from '../helpers/asking.ts';
import { seen, settledRow } from '../helpers/factories.ts';

const usage = { promptTokens: 100, completionTokens: 10, cachedTokens: 0 };
const BILLED = { usage, costUsd: CALL_USD, lastUsage: usage };
const ONE_ANSWER: CallCounts = { ...NO_CALLS, calls: 1, admittedTokens: ADMISSION, ...BILLED };
/** What a delivery tells of calls. */
const saw = (counts: CallCounts) => seen({ ...counts, storage: STORAGE_USE });

let { ledger, activity, row, put } = createAnalyzeBench();
beforeEach(() => {
  ({ ledger, activity, row, put } = createAnalyzeBench());
});

describe('calls of a delivery that throws', () => {
  const unfit = completion({ text: 'no JSON' });
  const lost = new ModelCallError('connection_lost');
  /** A delivery of three calls, the first of them billed. */
  const throwOnce = () => thrownBy(activity([unfit, lost]).run());
  const told = { ...NO_CALLS, calls: 3, admittedTokens: expect.any(Number), ...BILLED };
  const toldWith = (calls: number, more: Partial<CallCounts> = {}) => ({ ...told, calls: 3 + calls, ...more });

  test('stay in the row, and the next output tells them with its own, once', async () => {
    await throwOnce();
    expect(row()).toMatchObject({ calls: 3, untold: told });
    const deferral = await activity([throttled(30_000)]).run();
    expect(deferral).toMatchObject({ kind: 'deferred', seen: toldWith(1, { throttled: 1 }) });
    expect(deferral.seen.admittedTokens).toBe(row()?.admittedTokens);
    expect(row()).toMatchObject({ calls: 4, untold: NO_CALLS });
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', seen: saw(ONE_ANSWER) });
    expect(row()).toMatchObject({ calls: 5, costUsd: 2 * CALL_USD, untold: ONE_ANSWER });
  });

  test('add up over deliveries, and are told by the end of the issue', async () => {
    await throwOnce();
    await throwOnce();
    const { seen: end } = await activity([completion()]).run();
    const { calls, admittedTokens, usage: billed, costUsd } = row() ?? NO_FACTS;
    expect(end).toMatchObject({ calls, admittedTokens, usage: billed, costUsd });
    expect([calls, costUsd]).toEqual([7, 3 * CALL_USD]);
  });

  test('are told with an answer that came without a call, and stay told of', async () => {
    await throwOnce();
    const answers = { recall: () => ANSWER, remember: () => {} };
    const output = await activity([completion()], { answers }).run();
    expect(output).toMatchObject({ cached: true, seen: told });
    expect(await activity([completion()]).run()).toEqual(output);
  });

  test('are kept by what is put back without a word to the ledger', async () => {
    await throwOnce();
    const paused = await activity([completion()], { controls: { of: async () => 'paused' } }).run();
    expect(paused).toMatchObject({ code: 'paused', seen: saw(NO_CALLS) });
    expect(row()).toMatchObject({ untold: told });
  });

  test('go to whoever takes the issue over; the one that lost it tells its own alone', async () => {
    await throwOnce();
    const complete: ModelClient['complete'] = async () => {
      const entry = await ledger.read('run', PLACE);
      if (entry) await ledger.write('run', PLACE, entry.row, entry.etag);
      return completion();
    };
    const loser = await activity([completion()], { model: { complete } }).run();
    expect(loser).toMatchObject({ code: 'claimed_elsewhere', seen: saw(ONE_ANSWER) });
    expect(await activity([completion()]).run()).toMatchObject({ seen: { calls: 5, costUsd: 2 * CALL_USD } });
  });

  test('are not told by a later attempt of the run', async () => {
    await throwOnce();
    expect(await activity([completion()]).run({ attempt: 2 })).toMatchObject({ seen: saw(ONE_ANSWER) });
    expect(row()).toMatchObject({ attempt: 2, calls: 4, costUsd: 2 * CALL_USD });
  });

  test('that an earlier attempt of the run has settled, or an older version, are not told', async () => {
    await put(settledRow({ untold: ONE_ANSWER }));
    expect(await activity([completion()]).run({ attempt: 2 })).toMatchObject({ seen: saw(NO_CALLS) });
    const entry = await ledger.read('run', PLACE);
    await ledger.write('run', PLACE, settledRow(), entry?.etag ?? null);
    expect(await activity([completion()]).run()).toMatchObject({ outcome: 'succeeded', seen: saw(NO_CALLS) });
  });
});
