import { onTestFinished } from 'vitest';
import { createEngine } from '../../local/engine/engine.ts';
import { EventType, type HistoryEvent } from '../../local/engine/protocol/history.ts';
import type { Worker } from '../../local/engine/protocol/worker.ts';
import { openSqliteStore } from '../../local/engine/store/sqlite-store.ts';
import type {
  AnalyzeInput,
  AnalyzeOutput,
  Loaded,
  ReportInput,
  RunInput,
  RunSummary,
} from '../../src/core/contracts.ts';
import { createTestWorker, type df } from './durable-app.ts';
import { NOON_MS, settled, summary } from './factories.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';

// Not by a static import: `durable-app.ts` must have offered the Functions worker's module before the library loads.
const { processIssues } = await import('../../src/orchestrators/process-issues.ts');
const { processStream } = await import('../../src/orchestrators/process-stream.ts');

/** Stand-ins for the app's activities; each may throw, and may let time pass by the clock. */
export interface Activities {
  loadIssues(input: RunInput, clock: ManualClock): Loaded;
  analyzeIssue(input: AnalyzeInput, clock: ManualClock): AnalyzeOutput | Promise<AnalyzeOutput>;
  buildReport(input: ReportInput, clock: ManualClock): RunSummary;
}

/** One execution of an activity. */
export type Call =
  | { readonly name: 'loadIssues'; readonly atMs: number; readonly input: RunInput }
  | { readonly name: 'analyzeIssue'; readonly atMs: number; readonly input: AnalyzeInput }
  | { readonly name: 'buildReport'; readonly atMs: number; readonly input: ReportInput };

/** What an instance did, seen from the host. */
export interface InstanceTrace {
  /** Custom status of each episode, in order; undefined where the episode set none. */
  readonly customStatuses: unknown[];
  /** When its timers were to fire, those of retries included; milliseconds since 1970. */
  readonly timers: number[];
  /** 1 + the times that it continued as new. */
  generations: number;
  /** Events of the longest history that it was replayed from. */
  longestHistory: number;
}

/** A finished orchestration. */
export interface Finished {
  readonly runtimeStatus: string;
  readonly output: unknown;
  readonly endedAtMs: number;
  readonly calls: readonly Call[];
  /** What the engine logged as errors, for example an id that went wrong. */
  readonly engineErrors: readonly string[];
  instance(instanceId: string): InstanceTrace;
}

/** Activities of a run in which everything succeeds. */
export function activities(changes: Partial<Activities> = {}): Activities {
  return {
    loadIssues: () => ({ total: 3, units: 3 }),
    analyzeIssue: () => settled(),
    buildReport: () => summary(),
    ...changes,
  };
}

/** `analyzeIssue` that answers nothing until so many calls are in flight at one time. */
export function togetherOnly(count: number): Activities['analyzeIssue'] {
  const all = Promise.withResolvers<void>();
  let inFlight = 0;
  return async () => {
    inFlight += 1;
    if (inFlight === count) all.resolve();
    await all.promise;
    return settled();
  };
}

/** The units that were analysed, one for each execution, in order. */
export function analyzedUnits({ calls }: Finished): number[] {
  return calls.flatMap(call => (call.name === 'analyzeIssue' ? [call.input.unit] : []));
}

/** The inputs of all reports. */
export function reportInputs({ calls }: Finished): ReportInput[] {
  return calls.flatMap(call => (call.name === 'buildReport' ? [call.input] : []));
}

/**
 * Runs an orchestration of the app by the unmodified `durable-functions` on the local engine, from noon on a clock of its
 * own that jumps from one due instant to the next.
 *
 * @param input - as its contract says
 * @throws when the orchestration neither ends nor waits for an instant
 */
export async function runOrchestration(
  name: 'processIssues' | 'processStream',
  input: object,
  behaviour: Activities = activities(),
): Promise<Finished> {
  const clock = createManualClock(NOON_MS);
  const calls: Call[] = [];
  const engineErrors: string[] = [];
  const traces = new Map<string, InstanceTrace>();
  const app = createTestWorker(durable => register(durable, behaviour, clock, calls));
  const store = openSqliteStore(':memory:');
  onTestFinished(() => store.close());
  const engine = createEngine({
    store,
    worker: traced(app, traces),
    clock,
    limits: { maxConcurrentActivityFunctions: 10, maxConcurrentOrchestratorFunctions: 5, functionTimeoutMs: 1_200_000 },
    log: (level, source, message) => void (level === 'error' && engineErrors.push(`${source}: ${message}`)),
  });
  engine.start();
  const { instanceId } = engine.startInstance({ name, instanceId: 'run-1', inputJson: JSON.stringify(input) });
  for (;;) {
    await engine.idle();
    const record = engine.getInstance(instanceId);
    if (record && !['Pending', 'Running'].includes(record.runtimeStatus)) {
      await engine.stop();
      return {
        runtimeStatus: record.runtimeStatus,
        output: parsed(record.outputJson),
        endedAtMs: clock.nowMs(),
        calls,
        engineErrors,
        instance: id => traceOf(traces, id),
      };
    }
    const nextMs = clock.nextCallAtMs();
    if (nextMs === undefined) throw new Error(`${instanceId} is ${record?.runtimeStatus} and waits for nothing`);
    clock.advanceTo(nextMs);
  }
}

/** Registers the real orchestrators, and activities that note each call. */
function register(app: typeof df.app, behaviour: Activities, clock: ManualClock, calls: Call[]): void {
  app.orchestration('processIssues', processIssues);
  app.orchestration('processStream', processStream);
  app.activity('loadIssues', {
    handler(input: RunInput) {
      calls.push({ name: 'loadIssues', atMs: clock.nowMs(), input });
      return behaviour.loadIssues(input, clock);
    },
  });
  app.activity('analyzeIssue', {
    handler(input: AnalyzeInput) {
      calls.push({ name: 'analyzeIssue', atMs: clock.nowMs(), input });
      return behaviour.analyzeIssue(input, clock);
    },
  });
  app.activity('buildReport', {
    handler(input: ReportInput) {
      calls.push({ name: 'buildReport', atMs: clock.nowMs(), input });
      return behaviour.buildReport(input, clock);
    },
  });
}

function traceOf(traces: Map<string, InstanceTrace>, instanceId: string): InstanceTrace {
  const trace = traces.get(instanceId) ?? { customStatuses: [], timers: [], generations: 0, longestHistory: 0 };
  traces.set(instanceId, trace);
  return trace;
}

/** The worker, with a note taken of each episode. */
function traced(worker: Worker, traces: Map<string, InstanceTrace>): Worker {
  const seenTimers = new Set<string>();
  return {
    functions: worker.functions,
    async invoke(name, trigger, metadata) {
      const outcome = await worker.invoke(name, trigger, metadata);
      if (!['processIssues', 'processStream'].includes(name)) return outcome;
      const { instanceId, isReplaying, history } = JSON.parse(trigger.string ?? '') as Episode;
      const trace = traceOf(traces, instanceId);
      trace.longestHistory = Math.max(trace.longestHistory, history.length);
      if (!isReplaying) trace.generations += 1;
      for (const event of history) {
        const key = `${instanceId} ${trace.generations} ${event.EventId}`;
        if (event.EventType !== EventType.TimerCreated || seenTimers.has(key)) continue;
        seenTimers.add(key);
        trace.timers.push(Date.parse(event.FireAt));
      }
      const returned = outcome.kind === 'returned' ? outcome.returnValue?.json : undefined;
      trace.customStatuses.push(returned && JSON.parse(returned).customStatus);
      return outcome;
    },
  };
}

interface Episode {
  readonly instanceId: string;
  readonly isReplaying: boolean;
  readonly history: readonly HistoryEvent[];
}

function parsed(json: string | null): unknown {
  try {
    return json === null ? null : JSON.parse(json);
  } catch {
    return json;
  }
}
