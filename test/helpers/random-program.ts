import type { OrchestrationContext, Task } from 'durable-functions';
import fc from 'fast-check';
import { df } from './durable-app.ts';

/** One thing that a random orchestration does; what it comes to is one entry of the output. */
export type Action =
  /** Fails as often as it says before it succeeds; `attempts` beyond 1 = with a retry policy. */
  | { readonly do: 'activity'; readonly failures: number; readonly attempts: number }
  | { readonly do: 'timer'; readonly delayMs: number; readonly cancelled: boolean }
  | { readonly do: 'child'; readonly actions: readonly Action[]; readonly throws: boolean; readonly attempts: number }
  | { readonly do: 'event'; readonly early: boolean }
  | { readonly do: 'entity'; readonly operation: 'add' | 'get' | 'fail'; readonly amount: number }
  | { readonly do: 'signal'; readonly amount: number }
  | { readonly do: 'status' }
  | { readonly do: 'together'; readonly parts: readonly Action[] };

/** A random orchestration. */
export interface Program {
  readonly actions: readonly Action[];
  /** How often it continues as new. */
  readonly renewals: number;
  /** `failsOnce`: it fails, and succeeds when it is rewound. */
  readonly end: 'returns' | 'throws' | 'failsOnce';
  /** Whether an event comes while its last episode runs. */
  readonly hasLateEvent: boolean;
}

const attempts = fc.integer({ min: 1, max: 3 });
const activity = fc.record({
  do: fc.constant('activity' as const),
  failures: fc.integer({ min: 0, max: 2 }),
  attempts,
});
const timer = fc.record({
  do: fc.constant('timer' as const),
  delayMs: fc.integer({ min: 0, max: 5_000 }),
  cancelled: fc.boolean(),
});
const entity = fc.record({
  do: fc.constant('entity' as const),
  operation: fc.constantFrom('add' as const, 'get' as const, 'fail' as const),
  amount: fc.integer({ min: 1, max: 9 }),
});
const signal = fc.record({ do: fc.constant('signal' as const), amount: fc.integer({ min: 1, max: 9 }) });
const status = fc.record({ do: fc.constant('status' as const) });
const event = fc.record({ do: fc.constant('event' as const), early: fc.boolean() });

const child = fc.record({
  do: fc.constant('child' as const),
  actions: fc.array(fc.oneof(activity, timer, entity, signal), { maxLength: 2 }),
  throws: fc.boolean(),
  attempts: fc.integer({ min: 1, max: 2 }),
});
const together = fc.record({
  do: fc.constant('together' as const),
  parts: fc.array(fc.oneof(activity, child, entity), { minLength: 1, maxLength: 4 }),
});

/** The action with no failure in it. */
function withoutFailures(action: Action): Action {
  switch (action.do) {
    case 'activity':
      return { ...action, failures: 0 };
    case 'child':
      return { ...action, throws: false, actions: action.actions.map(withoutFailures) };
    case 'together':
      return { ...action, parts: action.parts.map(withoutFailures) };
    default:
      return action;
  }
}

/**
 * Small orchestrations of everything that the engine does. A rewind does again whatever had failed, also what the
 * orchestrator had caught, and cannot undo the timers of retries: so a program that is rewound has no other failure.
 */
export const programs: fc.Arbitrary<Program> = fc
  .record({
    actions: fc.array(
      fc.oneof(activity, timer, child, event, entity, signal, status, { weight: 3, arbitrary: together }),
      { minLength: 1, maxLength: 4 },
    ),
    renewals: fc.integer({ min: 0, max: 2 }),
    end: fc.constantFrom<Program['end'][]>('returns', 'returns', 'throws', 'failsOnce'),
    hasLateEvent: fc.boolean(),
  })
  .map(program =>
    program.end === 'failsOnce' ? { ...program, actions: program.actions.map(withoutFailures) } : program,
  );

/** What the functions of a program tell the test, beside what the engine stores. */
export interface ProgramHooks {
  /** How often the activity of that key has failed, by what the store has accepted. */
  acceptedFailures(key: string): number;
  /** The instance waits for an event of that name. */
  waitsFor(name: string): void;
  /** How many turns of the event loop an activity takes. */
  turns(): number;
}

interface ActivityInput {
  readonly key: string;
  readonly failures: number;
}

interface RunInput {
  readonly program: Program;
  readonly generation: number;
  readonly results: readonly unknown[];
}

interface ChildInput {
  readonly path: string;
  readonly actions: readonly Action[];
  readonly throws: boolean;
}

type Durable = OrchestrationContext['df'];

const firstLine = (error: unknown) => (error as Error).message.split(/ ?\n/)[0];
const retry = (attemptCount: number) => new df.RetryOptions(50, attemptCount);

function activityTask(durable: Durable, action: Action & { do: 'activity' }, path: string): Task {
  const input: ActivityInput = { key: path, failures: action.failures };
  return action.attempts > 1
    ? durable.callActivityWithRetry('work', retry(action.attempts), input)
    : durable.callActivity('work', input);
}

function childTask(
  durable: Durable,
  { actions, throws, attempts: count }: Action & { do: 'child' },
  path: string,
): Task {
  const input: ChildInput = { path, actions, throws };
  return count > 1
    ? durable.callSubOrchestratorWithRetry('child', retry(count), input)
    : durable.callSubOrchestrator('child', input);
}

/** The task of an action that is one call. */
function taskOf(durable: Durable, action: Action, path: string): Task {
  switch (action.do) {
    case 'activity':
      return activityTask(durable, action, path);
    case 'child':
      return childTask(durable, action, path);
    case 'entity':
      return durable.callEntity(new df.EntityId('cell', path), action.operation, action.amount);
    default:
      throw new Error(`"${action.do}" is no call`);
  }
}

type Steps = Generator<Task, unknown, unknown>;

function* performTimer(durable: Durable, { delayMs, cancelled }: Action & { do: 'timer' }): Steps {
  const nowMs = durable.currentUtcDateTime.getTime();
  const sooner = durable.createTimer(new Date(nowMs + delayMs));
  if (cancelled) {
    const later = durable.createTimer(new Date(nowMs + delayMs + 60_000));
    yield durable.Task.any([sooner, later]);
    later.cancel();
  } else {
    yield sooner;
  }
  return null;
}

function* performTogether(durable: Durable, { parts }: Action & { do: 'together' }, path: string): Steps {
  const tasks = parts.map((part, index) => taskOf(durable, part, `${path}/${index}`));
  try {
    yield durable.Task.all(tasks);
  } catch {
    // Each task is looked at below.
  }
  const results: unknown[] = [];
  for (const task of tasks) results.push(yield* orMessage(task));
  return results;
}

function* orMessage(task: Task): Steps {
  try {
    return (yield task) ?? null;
  } catch (error) {
    return firstLine(error);
  }
}

function* perform(durable: Durable, action: Action, path: string, hooks: ProgramHooks): Steps {
  switch (action.do) {
    case 'timer':
      return yield* performTimer(durable, action);
    case 'event':
      if (!isRaisedEarly(action, path)) hooks.waitsFor(path);
      return yield durable.waitForExternalEvent(path);
    case 'signal':
      // Shared by all instances of a program; sums do not depend on the order.
      durable.signalEntity(new df.EntityId('cell', `shared ${action.amount % 2}`), 'add', action.amount);
      return null;
    case 'status':
      durable.setCustomStatus(path);
      return null;
    case 'together':
      return yield* performTogether(durable, action, path);
    default:
      return yield* orMessage(taskOf(durable, action, path));
  }
}

/** Registers what programs are made of. */
export function registerProgram(app: typeof df.app, hooks: ProgramHooks): void {
  app.activity('work', {
    async handler({ key, failures }: ActivityInput) {
      for (let left = hooks.turns(); left > 0; left--) await new Promise(resolve => setImmediate(resolve));
      const failed = hooks.acceptedFailures(key);
      if (failed < failures) throw new Error(`failure ${failed + 1} of ${key}`);
      return key;
    },
  });
  app.entity('cell', ({ df: cell }) => {
    const sum = cell.getState(() => 0) as number;
    if (cell.operationName === 'add') cell.setState(sum + (cell.getInput() as number));
    if (cell.operationName === 'fail') throw `cell ${cell.entityKey} fails`;
    cell.return(sum);
  });
  app.orchestration('child', function* ({ df: durable }) {
    const { path, actions, throws } = durable.getInput() as ChildInput;
    const results: unknown[] = [];
    for (const [index, action] of actions.entries())
      results.push(yield* perform(durable, action, `${path}.${index}`, hooks));
    if (throws) throw new Error(`child ${path} throws`);
    return results;
  });
  app.orchestration('root', function* ({ df: durable }) {
    const { program, generation, results: before } = durable.getInput() as RunInput;
    const results = [...before];
    for (const [index, action] of program.actions.entries())
      results.push(yield* perform(durable, action, `${generation}.${index}`, hooks));
    if (generation < program.renewals) {
      durable.continueAsNew({ program, generation: generation + 1, results });
      return undefined;
    }
    if (program.end === 'throws') throw new Error('the root throws');
    if (program.end === 'failsOnce') results.push(yield durable.callActivity('work', { key: 'end', failures: 1 }));
    return results;
  });
}

/** The input by which a program is started. */
export function inputOf(program: Program): RunInput {
  return { program, generation: 0, results: [] };
}

/** Names of the events that a program wants at its start. */
export function earlyEvents({ actions }: Program): string[] {
  return actions.map((_, index) => `0.${index}`).filter((path, index) => isRaisedEarly(actions[index], path));
}

/** Only events of the first generation can come early: a continue-as-new loses those that nobody has waited for. */
function isRaisedEarly(action: Action | undefined, path: string): boolean {
  return action?.do === 'event' && action.early && path.startsWith('0.');
}
