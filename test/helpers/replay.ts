import { EventType } from '../../local/engine/protocol/history.ts';
import { createTestHub, type TestHub } from '../../local/testing/test-hub.ts';
import type {
  AnalyzeInput,
  AnalyzeOutput,
  Loaded,
  ReportInput,
  RunInput,
  RunSummary,
} from '../../src/core/contracts.ts';
import { processIssues } from '../../src/orchestrators/process-issues.ts';
import { processStream } from '../../src/orchestrators/process-stream.ts';
import { NOON_MS, settled, summary } from './factories.ts';

/** Stand-ins for the app's activities; each may throw, and may take time by `delay`. */
export interface Activities {
  loadIssues(input: RunInput): Loaded | Promise<Loaded>;
  analyzeIssue(input: AnalyzeInput): AnalyzeOutput | Promise<AnalyzeOutput>;
  buildReport(input: ReportInput): RunSummary;
}

/** One execution of an activity. */
export type Call =
  | { readonly name: 'loadIssues'; readonly atMs: number; readonly input: RunInput }
  | { readonly name: 'analyzeIssue'; readonly atMs: number; readonly input: AnalyzeInput }
  | { readonly name: 'buildReport'; readonly atMs: number; readonly input: ReportInput };

/** What an instance did, seen from the host. */
export interface InstanceTrace {
  /** Custom status of each episode, in order; undefined where the episode set none. */
  readonly customStatuses: readonly unknown[];
  /** When its timers were to fire, those of retries included; milliseconds since 1970. */
  readonly timers: readonly number[];
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
 * Runs an orchestration of the app in a test hub, from noon on, until it ends.
 *
 * @param input - as its contract says
 * @throws when the orchestration neither ends nor waits for an instant, and when the engine has something to report
 */
export async function runOrchestration(
  name: 'processIssues' | 'processStream',
  input: object,
  behaviour: Activities = activities(),
): Promise<Finished> {
  await using hub = createTestHub({
    orchestrators: { processIssues, processStream },
    activities: { ...behaviour },
    startAtMs: NOON_MS,
  });
  const { runtimeStatus, output, lastUpdatedAtMs } = await hub.runToEnd(
    hub.start(name, input, { instanceId: 'run-1' }),
  );
  const calls = hub.calls.map(call => call as Call);
  return { runtimeStatus, output, endedAtMs: lastUpdatedAtMs, calls, instance: id => traceOf(hub, id) };
}

function traceOf({ episodes }: TestHub, instanceId: string): InstanceTrace {
  const own = episodes.filter(episode => episode.instanceId === instanceId);
  return {
    customStatuses: own.map(({ customStatus }) => customStatus),
    timers: own.flatMap(({ newEvents }) =>
      newEvents.flatMap(event => (event.EventType === EventType.TimerCreated ? [Date.parse(event.FireAt)] : [])),
    ),
    generations: own.at(-1)?.generation ?? 0,
    longestHistory: Math.max(0, ...own.map(({ historyLength }) => historyLength)),
  };
}
