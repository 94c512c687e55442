import * as df from 'durable-functions';
import { describe, expect, test } from 'vitest';
import { delay } from '../../../local/testing/activity-time.ts';
import { createTestHub, type TestHubOptions } from '../../../local/testing/test-hub.ts';

/** Takes results as they come, and puts what is still pending into a new `Task.any`: azure-functions-durable-js issue 574. */
const trapped: TestHubOptions = {
  orchestrators: {
    *trapped({ df: durable }) {
      const results: unknown[] = [];
      let pending: df.Task[] = ['A', 'B'].map(name => durable.callActivity('work', name));
      while (pending.length > 0) {
        const winner: df.Task = yield durable.Task.any(pending);
        pending = pending.filter(task => task !== winner);
        results.push(winner.result);
      }
      return results;
    },
  },
  activities: {
    async work(name: string) {
      await delay(name === 'A' ? 1_000 : 2_000);
      return name;
    },
  },
};

describe('a trap', () => {
  test('fails the run of a test, with what the engine saw', async () => {
    await using hub = createTestHub(trapped);
    await expect(hub.runToEnd(hub.start('trapped'))).rejects.toThrow(/would go wrong on the real host.*issue 574/s);
    expect(hub.reports.join('\n')).toMatch(/^trapped: .*issue 574/);
  });

  test('is in the result where reports are allowed; the outcome is the real host’s', async () => {
    await using hub = createTestHub({ ...trapped, allowReports: true });
    const ended = await hub.runToEnd(hub.start('trapped'));
    expect(ended.runtimeStatus).toBe('Completed');
    expect(hub.calls.map(({ input }) => input)).toEqual(['A', 'B', 'B']);
    expect(ended.reports).toEqual([expect.stringMatching(/issue 574/)]);
  });

  test('fails the instance in strict mode', async () => {
    await using hub = createTestHub({ ...trapped, allowReports: true, settings: { strict: true } });
    const { runtimeStatus, output } = await hub.runToEnd(hub.start('trapped'));
    expect(runtimeStatus).toBe('Failed');
    expect(output).toMatch(/issue 574/);
  });

  test('that ends an instance’s progress is named where it stands still', async () => {
    await using hub = createTestHub({
      orchestrators: {
        *stuck({ df: durable }) {
          yield durable.callActivityWithRetry('work', new df.RetryOptions(1_000, 0));
        },
      },
      activities: { work: () => null },
    });
    await expect(hub.runToEnd(hub.start('stuck'))).rejects.toThrow(
      /Nothing is due any more.*\(stuck\) is Running\nReported:\n {2}stuck: .*with 0 attempts/s,
    );
  });
});

test('that an orchestration fails is no report, nor that its child does', async () => {
  await using hub = createTestHub({
    orchestrators: {
      *parent({ df: durable }) {
        try {
          yield durable.callSubOrchestrator('child');
        } catch {
          throw new Error('the child failed');
        }
      },
      *child({ df: durable }) {
        yield durable.callActivity('breaks');
      },
    },
    activities: {
      breaks() {
        throw new Error('broken\non two lines');
      },
    },
  });
  const ended = await hub.runToEnd(hub.start('parent'));
  expect(ended).toMatchObject({ runtimeStatus: 'Failed', reports: [] });
  expect(ended.output).toContain('the child failed');
});
