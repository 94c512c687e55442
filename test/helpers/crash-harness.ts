import { createEngine, type DurableEngine } from '../../local/engine/engine.ts';
import { EventType } from '../../local/engine/protocol/history.ts';
import type { Worker } from '../../local/engine/protocol/worker.ts';
import { COMMIT_POINTS, type CommitPoint, type Store } from '../../local/engine/store/store.ts';
import { createManualClock, type ManualClock } from '../../local/testing/manual-clock.ts';
import { createTestWorker } from './durable-app.ts';
import { earlyEvents, inputOf, type Program, registerProgram } from './random-program.ts';

/** On which side of a commit the engine dies. */
export type Side = 'before' | 'after';

/** Where a run is crashed: asked before and after every commit, in order. */
export type CrashPlan = (commit: {
  readonly index: number;
  readonly point: CommitPoint;
  readonly side: Side;
}) => boolean;

/** Crashes nowhere. */
export const NO_CRASH: CrashPlan = () => false;

/** One crash, on one side of the commit of that index. */
export function crashAt(index: number, side: Side): CrashPlan {
  let hasCrashed = false;
  return commit => {
    if (hasCrashed || commit.index !== index || commit.side !== side) return false;
    hasCrashed = true;
    return true;
  };
}

/** Crashes before a commit, then after the next one that is tried, and so on: every commit is crashed on both sides in turn. */
export function crashEverywhere(): CrashPlan {
  let next: Side = 'before';
  return ({ side }) => {
    if (side !== next) return false;
    next = next === 'before' ? 'after' : 'before';
    return true;
  };
}

/**
 * Crashes at some sides of some commits, by chance from a seed; between crashes an engine lives through several commits.
 *
 * @param share - of the sides; from 0 to 1
 */
export function crashSometimes(seed: number, share: number): CrashPlan {
  let state = (seed % 2_147_483_646) + 1;
  return () => {
    state = (state * 16_807) % 2_147_483_647;
    return state / 2_147_483_647 < share;
  };
}

/** How often each side of each commit point was crashed at. */
export type Reached = Record<CommitPoint, Record<Side, number>>;

/** A count of nothing. */
export function nothingReached(): Reached {
  return Object.fromEntries(COMMIT_POINTS.map(point => [point, { before: 0, after: 0 }])) as Reached;
}

/** What a program came to, as far as it must not depend on crashes. */
export interface Observation {
  readonly runtimeStatus: string | undefined;
  readonly output: string | null | undefined;
  readonly customStatus: string | null | undefined;
  /** State by entity. */
  readonly entities: Readonly<Record<string, string | null>>;
  /** For each call of an activity, how often an end of it was accepted. */
  readonly acceptedEnds: readonly number[];
  /** Ends of activities by key and kind, sorted. */
  readonly ends: readonly string[];
  /** Commits that were made. */
  readonly commits: number;
  readonly errors: readonly string[];
}

class Crash extends Error {
  readonly side: Side | 'dead';
  constructor(side: Side | 'dead') {
    super(`crashed (${side})`);
    this.side = side;
  }
}

/** How a run is set up. */
export interface RunOptions {
  readonly plan: CrashPlan;
  readonly reached: Reached;
  /** Opens what the engine before has left. */
  openStore(): Store;
  closeStore(store: Store): void;
  /** A number from 0 to 3 for the turns of each activity. */
  turns(): number;
}

/** What outlives the crashes of a run, beside the store. */
interface Outside {
  readonly clock: ManualClock;
  readonly done: Set<string>;
  readonly waits: Set<string>;
  readonly endsByCall: Map<string, number>;
  readonly ends: string[];
  readonly failuresByKey: Map<string, number>;
  readonly errors: string[];
  commitIndex: number;
}

/** A store that dies at the planned commits, with all its later calls, and notes which ends of activities it accepted. */
function crashing(store: Store, { plan, reached }: RunOptions, outside: Outside): Store {
  let isDead = false;
  const points: readonly string[] = COMMIT_POINTS;
  const crashIf = (point: CommitPoint, side: Side) => {
    if (!plan({ index: outside.commitIndex, point, side })) return;
    reached[point][side] += 1;
    isDead = true;
    throw new Crash(side);
  };
  const commit = (point: CommitPoint, method: (...args: never[]) => unknown, args: never[]) => {
    crashIf(point, 'before');
    const result = method(...args);
    if (point === 'completeActivity' && result === true) noteEnd(outside, args);
    if (!hasWritten(point, result)) return result;
    try {
      crashIf(point, 'after');
    } finally {
      outside.commitIndex += 1;
    }
    return result;
  };
  return new Proxy(store, {
    get(target, name: keyof Store & string) {
      const method = target[name] as (...args: never[]) => unknown;
      return (...args: never[]) => {
        if (isDead) throw new Crash('dead');
        const isCommit = points.includes(name) && !(name === 'deliverDue' && nothingDue(store, args));
        return isCommit ? commit(name as CommitPoint, method, args) : method(...args);
      };
    },
  });
}

const nothingDue = (store: Store, [nowMs]: readonly number[]) => (store.nextDueAtMs() ?? Infinity) > (nowMs ?? 0);

/** Refusals write nothing: there is no commit to be after of. */
const hasWritten = (point: CommitPoint, result: unknown) =>
  !(point === 'commitEpisode' && result === undefined) && result !== false;

function noteEnd(outside: Outside, [task, event]: readonly never[]): void {
  const { instanceId, executionId, taskId, inputJson } = task as unknown as Parameters<Store['completeActivity']>[0];
  const { EventType: type } = event as unknown as Parameters<Store['completeActivity']>[1];
  const { key } = JSON.parse(inputJson ?? '{}') as { key: string };
  // A rewind runs what had failed again under its old id.
  const call = `${instanceId} ${executionId} ${taskId} ${outside.done.has('rewind')}`;
  outside.endsByCall.set(call, (outside.endsByCall.get(call) ?? 0) + 1);
  outside.ends.push(`${key} ${type === EventType.TaskFailed ? 'failed' : 'completed'}`);
  if (type !== EventType.TaskFailed) return;
  outside.failuresByKey.set(key, (outside.failuresByKey.get(key) ?? 0) + 1);
}

const ROOT = 'root';

/** A worker of the program, which raises an event while the last episode runs, and dies with its engine. */
function workerOf(program: Program, { turns }: RunOptions, outside: Outside, engine: () => DurableEngine) {
  const worker = createTestWorker(app =>
    registerProgram(app, {
      acceptedFailures: key => outside.failuresByKey.get(key) ?? 0,
      waitsFor: name => void outside.waits.add(name),
      turns,
    }),
  );
  const shown: Worker = {
    functions: worker.functions,
    async invoke(name, trigger, metadata) {
      const outcome = await worker.invoke(name, trigger, metadata);
      const isLast =
        name === ROOT && outcome.kind === 'returned' && outcome.returnValue?.json?.startsWith('{"isDone":true');
      if (isLast && program.hasLateEvent) attempt(outside, 'late', () => engine().raiseEvent(ROOT, 'late', 'null'));
      return outcome;
    },
  };
  return { worker: shown, kill: worker.kill };
}

/** Does a thing of the client's once: a crash after its commit counts as done, one before it does not. */
function attempt(outside: Outside, name: string, work: () => unknown): void {
  if (outside.done.has(name)) return;
  try {
    work();
    outside.done.add(name);
  } catch (error) {
    if (error instanceof Crash && error.side === 'after') outside.done.add(name);
    throw error;
  }
}

/** Drives the client's side until the program has ended; throws {@link Crash} when the engine dies. */
async function drive(program: Program, engine: DurableEngine, store: Store, outside: Outside): Promise<void> {
  if (store.getMeta('taskHub') === undefined) store.setMeta('taskHub', 'crashes');
  const inputJson = JSON.stringify(inputOf(program));
  engine.start();
  attempt(outside, 'start', () => engine.startInstance({ name: ROOT, instanceId: ROOT, inputJson }));
  for (const name of earlyEvents(program)) raise(engine, outside, name);
  for (;;) {
    await engine.idle();
    const status = engine.getInstance(ROOT)?.runtimeStatus;
    const isToRewind = status === 'Failed' && program.end === 'failsOnce' && !outside.done.has('rewind');
    if (isToRewind) attempt(outside, 'rewind', () => engine.rewind(ROOT, 'again'));
    else if (status === 'Completed' || status === 'Failed') return;
    else if (!raiseWaits(engine, outside)) {
      const nextMs = outside.clock.nextCallAtMs();
      if (nextMs === undefined) throw new Error(`The program is ${status} and waits for nothing`);
      outside.clock.advanceTo(nextMs);
    }
  }
}

function raise(engine: DurableEngine, outside: Outside, name: string): void {
  attempt(outside, `event ${name}`, () => engine.raiseEvent(ROOT, name, JSON.stringify(`data of ${name}`)));
}

/** Raises the events that the program has come to wait for; false when there are none that it has not got. */
function raiseWaits(engine: DurableEngine, outside: Outside): boolean {
  const wanted = [...outside.waits].filter(name => !outside.done.has(`event ${name}`));
  for (const name of wanted) raise(engine, outside, name);
  return wanted.length > 0;
}

function observe(engine: DurableEngine, outside: Outside): Observation {
  const root = engine.getInstance(ROOT);
  const { entities } = engine.listEntities({ top: 1_000 });
  return {
    runtimeStatus: root?.runtimeStatus,
    output: root?.outputJson,
    customStatus: root?.customStatusJson,
    entities: Object.fromEntries(entities.map(({ entityId, stateJson }) => [entityId, stateJson])),
    acceptedEnds: [...new Set(outside.endsByCall.values())],
    ends: outside.ends.toSorted(),
    commits: outside.commitIndex,
    errors: outside.errors,
  };
}

/**
 * Runs a program to its end, dying and rising as the plan says, and purges it.
 *
 * @throws when it comes to nothing, or when anything but a planned crash goes wrong
 */
export async function runProgram(program: Program, options: RunOptions): Promise<Observation> {
  const outside: Outside = {
    clock: createManualClock(Date.UTC(2026, 0, 1)),
    done: new Set(),
    waits: new Set(),
    endsByCall: new Map(),
    ends: [],
    failuresByKey: new Map(),
    errors: [],
    commitIndex: 0,
  };
  let observation: Observation | undefined;
  for (;;) {
    const opened = options.openStore();
    const store = crashing(opened, options, outside);
    let engine: DurableEngine | undefined;
    const { worker, kill } = workerOf(program, options, outside, () => engine as DurableEngine);
    try {
      engine = openEngine(store, worker, outside);
      await drive(program, engine, store, outside);
      observation ??= observe(engine, outside);
      attempt(outside, 'purge', () => engine?.purge(ROOT));
      if (engine.getInstance(ROOT)) throw new Error('The purged instance is still there');
      return { ...observation, commits: outside.commitIndex };
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      if (outside.done.has('purge') && observation) return { ...observation, commits: outside.commitIndex };
    } finally {
      kill();
      options.closeStore(opened);
    }
  }
}

function openEngine(store: Store, worker: Worker, outside: Outside): DurableEngine {
  return createEngine({
    store,
    worker,
    clock: outside.clock,
    limits: {
      maxConcurrentActivityFunctions: 4,
      maxConcurrentOrchestratorFunctions: 3,
      maxConcurrentEntityFunctions: 2,
    },
    log(level, source, message) {
      // What a program fails with on purpose, and the engine's word on a crash, are no errors of the test.
      const isExpected = / failed: |the engine has stopped/.test(message);
      if ((level === 'error' || level === 'warning') && !isExpected) outside.errors.push(`${source}: ${message}`);
    },
    onFatal: () => {},
  });
}
