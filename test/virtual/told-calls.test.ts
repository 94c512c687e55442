import { describe, expect, test } from 'vitest';
import type { FAULT_NAMES } from '../../local/simulators/faults.ts';
import type { ReportInput } from '../../src/core/contracts.ts';
import { distinctIssues, startVirtualApp, type VirtualApp } from '../helpers/virtual-app.ts';

/** Issues of which the first ones are named in the fault. */
function issuesWith(troubled: number, count: number) {
  return distinctIssues(count).map((issue, n) => (n < troubled ? { ...issue, title: `Trouble ${issue.key}` } : issue));
}

const faultFor = (reply: (typeof FAULT_NAMES)[number], attempts: number) => ({
  faults: [{ when: { textIncludes: 'Trouble' }, reply, attempts }],
});

/** The sum of a figure over what the capacity entity was told. */
function toldOf(app: VirtualApp, attempt: number, figure: 'calls' | 'admittedTokens' | 'billedTokens'): number {
  return app.told('run', attempt).uses.reduce((sum, use) => sum + use[figure], 0);
}

/** What the streams told the report of an attempt. */
function progressOf(app: VirtualApp, attempt: number) {
  const inputs = app.hub.calls.filter(({ name }) => name === 'buildReport').map(({ input }) => input as ReportInput);
  return inputs.find(input => input.attempt === attempt)?.loaded?.progress;
}

describe('streams and the capacity entity are told of every call', () => {
  test.each([1, 3])('where a fifth of the issues fails three times with 500: %i workers', async workers => {
    await using app = startVirtualApp({
      workers,
      simulator: { latencyMs: 1_000, ...faultFor('server_error_json', 3) },
    });
    const issues = distinctIssues(200).map((issue, n) => (n % 5 === 0 ? { ...issue, title: `Trouble ${n}` } : issue));
    app.start('run', issues);
    const { summary } = await app.end('run');
    const { calls } = app.simulator.stats();
    expect(calls).toBe(200 + 40 * 3);
    expect(summary).toMatchObject({ succeeded: 200, calls, admittedTokens: toldOf(app, 1, 'admittedTokens') });
    expect(toldOf(app, 1, 'calls')).toBe(calls);
    expect(toldOf(app, 1, 'billedTokens')).toBe(summary.tokens.totalTokens);
    const { admittedTokens, tokens, costUsd } = summary;
    const { totalTokens: _, ...usage } = tokens;
    expect(progressOf(app, 1)).toMatchObject({ calls, admittedTokens, usage, costUsd });
  });

  test('where calls are throttled, and the limits are learned on the way', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 1_000, tokensPerMinute: 60_000 } });
    app.start('run', distinctIssues(60));
    const { summary } = await app.end('run');
    expect(summary.throttled).toBeGreaterThan(0);
    const { calls } = app.simulator.stats();
    expect([summary.calls, toldOf(app, 1, 'calls')]).toEqual([calls, calls]);
  });
});

describe('a retry', () => {
  /** A run of which some issues failed, after calls that were billed. */
  async function startFailed(app: VirtualApp) {
    app.start('run', issuesWith(8, 40));
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 32, failed: 8, calls: 48 });
    return { tokens: summary.tokens.totalTokens, usd: summary.costUsd ?? 0 };
  }

  test('counts what was taken before once: at its end the entity knows the tokens of the report', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 1_000, ...faultFor('not_json', 2) } });
    const spent = await startFailed(app);
    app.start('run', issuesWith(8, 40), { spent }, 2);
    const { summary } = await app.end('run');
    expect(summary).toMatchObject({ succeeded: 40, failed: 0, calls: 56, newCalls: 8, incomplete: null });
    const { spentTokens } = app.told('run', 2);
    expect(spentTokens).toBe(spent.tokens);
    expect(spentTokens + toldOf(app, 2, 'billedTokens')).toBe(summary.tokens.totalTokens);
    expect(toldOf(app, 2, 'calls')).toBe(8);
  });

  test('with a cap that is as good as used up is incomplete, though every issue has an outcome', async () => {
    await using app = startVirtualApp({ simulator: { latencyMs: 1_000, ...faultFor('not_json', 2) } });
    const spent = await startFailed(app);
    app.start('run', issuesWith(8, 40), { spent, maxTokens: spent.tokens + 1 }, 2);
    const { summary, report } = await app.end('run');
    expect(summary).toMatchObject({ failed: 8, notStarted: 0, newCalls: 0, incomplete: 'budget' });
    expect(report.errors).toMatchObject([{ code: 'invalid_output', count: 8 }]);
  });
});
