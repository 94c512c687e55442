import type * as df from 'durable-functions';
import type { ActivityHandler, EntityHandler, OrchestrationHandler } from 'durable-functions';
import type { EngineLimits } from '../engine/dispatcher.ts';
import { createEngine } from '../engine/engine.ts';
import type { Worker } from '../engine/protocol/worker.ts';
import type { StepSettings } from '../engine/step/step.ts';
import { createMemoryStore } from '../engine/store/memory-store.ts';
import { isFinished } from '../engine/store/store.ts';
import type { Log } from '../host/log.ts';
import { createInProcessWorker } from '../host/worker/in-process-worker.ts';
import { type Attendance, createAttendance } from './activity-time.ts';
import { createEpisodeLog, type Episode, type EpisodeLog } from './episodes.ts';
import { createHubClient, type HubClient, type InstanceStatus } from './hub-client.ts';
import { createHubTime, type HubTime } from './hub-time.ts';
import { createManualClock } from './manual-clock.ts';
import { registerApp } from './registration.ts';

/** 2026-01-01T00:00:00Z. */
const DEFAULT_START_MS = Date.UTC(2026, 0, 1);
const DEFAULT_LIMITS: EngineLimits = {
  maxConcurrentActivityFunctions: 10,
  maxConcurrentOrchestratorFunctions: 10,
  maxConcurrentEntityFunctions: 10,
};
/** Instants after which `runToEnd` takes an orchestration to be one without end. */
const MOST_INSTANTS = 5_000;

const NOTHING_REGISTERED =
  'The test hub has no functions. If some were given, durable-functions was used before the test hub was loaded: import ' +
  'the test hub before the modules that call df.app';

/** An app by its handlers, as they would be given to `df.app`, and the world that it runs in. */
export interface TestHubOptions {
  readonly orchestrators: Readonly<Record<string, OrchestrationHandler>>;
  /** Stand-ins or the real ones. One that takes time does so by `delay`. */
  readonly activities?: Readonly<Record<string, ActivityHandler>>;
  readonly entities?: Readonly<Record<string, EntityHandler<never>>>;
  /** Where the clock starts; milliseconds since 1970. Default 2026-01-01T00:00:00Z. */
  readonly startAtMs?: number;
  /** How much runs at once. Default 10 of each kind, as on one processor. */
  readonly limits?: Partial<EngineLimits>;
  /** Default: the real host's. With `strict` a trap fails the instance that stepped into it. */
  readonly settings?: Partial<StepSettings>;
  /** Answers `callHttp`. Default: refuses. */
  readonly fetch?: typeof globalThis.fetch;
  /** Whether `runToEnd` returns although there are reports. Default false: it throws. */
  readonly allowReports?: boolean;
  /** Gets what functions log and what the engine says. Default: nobody. */
  readonly log?: Log;
}

/** One execution of an activity. */
export interface ActivityCall {
  readonly name: string;
  readonly input: unknown;
  /** When it began; milliseconds since 1970. */
  readonly atMs: number;
  /** The orchestration that called it. */
  readonly instanceId: string;
}

/** An instance that has ended. */
export interface EndedInstance extends InstanceStatus {
  /** See {@link TestHub.reports}. */
  readonly reports: readonly string[];
}

/** Orchestrations in a test: what a client could ask, a clock that stands still, and a look at what happened. */
export interface TestHub extends HubClient, HubTime, AsyncDisposable {
  /** The virtual time; milliseconds since 1970. */
  readonly nowMs: number;
  /** Executions of activities in the order in which they began; each attempt of a retry is one. */
  readonly calls: readonly ActivityCall[];
  /** Replays of orchestrators, in order. */
  readonly episodes: readonly Episode[];
  /**
   * Traps that orchestrations have stepped into: code that goes wrong, or never ends, on the real host too. That an
   * orchestration fails is none. Instances go on as they would there.
   */
  readonly reports: readonly string[];
  /**
   * Runs until an instance has ended, skipping the time between.
   *
   * @returns its last status
   * @throws when nothing is due any more and it has not ended, with what each unfinished instance waits for; when it goes on
   * for more than 5,000 instants; when there are reports, unless the hub allows them
   */
  runToEnd(instanceId: string): Promise<EndedInstance>;
  /** Ends the hub: what sleeps never wakes. */
  close(): void;
}

function register(app: typeof df.app, options: TestHubOptions, note: (call: Omit<ActivityCall, 'atMs'>) => void): void {
  const { orchestrators, activities = {}, entities = {} } = options;
  for (const [name, handler] of Object.entries(orchestrators)) app.orchestration(name, handler);
  for (const [name, handler] of Object.entries(entities)) app.entity(name, handler);
  for (const [name, handler] of Object.entries(activities)) {
    app.activity(name, {
      handler(input: unknown, context) {
        note({ name, input, instanceId: String(context.triggerMetadata?.['instanceId']) });
        return handler(input, context);
      },
    });
  }
}

function attended({ functions, invoke }: Worker, { attend }: Attendance): Worker {
  return { functions, invoke: (name, trigger, metadata) => attend(() => invoke(name, trigger, metadata)) };
}

const refuseToFetch: typeof globalThis.fetch = () => Promise.reject(new Error('The test hub was given no fetch'));

/** What an instance does that has not ended, as a line of an error. */
function describeWait({ instanceId, name, runtimeStatus }: InstanceStatus, { awaitedEvents }: EpisodeLog): string {
  const events = awaitedEvents(instanceId).map(event => `"${event}"`);
  const wait = events.length > 0 ? `, waits for the event ${events.join(' and the event ')}` : '';
  return `  "${instanceId}" (${name}) is ${runtimeStatus}${wait}`;
}

function createRunToEnd(
  client: HubClient,
  time: HubTime,
  episodeLog: EpisodeLog,
  reports: readonly string[],
  allowReports: boolean,
): TestHub['runToEnd'] {
  const reported = () => (reports.length > 0 ? `\nReported:\n  ${reports.join('\n  ')}` : '');
  return async instanceId => {
    for (let instants = 0; instants < MOST_INSTANTS; instants++) {
      await time.settle();
      const status = client.status(instanceId);
      if (!status) throw new Error(`There is no instance "${instanceId}"`);
      if (isFinished(status)) {
        if (reports.length === 0 || allowReports) return { ...status, reports };
        throw new Error(
          `"${instanceId}" is ${status.runtimeStatus}, but would go wrong on the real host.${reported()}`,
        );
      }
      if (await time.skipToNextInstant()) continue;
      const waits = client.list().filter(each => !isFinished(each));
      const lines = waits.map(each => describeWait(each, episodeLog)).join('\n');
      throw new Error(`Nothing is due any more, and "${instanceId}" has not ended:\n${lines}${reported()}`);
    }
    throw new Error(`"${instanceId}" has not ended after ${MOST_INSTANTS} instants; run one without end by advance()`);
  };
}

/**
 * Makes a hub that runs an app's orchestrations as Durable Functions does – the unmodified library, replay by replay – in
 * this process, in memory, and in virtual time: nothing happens until the test lets time go on. Code that waits by the
 * machine's clock is waited for; waiting by `delay` takes no real time.
 *
 * @throws when no function is given, or two have one name, or the library was used before this module was loaded
 *
 * @example
 * ```ts
 * await using hub = createTestHub({
 *   orchestrators: { greet: function* ({ df }) { return yield df.callActivity('hello', df.getInput()); } },
 *   activities: { hello: name => `Hello ${name}` },
 * });
 * const { output } = await hub.runToEnd(hub.start('greet', 'Ada'));
 * ```
 */
export function createTestHub(options: TestHubOptions): TestHub {
  const { startAtMs = DEFAULT_START_MS, fetch = refuseToFetch, allowReports = false, log = () => {} } = options;
  const clock = createManualClock(startAtMs);
  const attendance = createAttendance(clock);
  const episodeLog = createEpisodeLog(clock);
  const store = createMemoryStore();
  const calls: ActivityCall[] = [];
  const reports: string[] = [];
  const registry = registerApp(
    app => register(app, options, call => calls.push({ ...call, atMs: clock.nowMs() })),
    log,
  );
  if (registry.functions.size === 0) throw new Error(NOTHING_REGISTERED);
  const inProcess = createInProcessWorker({ app: { registry }, durableClientJson: '', isDisabled: () => false, log });
  const engine = createEngine({
    store,
    worker: attended(episodeLog.watch(inProcess), attendance),
    clock,
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    settings: options.settings ?? {},
    fetch: (input, init) => attendance.attend(() => fetch(input, init)),
    log(level, source, message) {
      log(level, source, message);
      if (level === 'error' && !isFailure(message)) reports.push(`${source}: ${message}`);
    },
  });
  /** Whether a line only says that an instance has failed. */
  const isFailure = (message: string) =>
    engine
      .listInstances({ runtimeStatus: ['Failed'], top: Number.MAX_SAFE_INTEGER })
      .instances.some(({ instanceId, outputJson }) => message === `${instanceId}: ${outputJson}`);
  const client = createHubClient(engine);
  const time = createHubTime(engine, clock, attendance);
  const close = () => store.close();
  return {
    ...client,
    ...time,
    get nowMs() {
      return clock.nowMs();
    },
    calls,
    episodes: episodeLog.episodes,
    reports,
    runToEnd: createRunToEnd(client, time, episodeLog, reports, allowReports),
    close,
    [Symbol.asyncDispose]: async () => close(),
  };
}
