import type { OrchestrationContext, Task } from 'durable-functions';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { df } from '../../helpers/durable-app.ts';
import { createHarness, type Harness } from '../../helpers/engine-harness.ts';

type Durable = OrchestrationContext['df'];

interface Call {
  readonly kind: 'activity' | 'activityWithRetry' | 'child' | 'childWithRetry';
  /** How often it fails before it succeeds. */
  readonly failures: number;
  readonly maxAttempts: number;
  /** How many turns of the event loop an attempt takes. */
  readonly turns: number;
}

/** What an orchestrator does, written in a way that is safe on the real host. */
type Statement =
  /** All at once, then each again by itself; with a timer and a wait for an event among them. */
  | { readonly kind: 'fanOut'; readonly calls: readonly Call[]; readonly timerMs: number; readonly event: boolean }
  | { readonly kind: 'call'; readonly call: Call }
  | { readonly kind: 'timer'; readonly lengthMs: number }
  | { readonly kind: 'event' }
  /** A call without retries against a timer, which is cancelled when it has lost. */
  | { readonly kind: 'race'; readonly turns: number; readonly lengthMs: number }
  /** Retried calls against each other: the losers go on in the background. */
  | { readonly kind: 'first'; readonly calls: readonly Call[] }
  | { readonly kind: 'continueAsNew' };

interface Input {
  readonly program: readonly Statement[];
  readonly at: number;
  readonly results: readonly string[];
}

const callArbitrary: fc.Arbitrary<Call> = fc.record({
  kind: fc.constantFrom('activity', 'activityWithRetry', 'child', 'childWithRetry'),
  failures: fc.nat(3),
  maxAttempts: fc.integer({ min: 1, max: 3 }),
  turns: fc.nat(6),
});
const calls = (maxLength: number) => fc.array(callArbitrary, { minLength: 1, maxLength });
const lengthMs = fc.constantFrom(0, 500, 1_000, 2_500, 9 * 86_400_000);

const programArbitrary = fc.array(
  fc.oneof<fc.Arbitrary<Statement>[]>(
    fc.record({ kind: fc.constant('fanOut'), calls: calls(5), timerMs: lengthMs, event: fc.boolean() }),
    fc.record({ kind: fc.constant('call'), call: callArbitrary }),
    fc.record({ kind: fc.constant('timer'), lengthMs }),
    fc.record({ kind: fc.constant('event') }),
    fc.record({ kind: fc.constant('race'), turns: fc.nat(6), lengthMs: fc.constantFrom(500, 1_000) }),
    fc.record({ kind: fc.constant('first'), calls: calls(3) }),
    fc.record({ kind: fc.constant('continueAsNew') }),
  ),
  { minLength: 1, maxLength: 7 },
);

const attemptsOf = ({ kind, maxAttempts }: Call) => (kind.endsWith('WithRetry') ? maxAttempts : 1);

const resultOf = (call: Call, key: string) => (call.failures < attemptsOf(call) ? `result ${key}` : `failure ${key}`);

/** What a statement must come to; undefined where it depends on who is first. */
function expected(statement: Statement, at: number): string | undefined {
  switch (statement.kind) {
    case 'fanOut': {
      const results = statement.calls.map((call, index) => resultOf(call, `${at}.${index}`));
      return [...results, ...(statement.event ? [`event ${at}`] : [])].join();
    }
    case 'call':
      return resultOf(statement.call, `${at}`);
    case 'event':
      return `event ${at}`;
    case 'timer':
    case 'continueAsNew':
      return statement.kind;
    default:
      return undefined;
  }
}

function startCall(durable: Durable, call: Call, key: string): Task {
  const input = { ...call, key };
  const retry = new df.RetryOptions(1_000, call.maxAttempts);
  if (call.kind === 'activity') return durable.callActivity('work', input);
  if (call.kind === 'activityWithRetry') return durable.callActivityWithRetry('work', retry, input);
  if (call.kind === 'child') return durable.callSubOrchestrator('child', input);
  return durable.callSubOrchestratorWithRetry('child', retry, input);
}

type Steps = Generator<Task, string, unknown>;

function* settle(task: Task): Steps {
  try {
    return String(yield task);
  } catch (error) {
    return /failure [\d.]+/.exec((error as Error).message)?.[0] ?? String(error);
  }
}

function* run(durable: Durable, statement: Statement, at: number): Steps {
  const inMs = (ms: number) => durable.createTimer(new Date(durable.currentUtcDateTime.getTime() + ms));
  switch (statement.kind) {
    case 'fanOut': {
      const tasks = statement.calls.map((call, index) => startCall(durable, call, `${at}.${index}`));
      if (statement.event) tasks.push(durable.waitForExternalEvent(`event ${at}`));
      const timer = inMs(statement.timerMs);
      try {
        yield durable.Task.all([timer, ...tasks]);
      } catch {
        // Each task is asked below.
      }
      yield timer;
      const results: string[] = [];
      for (const task of tasks) results.push(yield* settle(task));
      return results.join();
    }
    case 'call':
      return yield* settle(startCall(durable, statement.call, `${at}`));
    case 'timer':
      yield inMs(statement.lengthMs);
      return 'timer';
    case 'event':
      return String(yield durable.waitForExternalEvent(`event ${at}`));
    case 'race': {
      const timer = inMs(statement.lengthMs);
      const call = startCall(
        durable,
        { kind: 'activity', failures: 0, maxAttempts: 1, turns: statement.turns },
        `${at}`,
      );
      if ((yield durable.Task.any([call, timer])) === timer) return 'timer';
      timer.cancel();
      return String(call.result);
    }
    case 'first':
      yield durable.Task.any(statement.calls.map((call, index) => startCall(durable, call, `${at}.${index}`)));
      return 'first';
    case 'continueAsNew':
      return 'continueAsNew';
  }
}

function createApp(app: typeof df.app): void {
  const runs = new Map<string, number>();
  app.activity('work', {
    async handler({ key, failures, turns }: Call & { key: string }) {
      for (let turn = 0; turn < turns; turn++) await new Promise(resolve => setImmediate(resolve));
      runs.set(key, (runs.get(key) ?? 0) + 1);
      if ((runs.get(key) ?? 0) <= failures) throw new Error(`failure ${key}`);
      return `result ${key}`;
    },
  });
  app.orchestration('child', function* ({ df: durable }) {
    return yield durable.callActivity('work', durable.getInput());
  });
  app.orchestration('program', function* ({ df: durable }) {
    const { program, at, results } = durable.getInput() as Input;
    const all = [...results];
    for (const [index, statement] of program.entries()) {
      if (index < at) continue;
      all.push(yield* run(durable, statement, index));
      if (statement.kind === 'continueAsNew') {
        durable.continueAsNew({ program, at: index + 1, results: all });
        return [];
      }
    }
    return all;
  });
}

/** What happens before an event is raised, whether there is one or not. */
interface Pause {
  readonly lengthMs: number;
  readonly isSuspended: boolean;
}

const pauseArbitrary: fc.Arbitrary<Pause> = fc.oneof(
  fc.record({ lengthMs: fc.constantFrom(0, 700, 3_000, 10 * 86_400_000), isSuspended: fc.constant(false) }),
  fc.record({ lengthMs: fc.constantFrom(0, 700, 3_000), isSuspended: fc.constant(true) }),
);

/** Raises every event of the program, before it is waited for or after, and suspends the instance now and then. */
async function runProgram(harness: Harness, program: readonly Statement[], pauses: readonly Pause[]): Promise<void> {
  const { engine } = harness;
  const input: Input = { program, at: 0, results: [] };
  engine.startInstance({ name: 'program', instanceId: 'one', inputJson: JSON.stringify(input) });
  for (const [at, statement] of program.entries()) {
    const { lengthMs = 0, isSuspended = false } = pauses[at] ?? {};
    if (isSuspended) engine.suspend('one', '');
    await harness.pass(lengthMs);
    if (statement.kind === 'event' || (statement.kind === 'fanOut' && statement.event))
      engine.raiseEvent('one', `event ${at}`, JSON.stringify(`event ${at}`));
    if (isSuspended) {
      await harness.pass(0);
      engine.resume('one', '');
    }
  }
  await harness.pass(100 * 86_400_000);
}

/**
 * The program without what is not safe: an event that comes before continue-as-new and is waited for after it is lost; and
 * cancelling a timer while retries take ids in the background parts the ids.
 */
function safePartOf(program: readonly Statement[]): Statement[] {
  let isFirstGeneration = true;
  let hasRetriesBehind = false;
  return program.flatMap((statement): Statement[] => {
    if (statement.kind === 'continueAsNew') [isFirstGeneration, hasRetriesBehind] = [false, false];
    if (statement.kind === 'first') hasRetriesBehind = true;
    if (statement.kind === 'race' && hasRetriesBehind) return [];
    if (statement.kind === 'event' && !isFirstGeneration) return [];
    if (statement.kind === 'fanOut') return [{ ...statement, event: statement.event && isFirstGeneration }];
    return [statement];
  });
}

test('nothing is reported of programs that are safe on the real host, in strict mode either', async () => {
  const pausesArbitrary = fc.array(pauseArbitrary, { minLength: 7, maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(programArbitrary, pausesArbitrary, async (program, pauses) => {
      const safe = safePartOf(program);
      const harness = createHarness(createApp, { settings: { strict: true } });
      await runProgram(harness, safe, pauses);
      const { runtimeStatus, output } = harness.status('one');
      expect(harness.errors.filter(line => !line.includes("'child' failed"))).toEqual([]);
      expect(runtimeStatus).toBe('Completed');
      const wanted = safe.map(expected);
      expect((output as string[]).map((result, at) => (wanted[at] === undefined ? undefined : result))).toEqual(wanted);
      harness.close();
    }),
    { numRuns: 100 },
  );
});
