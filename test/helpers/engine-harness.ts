import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RuntimeStatus } from '../../local/engine/api.ts';
import { createEngine, type DurableEngine, type EngineOptions } from '../../local/engine/engine.ts';
import { openSqliteStore } from '../../local/engine/store/sqlite-store.ts';
import type { Store } from '../../local/engine/store/store.ts';
import { createManualClock, type ManualClock } from '../../local/testing/manual-clock.ts';
import { createTestWorker, type df, type TestWorker } from './durable-app.ts';

/** The instant at which harness clocks start: 2026-01-01T00:00:00Z. */
export const START_MS = Date.UTC(2026, 0, 1);

/** An instance as a client would read it. */
export interface Status {
  readonly runtimeStatus: RuntimeStatus | undefined;
  /** Parsed, or the bare text where it is no JSON. */
  readonly output: unknown;
  readonly customStatus: unknown;
}

/** An engine over the real library, with a clock of the test's own. */
export interface Harness {
  readonly engine: DurableEngine;
  readonly store: Store;
  readonly worker: TestWorker;
  readonly clock: ManualClock;
  /** Log lines of level error and worse. */
  readonly errors: string[];
  /** Starts an instance and runs what is due; returns its id. */
  run(name: string, input?: unknown, instanceId?: string): Promise<string>;
  /** Lets time pass, from one due instant to the next, running what becomes due. */
  pass(lengthMs: number): Promise<void>;
  status(instanceId: string): Status;
  /** Event numbers with their ids, for instance `4#0`; completions as `5→0`. */
  trace(instanceId: string): string[];
  close(): void;
}

/** A path for a state file in a folder of its own, removed after the test. */
export function temporaryStateFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'engine-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'state.db');
}

function parse(json: string | null | undefined): unknown {
  if (json === null || json === undefined) return json;
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}

/**
 * Starts an engine whose app is what `register` registers. It is closed after the test.
 *
 * @param options.path - state file; default: in memory
 * @param options.clock - default: a new one at `START_MS`
 */
export function createHarness(
  register: (app: typeof df.app) => void,
  options: {
    readonly path?: string;
    readonly clock?: ManualClock;
    readonly limits?: Partial<EngineOptions['limits']>;
    readonly settings?: EngineOptions['settings'];
    readonly fetch?: typeof globalThis.fetch;
    readonly closing?: AbortSignal;
    readonly latency?: EngineOptions['latency'];
  } = {},
): Harness {
  const {
    path = ':memory:',
    clock = createManualClock(START_MS),
    limits,
    settings = {},
    fetch,
    closing,
    latency,
  } = options;
  const worker = createTestWorker(register);
  const store = openSqliteStore(path);
  const errors: string[] = [];
  let isClosed = false;
  const engine = createEngine({
    store,
    worker,
    clock,
    settings,
    ...(fetch && { fetch }),
    ...(closing && { closing }),
    ...(latency && { latency }),
    limits: {
      maxConcurrentActivityFunctions: 10,
      maxConcurrentOrchestratorFunctions: 5,
      maxConcurrentEntityFunctions: 5,
      ...limits,
    },
    log: (level, source, message) => {
      if (level === 'error' || level === 'critical') errors.push(`${source}: ${message}`);
    },
    onFatal(error) {
      if (!isClosed) throw error;
    },
  });
  engine.start();
  const harness: Harness = {
    engine,
    store,
    worker,
    clock,
    errors,
    async run(name, input, instanceId) {
      const id = instanceId === undefined ? {} : { instanceId };
      const started = engine.startInstance({ name, inputJson: JSON.stringify(input ?? null), ...id });
      await engine.idle();
      return started.instanceId;
    },
    async pass(lengthMs) {
      const endMs = clock.nowMs() + lengthMs;
      await engine.idle();
      for (let nextMs = clock.nextCallAtMs(); nextMs !== undefined && nextMs <= endMs; nextMs = clock.nextCallAtMs()) {
        clock.advanceTo(nextMs);
        await engine.idle();
      }
      clock.advanceTo(endMs);
      await engine.idle();
    },
    status(instanceId) {
      const record = engine.getInstance(instanceId);
      return {
        runtimeStatus: record?.runtimeStatus,
        output: parse(record?.outputJson),
        customStatus: parse(record?.customStatusJson),
      };
    },
    trace: instanceId =>
      engine.getHistory(instanceId).map(event => {
        if ('TaskScheduledId' in event) return `${event.EventType}→${event.TaskScheduledId}`;
        if ('TimerId' in event) return `${event.EventType}→${event.TimerId}`;
        return event.EventId < 0 ? `${event.EventType}` : `${event.EventType}#${event.EventId}`;
      }),
    close() {
      if (isClosed) return;
      isClosed = true;
      worker.kill();
      store.close();
    },
  };
  onTestFinished(harness.close);
  return harness;
}
