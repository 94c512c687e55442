import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAdmission } from '../../../local/simulators/admission.ts';
import { drawLatencyMs } from '../../../local/simulators/latency.ts';
import { createAdmissionMeter } from '../../../local/simulators/meters.ts';
import { createOpenAiSimulator } from '../../../local/simulators/openai-simulator.ts';
import { fingerprint } from '../../../local/simulators/seeded.ts';
import { chat, createSteppedClock, instantSimulator } from '../../helpers/openai-simulator.ts';

const MINUTE_MS = 60_000;

interface Call {
  readonly atMs: number;
  readonly tokens: number;
}

/** Calls in the order of their instants. */
const calls = fc
  .array(fc.record({ atMs: fc.integer({ min: 0, max: 5 * MINUTE_MS }), tokens: fc.integer({ min: 1, max: 9_999 }) }))
  .map(list => list.toSorted((a, b) => a.atMs - b.atMs));

/** The same figure by the obvious way: all calls of each window that one of them begins or lies in. */
function mostIn(list: readonly Call[], windowsOf: (call: Call) => { fromMs: number; toMs: number }) {
  const amounts = list.map(windowsOf).map(({ fromMs, toMs }) => {
    const within = list.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return { tokens: within.reduce((sum, { tokens }) => sum + tokens, 0), requests: within.length };
  });
  return {
    tokens: Math.max(0, ...amounts.map(({ tokens }) => tokens)),
    requests: Math.max(0, ...amounts.map(({ requests }) => requests)),
  };
}

const alignedTo =
  (lengthMs: number) =>
  ({ atMs }: Call) => {
    const fromMs = Math.floor(atMs / lengthMs) * lengthMs;
    return { fromMs, toMs: fromMs + lengthMs };
  };

describe('the meter of admissions', () => {
  test('finds the most in any slice, minute and 60 s, whatever comes', () => {
    fc.assert(
      fc.property(calls, fc.constantFrom(1, 7, 60), fc.constantFrom(1, 10, 60), (list, sliceSeconds, tokenSlice) => {
        const meter = createAdmissionMeter({ sliceSeconds, tokenSliceSeconds: tokenSlice });
        for (const { atMs, tokens } of list) meter.admitted(atMs, tokens);
        const { total, most, minutes } = meter.figures();
        const sum = list.reduce((all, { tokens }) => all + tokens, 0);
        expect(total).toEqual({ tokens: sum, requests: list.length });
        expect(most).toEqual({
          minute: mostIn(list, alignedTo(MINUTE_MS)),
          slice: {
            tokens: mostIn(list, alignedTo(tokenSlice * 1_000)).tokens,
            requests: mostIn(list, alignedTo(sliceSeconds * 1_000)).requests,
          },
          slidingMinute: mostIn(list, ({ atMs }) => ({ fromMs: atMs, toMs: atMs + MINUTE_MS })),
        });
        expect(minutes.reduce((all, { tokens }) => all + tokens, 0)).toBe(sum);
        expect(minutes.map(({ startMs }) => startMs)).toEqual(
          [...new Set(list.map(call => alignedTo(MINUTE_MS)(call).fromMs))].toSorted((a, b) => a - b),
        );
      }),
    );
  });

  test('never finds more in a minute or slice than the limits, but for one oversized call alone in its slice', () => {
    fc.assert(
      fc.property(
        calls,
        fc.integer({ min: 1_000, max: 50_000 }),
        fc.integer({ min: 1, max: 100 }),
        (list, tpm, rpm) => {
          const limits = { tokensPerMinute: tpm, requestsPerMinute: rpm, sliceSeconds: 10, tokenSliceSeconds: 60 };
          const [admission, meter] = [createAdmission(limits), createAdmissionMeter(limits)];
          for (const { atMs, tokens } of list) {
            if (!admission.admit(atMs, tokens).limitedBy) meter.admitted(atMs, tokens);
          }
          const { most } = meter.figures();
          expect(most.minute.tokens).toBeLessThanOrEqual(tpm);
          expect(most.minute.requests).toBeLessThanOrEqual(rpm);
          expect(most.slice.requests).toBeLessThanOrEqual(Math.ceil(rpm / 6));
        },
      ),
    );
  });

  test('keeps the minutes of a day at most', () => {
    const meter = createAdmissionMeter({ sliceSeconds: 1, tokenSliceSeconds: 60 });
    for (let minute = 0; minute < 2_000; minute++) meter.admitted(minute * MINUTE_MS, 1);
    const { minutes, total } = meter.figures();
    expect(minutes).toHaveLength(1_440);
    expect(minutes.at(-1)).toEqual({ startMs: 1_999 * MINUTE_MS, tokens: 1, requests: 1 });
    expect(total.requests).toBe(2_000);
  });
});

describe('the meters of the simulator', () => {
  test('count what was let in, billed, and bought twice', async () => {
    const clock = createSteppedClock();
    const simulator = instantSimulator({ clock, requestsPerMinute: 240, sliceSeconds: 1 });
    const first = await chat(simulator, { text: 'once' });
    const second = await chat(simulator, { text: 'twice' });
    const third = await chat(simulator, { text: 'twice' });
    const cut = await chat(simulator, { text: 'cut', body: { max_completion_tokens: 1 } });
    expect((await chat(simulator, { text: 'late' })).status).toBe(429);
    const billedTokens = [first, second, third, cut].reduce((sum, { usage }) => sum + usage.total_tokens, 0);
    const { admitted, answers } = simulator.meters();
    expect(answers).toMatchObject({ count: 4, billedTokens, repeatedTokens: third.usage.total_tokens });
    const promptTokens = (text: string) => Math.ceil(('Triage the issue.'.length + text.length) / 4);
    const tokens = promptTokens('once') + 2 * promptTokens('twice') + promptTokens('cut') + 3 * 500 + 1;
    expect(admitted.total).toEqual({ tokens, requests: 4 });
    expect(admitted.most.slice).toEqual({ tokens, requests: 4 });
    expect(admitted.minutes).toEqual([{ startMs: clock.nowMs(), tokens, requests: 4 }]);
  });

  test('add up the drawn latencies, which can be had beforehand', async () => {
    const clock = createSteppedClock();
    const options = { seed: 7, latencyMs: 4_000, latencyCv: 0.6 };
    const simulator = createOpenAiSimulator({ ...options, clock });
    const texts = ['a', 'b', 'c'];
    const answers = texts.map(text => chat(simulator, { text }));
    await clock.untilSleeping(3);
    clock.advance(600_000);
    await Promise.all(answers);
    const drawn = texts.map(text => drawLatencyMs(options, fingerprint(text)));
    expect(clock.slept.toSorted()).toEqual(drawn.toSorted());
    const { latencySumMs, latencyMaxMs } = simulator.meters().answers;
    expect(latencySumMs).toBeCloseTo(drawn.reduce((sum, ms) => sum + ms, 0));
    expect(latencyMaxMs).toBe(Math.max(...drawn));
  });

  test('can be asked for without a key, and begin again with a reset', async () => {
    const simulator = instantSimulator();
    await chat(simulator, { text: 'a' });
    const ask = async () => (await simulator.handle(new Request('http://simulator/_simulator/meters'))).json();
    expect(await ask()).toEqual(simulator.meters());
    simulator.reset();
    expect(await ask()).toMatchObject({ admitted: { total: { requests: 0 }, minutes: [] }, answers: { count: 0 } });
  });
});
