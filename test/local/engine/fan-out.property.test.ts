import type { Task } from 'durable-functions';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createManualClock } from '../../../local/testing/manual-clock.ts';
import { df } from '../../helpers/durable-app.ts';
import { createHarness, type Harness, START_MS, temporaryStateFile } from '../../helpers/engine-harness.ts';

interface Call {
  readonly kind: 'activity' | 'activityWithRetry' | 'child' | 'childWithRetry';
  /** How often it fails before it succeeds. */
  readonly failures: number;
  readonly maxAttempts: number;
  /** How many turns of the event loop an attempt takes. */
  readonly turns: number;
}

interface Plan {
  /** The calls of each generation; between them the orchestrator continues as new. */
  readonly rounds: readonly (readonly Call[])[];
  readonly done: readonly (readonly string[])[];
}

const callArbitrary: fc.Arbitrary<Call> = fc.record({
  kind: fc.constantFrom('activity', 'activityWithRetry', 'child', 'childWithRetry'),
  failures: fc.nat(3),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  turns: fc.nat(6),
});
const roundsArbitrary = fc.array(fc.array(callArbitrary, { minLength: 1, maxLength: 7 }), {
  minLength: 1,
  maxLength: 2,
});

const attemptsOf = ({ kind, maxAttempts }: Call) => (kind.endsWith('WithRetry') ? maxAttempts : 1);

/** What the settled calls of a plan must say, and how often each must have run. */
function expected(rounds: Plan['rounds']): { results: string[][]; runs: Record<string, number> } {
  const runs: Record<string, number> = {};
  const results = rounds.map((calls, round) => [
    ...calls.map((call, index) => {
      const key = `${round}.${index}`;
      runs[key] = Math.min(call.failures + 1, attemptsOf(call));
      return call.failures < attemptsOf(call) ? `result ${key}` : `failure ${key}`;
    }),
    `end ${round}`,
  ]);
  return { results, runs };
}

function createApp(runs: Map<string, number>, isDead: () => boolean) {
  return (app: typeof df.app) => {
    app.activity('work', {
      handler: async ({ key, failures, turns }: Call & { key: string }) => {
        for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve));
        // What a killed worker still does in the background is as if it had not been.
        if (isDead()) return null;
        const run = (runs.get(key) ?? 0) + 1;
        runs.set(key, run);
        if (run <= failures) throw new Error(`failure ${key}`);
        return `result ${key}`;
      },
    });
    app.activity('end', { handler: (round: number) => `end ${round}` });
    app.orchestration('child', function* ({ df: durable }) {
      return yield durable.callActivity('work', durable.getInput());
    });
    app.orchestration('fanOut', function* ({ df: durable }) {
      const { rounds, done } = durable.getInput() as Plan;
      const calls = rounds[done.length] ?? [];
      const tasks = calls.map((call, index): Task => {
        const input = { ...call, key: `${done.length}.${index}` };
        const retry = new df.RetryOptions(1_000, call.maxAttempts);
        if (call.kind === 'activity') return durable.callActivity('work', input);
        if (call.kind === 'activityWithRetry') return durable.callActivityWithRetry('work', retry, input);
        if (call.kind === 'child') return durable.callSubOrchestrator('child', input);
        return durable.callSubOrchestratorWithRetry('child', retry, input);
      });
      try {
        yield durable.Task.all(tasks);
      } catch {
        // Each task is asked below.
      }
      const results: string[] = [];
      for (const task of tasks) {
        try {
          results.push(yield task);
        } catch (error) {
          results.push(/failure \d\.\d/.exec((error as Error).message)?.[0] ?? String(error));
        }
      }
      results.push(yield durable.callActivity('end', done.length));
      const all = [...done, results];
      if (all.length < rounds.length) durable.continueAsNew({ rounds, done: all });
      return all;
    });
  };
}

function checkRun(harness: Harness, runs: Map<string, number>, rounds: Plan['rounds']): void {
  const { results, runs: expectedRuns } = expected(rounds);
  expect(harness.status('one')).toEqual({ runtimeStatus: 'Completed', output: results, customStatus: null });
  expect(Object.fromEntries(runs)).toEqual(expectedRuns);
  expect(harness.errors.filter(line => !line.includes("'child' failed"))).toEqual([]);
}

const start = (harness: Harness, rounds: Plan['rounds']) =>
  harness.engine.startInstance({ name: 'fanOut', instanceId: 'one', inputJson: JSON.stringify({ rounds, done: [] }) });

test('each call of a fan-out gets its own result and runs as often as it should', async () => {
  await fc.assert(
    fc.asyncProperty(roundsArbitrary, async rounds => {
      const runs = new Map<string, number>();
      const harness = createHarness(createApp(runs, () => harness.worker.isDead()));
      start(harness, rounds);
      await harness.pass(60_000);
      checkRun(harness, runs, rounds);
      harness.close();
    }),
    { numRuns: 60 },
  );
});

test('so it is when the process is killed at any invocation', async () => {
  await fc.assert(
    fc.asyncProperty(roundsArbitrary, fc.integer({ min: 1, max: 40 }), async (rounds, fatalInvocation) => {
      const runs = new Map<string, number>();
      const options = { path: temporaryStateFile(), clock: createManualClock(START_MS) };
      const first = createHarness(
        createApp(runs, () => first.worker.isDead()),
        options,
      );
      const death = first.worker.dieAt(fatalInvocation);
      start(first, rounds);
      await Promise.race([death, first.pass(60_000)]);
      first.close();
      const second = createHarness(
        createApp(runs, () => second.worker.isDead()),
        options,
      );
      await second.pass(60_000);
      checkRun(second, runs, rounds);
      second.close();
    }),
    { numRuns: 60 },
  );
});
