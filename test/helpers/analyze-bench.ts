import { createAnalyzeIssue } from '../../src/activities/analyze-issue.ts';
import type { AnalyzeInput, AnalyzeOutput } from '../../src/core/contracts.ts';
import type { LedgerRow } from '../../src/core/ledger.ts';
import { createAnswerMemory } from '../../src/services/answer-memory.ts';
import type { Completion, CompletionRequest } from '../../src/services/azure-openai.ts';
import { createFlights } from '../../src/services/flights.ts';
import type { Unit } from '../../src/services/issue-pages.ts';
import { createPermits } from '../../src/services/permits.ts';
import type { RunControl } from '../../src/services/run-controls.ts';
import { createServiceBreakers } from '../../src/services/service-breaker.ts';
import { createShutdown } from '../../src/services/shutdown.ts';
import type { StorageMeter } from '../../src/services/storage-meter.ts';
import { createWorkerIdentity } from '../../src/services/worker-identity.ts';
import { completion, manualWaiting, runActivity, scriptedModel } from './activities.ts';
import { issue, NOON_MS, plan } from './factories.ts';
import { createMemoryLedger } from './memory-stores.ts';

/** The place in the input of the one issue of the bench. */
export const PLACE = 4;
/** What every delivery of the bench uses of storage. */
export const STORAGE_USE = { operations: 3, ms: 9 };

type Store = ReturnType<Parameters<typeof createAnalyzeIssue>[0]['ledger']>;
type Services = Parameters<typeof createAnalyzeIssue>[0];

/** Tells the same use for every piece of work. */
const storageMeter: StorageMeter = { measure: work => work(() => STORAGE_USE) };

/** The services of one process, with nothing known yet; the ledger and the model are the caller's. */
export function processServices(waiting: Services['waiting']) {
  return {
    permits: createPermits(),
    breakers: createServiceBreakers(waiting.nowMs),
    controls: { of: async (): Promise<RunControl> => null },
    answers: createAnswerMemory({ maxBytes: 1_000_000, ttlMs: 300_000, nowMs: waiting.nowMs }),
    flights: createFlights(),
    shutdown: createShutdown(),
    worker: createWorkerIdentity('host', 1),
    storageMeter,
    waiting,
  };
}

/** What a stream hands `analyzeIssue` at noon: unit 3 of the run `run`. */
export function analyzeInput(changes: Partial<AnalyzeInput> = {}): AnalyzeInput {
  const input = {
    runId: 'run',
    attempt: 1,
    openList: null,
    unit: 3,
    startAtMs: NOON_MS,
    maxCompletionTokens: 1_200,
    plan: plan(),
  };
  return { ...input, ...changes };
}

/** `analyzeIssue` over a ledger in memory, in a process of its own, from noon on. Each activity has an empty cache. */
export function createAnalyzeBench() {
  const ledger = createMemoryLedger();
  const waiting = manualWaiting();
  const process = processServices(waiting);

  /** An activity for the one issue, and what its model was asked. */
  function activity(
    script: readonly [Completion | Error, ...(Completion | Error)[]],
    changes: Partial<Omit<Services, 'ledger'>> & { unit?: Partial<Unit>; ledger?: Store } = {},
  ) {
    const model = scriptedModel(...script);
    const unit = { index: PLACE, issue: issue(), fingerprint: 'f1', copies: 0, ...changes.unit };
    const handler = createAnalyzeIssue({
      pages: { unit: async () => unit },
      model,
      ...processServices(waiting),
      worker: process.worker,
      ...changes,
      ledger: () => changes.ledger ?? ledger,
    });
    return {
      run: (input: Partial<AnalyzeInput> = {}) => runActivity<AnalyzeOutput>(handler, analyzeInput(input)),
      requests: model.requests,
    };
  }

  return {
    ledger,
    waiting,
    worker: process.worker,
    activity,
    row: () => ledger.row('run', PLACE),
    put: (row: LedgerRow) => ledger.write('run', PLACE, row, null),
  };
}

/** `analyzeIssue` of one process over many issues: unit n lies at index n, and its fingerprint is `f<n>`. */
export function createAnalyzeProcess(
  model: Services['model'],
  changes: Partial<Omit<Services, 'model'>> & { readonly unit?: (unit: number) => Partial<Unit> } = {},
) {
  const { unit: unitOf = () => ({}), waiting = manualWaiting(), ...services } = changes;
  const ledger = createMemoryLedger();
  const process = processServices(waiting);
  const handler = createAnalyzeIssue({
    ...process,
    model,
    waiting,
    pages: {
      unit: async (_runId, _attempt, unit) => ({
        index: unit,
        issue: issue(),
        fingerprint: `f${unit}`,
        copies: 0,
        ...unitOf(unit),
      }),
    },
    ledger: () => ledger,
    ...services,
  });
  return {
    ...process,
    ledger,
    run: (unit: number, input: Partial<AnalyzeInput> = {}) =>
      runActivity<AnalyzeOutput>(handler, analyzeInput({ ...input, unit })),
  };
}

/** A model whose calls wait until the test answers them, the oldest first. */
export function heldModel() {
  const open: { readonly request: CompletionRequest; readonly answer: PromiseWithResolvers<Completion> }[] = [];
  let calls = 0;
  const next = () => {
    const call = open.shift();
    if (!call) throw new Error('Nothing is being asked');
    return call.answer;
  };
  return {
    complete(request: CompletionRequest): Promise<Completion> {
      const answer = Promise.withResolvers<Completion>();
      open.push({ request, answer });
      calls += 1;
      return answer.promise;
    },
    /** How many are being asked, once everything that can go on has gone on. */
    async open(): Promise<number> {
      await untilQuiet();
      return open.length;
    },
    calls: () => calls,
    answer: (changes: Partial<Completion> = {}) => next().resolve(completion(changes)),
    fail: (error: Error) => next().reject(error),
  };
}

/** Resolves once everything that waits for nothing has gone on. */
export async function untilQuiet(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(resolve => setImmediate(resolve));
}
