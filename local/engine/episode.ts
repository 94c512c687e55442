import type { EntityRecord } from './api.ts';
import type { HistoryCache } from './history-cache.ts';
import { runStep } from './run-step.ts';
import type { EngineServices } from './services.ts';
import { stepEntity } from './step/entity-step.ts';
import { EMPTY_HISTORY } from './step/loaded-history.ts';
import { stepOrchestration } from './step/orchestration-step.ts';
import type { LogLine } from './step/step.ts';
import { isFinished } from './store/store.ts';

/**
 * Runs one episode of an orchestration and stores what comes of it, at one blow.
 *
 * @param instanceId - no other episode of it may run at the same time
 * @returns who has new messages now
 */
export async function runEpisode(
  services: EngineServices,
  cache: HistoryCache,
  instanceId: string,
): Promise<readonly string[]> {
  const { store, clock } = services;
  const messages = store.readMessages(instanceId);
  const consumedThroughSeq = messages.at(-1)?.seq;
  if (consumedThroughSeq === undefined) return [];
  const instance = store.getInstance(instanceId);
  if (!instance) {
    store.dropMessages(instanceId, consumedThroughSeq);
    return [];
  }
  const past = isFinished(instance) ? EMPTY_HISTORY : cache.load(instance);
  const run = await runStep(services, stepOrchestration(services, { instance, past }, messages, clock.nowMs()));
  if (!run) return [];
  const { result: episode } = run;
  if (!episode) {
    store.dropMessages(instanceId, consumedThroughSeq);
    return [];
  }
  const { commit, history, log } = episode;
  const woken = store.commitEpisode(commit);
  if (woken && !isFinished(commit.instance)) cache.put(commit.instance, history);
  else cache.drop(instanceId);
  writeLog(services, instance.name, log);
  return woken ?? [];
}

/** What became of a batch. */
export type BatchEnd = { readonly woken: readonly string[] } | 'failed';

/**
 * Runs one batch of an entity's operations and stores what comes of it, at one blow.
 *
 * @param entityId - no other batch of it may run at the same time
 * @returns who has new messages now; `failed` = nothing was stored and the same batch is to be run again
 */
export async function runBatch(services: EngineServices, entityId: string): Promise<BatchEnd> {
  const { store, clock } = services;
  const messages = store.readMessages(entityId);
  if (messages.length === 0) return { woken: [] };
  const entity: EntityRecord = store.getEntity(entityId) ?? { entityId, stateJson: null, lastOperationAtMs: 0 };
  const run = await runStep(services, stepEntity(services, entity, messages, clock.nowMs()));
  if (!run) return { woken: [] };
  const { commit, log } = run.result;
  writeLog(services, entityId, log);
  if (!commit) return 'failed';
  const woken = store.commitBatch(commit);
  const hasMore = commit.consumedThroughSeq < (messages.at(-1)?.seq ?? 0);
  return { woken: hasMore ? [...woken, entityId] : woken };
}

function writeLog({ log }: EngineServices, source: string, lines: readonly LogLine[]): void {
  for (const { level, text } of lines) log(level, source, text);
}
