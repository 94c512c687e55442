import { describe, expect, it } from 'vitest';
import { createOpenAiSimulator } from '../../../local/simulators/openai-simulator.ts';
import { chat, createSteppedClock, instantSimulator } from '../../helpers/openai-simulator.ts';

describe('limits', () => {
  it('admits on characters / 4 + max_completion_tokens, before answering', async () => {
    const clock = createSteppedClock();
    const simulator = instantSimulator({ clock, tokensPerMinute: 1200 });
    const call = { system: 's'.repeat(200), text: 't'.repeat(201), body: { max_completion_tokens: 499 } };
    expect((await chat(simulator, call)).headers.get('x-ratelimit-remaining-tokens')).toBe('600');
    expect((await chat(simulator, call)).headers.get('x-ratelimit-remaining-tokens')).toBe('0');
    clock.advance(38_000);
    const refused = await chat(simulator, call);
    expect(refused.status).toBe(429);
    expect(refused.error.code).toBe('429');
    expect(refused.error.message).toContain('exceeded token rate limit');
    expect(refused.error.message).toContain('retry after 22 seconds');
    expect(Object.fromEntries(refused.headers)).toMatchObject({
      'retry-after': '22',
      'retry-after-ms': '22000',
      'policy-id': 'DeploymentRatelimit-Token',
      'x-ratelimit-reset-tokens': '22',
    });
    clock.advance(22_000);
    expect((await chat(simulator, call)).status).toBe(200);
    expect(simulator.stats()).toMatchObject({ throttled: 1, byStatus: { 200: 3, 429: 1 } });
  });

  it('takes the most that the model can write where the call sets no limit', async () => {
    const simulator = instantSimulator({ tokensPerMinute: 16_000 });
    expect((await chat(simulator, { body: { max_completion_tokens: null } })).status).toBe(429);
  });

  it.each([
    ['short', '429', 'Rate limit is exceeded. Try again in 1 seconds.'],
    [
      'current',
      'RateLimitReached',
      'Your requests to gpt-4o-mini for gpt-4o-mini-2024-07-18 in East US have exceeded the call rate limit',
    ],
    ['capacity', 'too_many_requests', 'high demand'],
    ['legacy', '429', 'call rate limit'],
  ] as const)('words a 429 in the form %s', async (throttleForm, code, message) => {
    const simulator = instantSimulator({ clock: createSteppedClock(), throttleForm, requestsPerMinute: 60 });
    await chat(simulator);
    const { error, headers } = await chat(simulator);
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(headers.get('retry-after')).toBe(throttleForm === 'legacy' ? null : '1');
    expect(headers.get('x-rate-limit-reset-requests')).toBe(throttleForm === 'legacy' ? '1' : null);
  });

  it.each([
    ['missing', null, null],
    ['minusOne', '-1', '0'],
  ] as const)('leaves limits unknown in the mode %s', async (rateLimitHeaders, limit, reset) => {
    const simulator = instantSimulator({ clock: createSteppedClock(), rateLimitHeaders, requestsPerMinute: 60 });
    for (const { headers, status } of [await chat(simulator), await chat(simulator)]) {
      for (const kind of ['requests', 'tokens']) {
        expect(headers.get(`x-ratelimit-limit-${kind}`)).toBe(limit);
        expect(headers.get(`x-ratelimit-remaining-${kind}`)).toBe(limit);
        expect(headers.get(`x-ratelimit-reset-${kind}`)).toBe(reset);
      }
      expect(headers.get('retry-after')).toBeNull();
      expect(headers.get('retry-after-ms')).toBeNull();
      expect([200, 429]).toContain(status);
    }
  });
});

describe('time', () => {
  it('takes the same time for the same issue, different times for different ones', async () => {
    const slept = async (seed: number) => {
      const clock = createSteppedClock();
      const simulator = createOpenAiSimulator({ clock, seed });
      const calls = ['a', 'b', 'a'].map(text => chat(simulator, { text }));
      await clock.untilSleeping(3);
      clock.advance(600_000);
      await Promise.all(calls);
      return clock.slept;
    };
    const [a, b, again] = await slept(1);
    expect(a).toBe(again);
    expect(a).not.toBe(b);
    expect(await slept(2)).not.toContain(a);
  });

  it('counts calls in flight, and those that are given up', async () => {
    const clock = createSteppedClock();
    const simulator = createOpenAiSimulator({ clock });
    const gone = new AbortController();
    const calls = [
      chat(simulator, { text: '1' }),
      chat(simulator, { text: '2' }),
      chat(simulator, { text: '3', signal: gone.signal }),
    ];
    await clock.untilSleeping(3);
    expect(simulator.stats()).toMatchObject({ calls: 3, inFlight: 3, maxInFlight: 3, completed: 0 });
    const givenUp = expect(calls[2]).rejects.toThrow();
    gone.abort();
    await givenUp;
    clock.advance(600_000);
    await Promise.all(calls.slice(0, 2));
    expect(simulator.stats()).toEqual({
      calls: 3,
      completed: 2,
      unanswered: 1,
      inFlight: 0,
      maxInFlight: 3,
      throttled: 0,
      byStatus: { 200: 2 },
      answeredPrompts: 2,
      answeredTwice: 0,
    });
  });
});
