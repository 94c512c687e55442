import type { EntityRecord } from './api.ts';
import type { HistoryCache } from './history-cache.ts';
import { EventType } from './protocol/history.ts';
import { runStep, type StepEnd } from './run-step.ts';
import type { EngineServices } from './services.ts';
import { stepEntity } from './step/entity-step.ts';
import { EMPTY_HISTORY } from './step/loaded-history.ts';
import { stepOrchestration } from './step/orchestration-step.ts';
import type { LogLine } from './step/step.ts';
import { isFinished } from './store/store.ts';

/** What became of a piece of work: who has new messages now, or why nothing was stored and it is to be run again. */
export type WorkEnd = { readonly woken: readonly string[] } | { readonly brokenBy: 'lost' | 'timedOut' | 'failed' };

const NOTHING: WorkEnd = { woken: [] };

/**
 * Runs one episode of an orchestration and stores what comes of it, at one blow.
 *
 * @param instanceId - no other episode of it may run at the same time
 * @param hasBroken - whether this was tried before and the worker did not come to an end: then a request to terminate is
 *   carried out without asking the orchestrator
 */
export async function runEpisode(
  services: EngineServices,
  cache: HistoryCache,
  instanceId: string,
  hasBroken: boolean,
): Promise<WorkEnd> {
  const { store, clock } = services;
  const messages = store.readMessages(instanceId);
  const consumedThroughSeq = messages.at(-1)?.seq;
  if (consumedThroughSeq === undefined) return NOTHING;
  const instance = store.getInstance(instanceId);
  if (!instance) {
    store.dropMessages(instanceId, consumedThroughSeq);
    return NOTHING;
  }
  const past = isFinished(instance) ? EMPTY_HISTORY : cache.load(instance);
  const isBegun =
    past.events.length > 0 || messages.some(({ event }) => event.EventType === EventType.ExecutionStarted);
  // With latency its start may come after other messages, which then wait for it.
  if (!isFinished(instance) && !isBegun) return NOTHING;
  const step = stepOrchestration(services, { instance, past, hasBroken }, messages, clock.nowMs());
  const end = await runStep(services, step);
  if (end.kind !== 'done') return unfinished(services, instance.name, instanceId, end);
  if (!end.result) {
    store.dropMessages(instanceId, consumedThroughSeq);
    return NOTHING;
  }
  const { commit, history, log } = end.result;
  const woken = store.commitEpisode(commit);
  if (woken && !isFinished(commit.instance)) cache.put(commit.instance, history);
  else cache.drop(instanceId);
  writeLog(services, instance.name, log);
  return { woken: woken ?? [] };
}

/**
 * Runs one batch of an entity's operations and stores what comes of it, at one blow.
 *
 * @param entityId - no other batch of it may run at the same time
 */
export async function runBatch(services: EngineServices, entityId: string): Promise<WorkEnd> {
  const { store, clock } = services;
  const messages = store.readMessages(entityId);
  if (messages.length === 0) return NOTHING;
  const entity: EntityRecord = store.getEntity(entityId) ?? { entityId, stateJson: null, lastOperationAtMs: 0 };
  const end = await runStep(services, stepEntity(services, entity, messages, clock.nowMs()));
  if (end.kind !== 'done') return unfinished(services, entityId, entityId, end);
  const { commit, log } = end.result;
  writeLog(services, entityId, log);
  if (!commit) return { brokenBy: 'failed' };
  const woken = store.commitBatch(commit) ?? [];
  const hasMore = commit.consumedThroughSeq < (messages.at(-1)?.seq ?? 0);
  return { woken: hasMore ? [...woken, entityId] : woken };
}

function unfinished(
  { log }: EngineServices,
  source: string,
  id: string,
  end: Exclude<StepEnd<unknown>, { kind: 'done' }>,
): WorkEnd {
  if (end.kind === 'closed') return NOTHING;
  log(end.cause === 'lost' ? 'debug' : 'error', source, `${id}: ${end.message}; it is delivered again`);
  return { brokenBy: end.cause };
}

function writeLog({ log }: EngineServices, source: string, lines: readonly LogLine[]): void {
  for (const { level, text } of lines) log(level, source, text);
}
