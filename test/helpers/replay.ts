import type { EntityHandler } from 'durable-functions';
import { EventType } from '../../local/engine/protocol/history.ts';
import { createTestHub, type TestHub } from '../../local/testing/test-hub.ts';
import type { Control } from '../../src/core/capacity/messages.ts';
import { type CapacityState, CapacityStateSchema } from '../../src/core/capacity/state.ts';
import type {
  AnalyzeInput,
  AnalyzeOutput,
  Loaded,
  ReportInput,
  RunInput,
  RunSummary,
} from '../../src/core/contracts.ts';
import { CAPACITY_ENTITY, capacityRunId } from '../../src/core/names.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import { capacity } from '../../src/entities/capacity.ts';
import { processIssues } from '../../src/orchestrators/process-issues.ts';
import { processStream } from '../../src/orchestrators/process-stream.ts';
import { NOON_MS, plan, settled, summary } from './factories.ts';

/** Stand-ins for the app's activities; each may throw, and may take time by `delay`. */
export interface Activities {
  loadIssues(input: RunInput): Loaded | Promise<Loaded>;
  analyzeIssue(input: AnalyzeInput): AnalyzeOutput | Promise<AnalyzeOutput>;
  buildReport(input: ReportInput): RunSummary;
}

/** One execution of an activity. */
export type Call = { readonly atMs: number; readonly instanceId: string } & (
  | { readonly name: 'loadIssues'; readonly input: RunInput }
  | { readonly name: 'analyzeIssue'; readonly input: AnalyzeInput }
  | { readonly name: 'buildReport'; readonly input: ReportInput }
);

/** What an instance did, seen from the host. */
export interface InstanceTrace {
  /** Of its last generation. */
  readonly input: unknown;
  /** Custom status of each episode, in order; undefined where the episode set none. */
  readonly customStatuses: readonly unknown[];
  /** Lengths of its timers, those of retries included, in milliseconds. */
  readonly waitsMs: readonly number[];
  /** 1 + the times that it continued as new; 0 = there is no such instance. */
  readonly generations: number;
  /** Events of the longest history that it was replayed from. */
  readonly longestHistory: number;
}

/** A finished orchestration. */
export interface Finished {
  readonly runtimeStatus: string;
  readonly output: unknown;
  readonly endedAtMs: number;
  readonly calls: readonly Call[];
  /** What is known of the deployment at the end; null = nobody asked. */
  readonly capacity: CapacityState | null;
  instance(instanceId: string): InstanceTrace;
}

/** What surrounds an orchestration. */
export interface World {
  /** What the run is told meanwhile, and how long after its start. */
  readonly told?: readonly { readonly afterMs: number; readonly control: Control }[];
  /** Stands in for the entity of the app. */
  readonly capacity?: EntityHandler<CapacityState>;
}

/** What `loadIssues` answers of issues that are all open and differ from each other, of 400 prompt tokens each. */
export function loaded(units: number, changes: Partial<Loaded> = {}): Loaded {
  return {
    total: units,
    units,
    openList: null,
    kept: NO_PROGRESS,
    promptTokensEach: 400,
    promptTokensMost: 400,
    ...changes,
  };
}

/** Activities of a run in which everything succeeds. */
export function activities(changes: Partial<Activities> = {}): Activities {
  return {
    loadIssues: () => loaded(3),
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
 * Runs an orchestration of the app in a test hub, with the app's entity, from noon on, until it ends.
 *
 * @param input - as its contract says; of `run-1`
 * @throws when the orchestration neither ends nor waits for an instant, and when the engine has something to report
 */
export async function runOrchestration(
  name: 'processIssues' | 'processStream',
  input: object,
  behaviour: Activities = activities(),
  world: World = {},
): Promise<Finished> {
  const { deployment } = plan();
  await using hub = createTestHub({
    orchestrators: { processIssues, processStream },
    activities: { ...behaviour },
    entities: { [CAPACITY_ENTITY]: (world.capacity ?? capacity) as EntityHandler<never> },
    startAtMs: NOON_MS,
  });
  const id = hub.start(name, input, { instanceId: 'run-1' });
  for (const { afterMs, control } of world.told ?? []) {
    await hub.advance(NOON_MS + afterMs - hub.nowMs);
    const message = { runId: capacityRunId('run-1', 1), control, nowMs: hub.nowMs };
    hub.signalEntity(CAPACITY_ENTITY, deployment, 'control', message);
  }
  const { runtimeStatus, output, lastUpdatedAtMs } = await hub.runToEnd(id);
  const state = hub.entity(CAPACITY_ENTITY, deployment);
  return {
    runtimeStatus,
    output,
    endedAtMs: lastUpdatedAtMs,
    calls: hub.calls.map(call => call as Call),
    capacity: state === undefined ? null : CapacityStateSchema.parse(state),
    instance: instanceId => traceOf(hub, instanceId),
  };
}

function traceOf({ episodes, status }: TestHub, instanceId: string): InstanceTrace {
  const own = episodes.filter(episode => episode.instanceId === instanceId);
  return {
    input: status(instanceId)?.input,
    customStatuses: own.map(({ customStatus }) => customStatus),
    waitsMs: own.flatMap(({ newEvents }) =>
      newEvents.flatMap(event =>
        event.EventType === EventType.TimerCreated ? [Date.parse(event.FireAt) - Date.parse(event.Timestamp)] : [],
      ),
    ),
    generations: own.at(-1)?.generation ?? 0,
    longestHistory: Math.max(0, ...own.map(({ historyLength }) => historyLength)),
  };
}
