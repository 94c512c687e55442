import { appendToHistory, eventsToJson, type HistoryCache, type LoadedHistory } from './history-cache.ts';
import { EventType, type ExecutionStarted, eventBase, type HistoryEvent } from './protocol/history.ts';
import { orchestratorTrigger, readTurn } from './protocol/payloads.ts';
import { type Outcome, type Replay, replay } from './replay/shim.ts';
import { type EngineServices, invokeSafely } from './services.ts';
import { executionStarted, type Generation, newId, toCommit, toJson } from './step/episode-commit.ts';
import { isFinished, type Message, type StoredInstance } from './store/store.ts';

type LoadedGeneration = Generation & { readonly past: LoadedHistory };

const EMPTY_HISTORY: LoadedHistory = { events: [], json: '' };

/**
 * Runs one episode of an instance: takes all messages that wait for it, asks the orchestrator what it wants now, and stores
 * what follows from that at one blow. An orchestrator that continues as new goes on in the same episode.
 *
 * @param instanceId - no other episode of it may run at the same time
 * @returns the instances that have new messages now
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
  let generation = instance && takeUp(instance, messages, cache, clock.nowMs());
  if (!instance || !generation) {
    store.dropMessages(instanceId, consumedThroughSeq);
    return [];
  }
  let customStatusJson: string | null = null;
  let result = await runGeneration(services, generation);
  while (result.replay.outcome.kind === 'continuedAsNew') {
    // A status lasts until an episode sets none; those of one piece of work count as one.
    customStatusJson = result.customStatusJson ?? customStatusJson;
    generation = nextGeneration(generation, result.replay.outcome, clock.nowMs());
    result = await runGeneration(services, generation);
  }
  const commit = toCommit(generation, result.replay, {
    nowMs: clock.nowMs(),
    customStatusJson: result.customStatusJson ?? customStatusJson,
    consumedThroughSeq,
    loadedExecutionId: instance.executionId,
  });
  const woken = store.commitEpisode(commit);
  if (woken && !isFinished(commit.instance))
    cache.put(commit.instance, appendToHistory(generation.past, commit.appended));
  else cache.drop(instanceId);
  return woken ?? [];
}

/** The instance's current generation with its new events; undefined when no message is for it. */
function takeUp(
  instance: StoredInstance,
  messages: readonly Message[],
  cache: HistoryCache,
  nowMs: number,
): LoadedGeneration | undefined {
  const events = messages
    .filter(({ executionId }) => executionId === null || executionId === instance.executionId)
    .map(({ event }) => event);
  if (isFinished(instance) || events.length === 0) return undefined;
  const past = cache.load(instance);
  const startedEvent = [...past.events, ...events].find(event => event.EventType === EventType.ExecutionStarted);
  if (!startedEvent) throw new Error(`Instance "${instance.instanceId}" has no ExecutionStarted event`);
  const started: HistoryEvent = {
    ...eventBase(episodeTimeMs(past.events, events, nowMs)),
    EventType: EventType.OrchestratorStarted,
  };
  return { instance, startedEvent, past, pastEventCount: past.events.length, fresh: [started, ...events] };
}

/** An episode's time is never before the last one's, nor before a timer that fires in it, whatever the machine's clock does. */
function episodeTimeMs(past: readonly HistoryEvent[], events: readonly HistoryEvent[], nowMs: number): number {
  const last = past.findLast(event => event.EventType === EventType.OrchestratorStarted);
  const fired = events.map(event => (event.EventType === EventType.TimerFired ? Date.parse(event.FireAt) : 0));
  return Math.max(nowMs, last ? Date.parse(last.Timestamp) : 0, ...fired);
}

function nextGeneration(
  { instance, startedEvent }: LoadedGeneration,
  outcome: Outcome & { kind: 'continuedAsNew' },
  nowMs: number,
): LoadedGeneration {
  const next: StoredInstance = { ...instance, executionId: newId(), inputJson: toJson(outcome.input) };
  const started: ExecutionStarted = executionStarted(next, {
    nowMs,
    inputJson: next.inputJson,
    parent: startedEvent.ParentInstance,
  });
  const fresh: readonly HistoryEvent[] = [
    { ...eventBase(nowMs), EventType: EventType.OrchestratorStarted },
    started,
    ...outcome.carriedEvents.map(event => ({ ...event, IsPlayed: true })),
    { ...eventBase(nowMs), EventType: EventType.OrchestratorCompleted },
  ];
  return { instance: next, startedEvent: started, past: EMPTY_HISTORY, pastEventCount: 0, fresh };
}

/** Asks the orchestrator, and works out what its answer means. */
async function runGeneration(
  services: EngineServices,
  { instance, startedEvent, past, fresh }: LoadedGeneration,
): Promise<{ readonly replay: Replay; readonly customStatusJson: string | null }> {
  const { worker, settings, log, isRegistered } = services;
  const { name, instanceId, executionId, parentInstanceId } = instance;
  if (!isRegistered('orchestrator', name)) {
    const reason = `Orchestrator function '${name}' failed: the app does not register it`;
    const outcome = { kind: 'failed', id: -1, reason, details: `Message: ${reason}` } as const;
    return { replay: { decisions: [], outcome, divergences: [] }, customStatusJson: null };
  }
  const freshJson = eventsToJson(fresh);
  const trigger = orchestratorTrigger({
    historyJson: past.json ? `${past.json},${freshJson}` : freshJson,
    inputJson: startedEvent.Input,
    instanceId,
    parentInstanceId,
    isReplaying: past.events.length > 0,
    settings,
  });
  const { turn, customStatusJson, problem } = readTurn(name, await invokeSafely(worker, name, trigger));
  const environment = { name, instanceId, executionId, parentInstanceId, settings, isRegistered };
  const result = replay(environment, past.events, fresh, turn);
  if (problem) log('error', name, `${instanceId}: ${problem}`);
  for (const divergence of result.divergences) log('error', name, `${instanceId}: ${divergence}`);
  if (result.outcome.kind === 'failed') log('error', name, `${instanceId}: ${result.outcome.reason}`);
  return { replay: result, customStatusJson };
}
