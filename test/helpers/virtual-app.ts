import type { EntityHandler } from 'durable-functions';
import { vi } from 'vitest';
import { ConnectionReset } from '../../local/simulators/chat.ts';
import type { OpenAiSimulatorOptions } from '../../local/simulators/openai-options.ts';
import { createOpenAiSimulator, type OpenAiSimulator } from '../../local/simulators/openai-simulator.ts';
import { delay, idleUntil } from '../../local/testing/activity-time.ts';
import { createTestHub, type TestHub } from '../../local/testing/test-hub.ts';
import { createAnalyzeIssue } from '../../src/activities/analyze-issue.ts';
import { createBuildReport } from '../../src/activities/build-report.ts';
import { createLoadIssues } from '../../src/activities/load-issues.ts';
import type { BatchUse, Leave, Reserve } from '../../src/core/capacity/messages.ts';
import type { CapacityState } from '../../src/core/capacity/state.ts';
import type { RunInput, RunSummary } from '../../src/core/contracts.ts';
import { capacityRunId, runBlobs } from '../../src/core/names.ts';
import type { Report, ResultLine } from '../../src/core/report.ts';
import type { RunPlan } from '../../src/core/run-request.ts';
import { capacity } from '../../src/entities/capacity.ts';
import { processIssues } from '../../src/orchestrators/process-issues.ts';
import { processStream } from '../../src/orchestrators/process-stream.ts';
import { createAnswerMemory } from '../../src/services/answer-memory.ts';
import { createAzureOpenAi } from '../../src/services/azure-openai.ts';
import { createFlights, type Flights } from '../../src/services/flights.ts';
import { createIssuePages } from '../../src/services/issue-pages.ts';
import * as source from '../../src/services/issue-source.ts';
import { createPermits, type Permits } from '../../src/services/permits.ts';
import { createResultsStore } from '../../src/services/results.ts';
import { createRunControls, type RunControl } from '../../src/services/run-controls.ts';
import { createServiceBreakers, type ServiceBreaker } from '../../src/services/service-breaker.ts';
import { createShutdown } from '../../src/services/shutdown.ts';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';
import { NOON_MS, plan, settings } from './factories.ts';
import { createMemoryBlobs, createMemoryCache, createMemoryLedger } from './memory-stores.ts';
import { UNDELETED } from './run-rows.ts';

/** The world of a {@link startVirtualApp}. */
export interface VirtualAppOptions {
  /** Of the service; latencies and windows are in virtual time. */
  readonly simulator?: Omit<OpenAiSimulatorOptions, 'clock'>;
  /** Processes that run activities. Default 1. */
  readonly workers?: number;
  /** Activities at one time in each of them. Default 10. */
  readonly ceiling?: number;
  /** Answers in place of the simulator, where it answers anything; gets the virtual time. */
  readonly outage?: (nowMs: number) => Response | Error | null;
  /** Where the clock starts; milliseconds since 1970. */
  readonly startAtMs?: number;
}

/** The app's orchestrators, entity and activities with the simulator, in this process and in virtual time. */
export interface VirtualApp extends AsyncDisposable {
  readonly hub: TestHub;
  readonly simulator: OpenAiSimulator;
  /** Instants at which requests reached the service or its outage. */
  readonly requestsAtMs: readonly number[];
  /** What the capacity entity was told of an attempt of a run: what was taken before it, then what each batch came to. */
  told(runId: string, attempt?: number): { readonly spentTokens: number; readonly uses: readonly BatchUse[] };
  /** Starts a run over issues. */
  start(runId: string, issues: readonly object[], changes?: Partial<RunPlan>, attempt?: number): void;
  /** Lets time go on until a run has ended. */
  end(runId: string): Promise<{ readonly summary: RunSummary; readonly report: Report; readonly lines: ResultLine[] }>;
  /** Tells a run to pause, stop or go on, as the HTTP routes do. */
  control(runId: string, control: RunControl, attempt?: number): void;
}

/** Time passes for others while an activity waits for its turn with something. */
async function idlyInTurn<T>(queue: (task: () => Promise<T>) => Promise<T>, task: () => Promise<T>): Promise<T> {
  const turn = Promise.withResolvers<void>();
  const result = queue(() => {
    turn.resolve();
    return task();
  });
  await idleUntil(Promise.race([turn.promise, result.then(() => {})]));
  return result;
}

function idlePermits(permits: Permits): Permits {
  return {
    run: (key, concurrency, task) => idlyInTurn(inTurn => permits.run(key, concurrency, inTurn), task),
  };
}

function idleBreaker(breaker: ServiceBreaker): ServiceBreaker {
  return { ...breaker, run: (task, refuse) => idlyInTurn(inTurn => breaker.run(inTurn, refuse), task) };
}

/** And while it waits for the answer to an equal question. */
function idleFlights(flights: Flights): Flights {
  const joined: Flights['joined'] = question => {
    const answer = flights.joined(question);
    return answer && idleUntil(answer);
  };
  return { ...flights, joined };
}

/** Starts the app. */
export function startVirtualApp(options: VirtualAppOptions = {}): VirtualApp {
  const { workers = 1, ceiling = 10, outage = () => null, startAtMs = NOON_MS } = options;
  const blobs = createMemoryBlobs();
  const ledger = createMemoryLedger();
  const cache = createMemoryCache();
  const pages = createIssuePages(blobs);
  const results = createResultsStore(blobs);
  const controls = new Map<string, RunControl>();
  const requestsAtMs: number[] = [];
  let started: TestHub | null = null;
  const nowMs = () => started?.nowMs ?? startAtMs;
  const simulator = createOpenAiSimulator({ ...options.simulator, clock: { nowMs, sleep: delay } });
  const send: typeof fetch = async (input, init) => {
    requestsAtMs.push(nowMs());
    const failure = outage(nowMs());
    if (failure instanceof Error) throw new TypeError('fetch failed', { cause: failure });
    if (failure) return failure;
    try {
      return await simulator.handle(new Request(input as string, init));
    } catch (error) {
      throw error instanceof ConnectionReset ? new TypeError('fetch failed', { cause: error }) : error;
    }
  };

  const services = { ...UNDELETED, ledger: () => ledger, pages, cache, results, source, blobs, nowMs };
  const analyzers = Array.from({ length: workers }, (_, n) => {
    const shutdown = createShutdown();
    const breakers = createServiceBreakers(nowMs);
    return createAnalyzeIssue({
      ...services,
      model: createAzureOpenAi(settings({ apiKey: 'simulator' }), () => never(), shutdown.signal, send),
      breakers: deployment => idleBreaker(breakers(deployment)),
      permits: idlePermits(createPermits()),
      controls: createRunControls(async runId => controls.get(runId) ?? null, nowMs),
      answers: createAnswerMemory({ maxBytes: 1e6, ttlMs: 300_000, nowMs }),
      flights: idleFlights(createFlights()),
      shutdown,
      storageMeter: { measure: work => work(() => ({ operations: 0, ms: 0 })) },
      worker: createWorkerIdentity('here', 100 + n, () => true),
      waiting: { nowMs, sleep: delay, random: () => 0.5 },
    });
  });
  let deliveries = 0;
  const messages: (Reserve | Leave)[] = [];
  const watchedCapacity: EntityHandler<CapacityState> = context => {
    if (context.df.operationName !== 'control') messages.push(context.df.getInput() as Reserve | Leave);
    return capacity(context);
  };
  const hub = createTestHub({
    startAtMs,
    limits: { maxConcurrentActivityFunctions: workers * ceiling },
    orchestrators: { processIssues, processStream },
    entities: { capacity: watchedCapacity as never },
    activities: {
      loadIssues: createLoadIssues(services),
      analyzeIssue: (input, context) => analyzers[deliveries++ % workers]?.(input, context),
      buildReport: createBuildReport(services),
    },
  });
  started = hub;
  const dateNow = vi.spyOn(Date, 'now').mockImplementation(nowMs);

  return {
    hub,
    simulator,
    requestsAtMs,
    told(runId, attempt = 1) {
      const own = messages.filter(message => message.runId === capacityRunId(runId, attempt));
      const uses = own.flatMap(message =>
        'uses' in message ? message.uses.map(({ used }) => used) : (message.used ?? []),
      );
      return { spentTokens: own[0]?.terms.spentTokens ?? 0, uses };
    },
    start(runId, issues, changes = {}, attempt = 1) {
      const blob = runBlobs.source(runId);
      void blobs.write(blob, JSON.stringify(issues));
      const input: RunInput = {
        runId,
        attempt,
        source: { blob, format: 'json', limit: null },
        plan: plan({ ledgerShards: 1, ...changes }),
      };
      hub.start('processIssues', input, { instanceId: runId });
    },
    async end(runId) {
      const { runtimeStatus, output } = await hub.runToEnd(runId);
      if (runtimeStatus !== 'Completed') throw new Error(`Run ${runId} is ${runtimeStatus}: ${String(output)}`);
      const report = JSON.parse(String(await results.readReport(runId)));
      return { summary: output as RunSummary, report, lines: await Array.fromAsync(results.lines(runId)) };
    },
    control(runId, control, attempt = 1) {
      controls.set(runId, control);
      const told = { runId: `${runId}:${attempt}`, control: control ?? 'go', nowMs: nowMs() };
      hub.signalEntity('capacity', plan().deployment, 'control', told);
    },
    async [Symbol.asyncDispose]() {
      dateNow.mockRestore();
      await hub[Symbol.asyncDispose]();
    },
  };
}

function never(): never {
  throw new Error('No identity is asked for where there is a key');
}

/** Issues of about equal length, each with a text of its own. */
export function distinctIssues(count: number, first = 0): { key: string; title: string; description: string }[] {
  return Array.from({ length: count }, (_, n) => {
    const name = `T-${first + n + 1}`;
    return { key: name, title: `Export ${name} fails`, description: `The export of page ${name} ends with an error.` };
  });
}
