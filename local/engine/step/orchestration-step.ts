import { EventType, type ExecutionStarted, eventBase, type HistoryEvent } from '../protocol/history.ts';
import { executionIdAfter } from '../protocol/ids.ts';
import { orchestratorTrigger, readTurn } from '../protocol/payloads.ts';
import { type Outcome, type Replay, replay } from '../replay/shim.ts';
import { type DivergenceCode, notYetReported } from '../replay/shim-divergence.ts';
import { type EpisodeCommit, isFinished, type Message, type StoredInstance } from '../store/store.ts';
import { executionStarted, type Generation, toCommit, toJson } from './episode-commit.ts';
import { appendToHistory, EMPTY_HISTORY, eventsToJson, type LoadedHistory } from './loaded-history.ts';
import type { LogLine, Step, StepRules } from './step.ts';

/** An orchestration as an episode finds it. */
export interface OrchestrationState {
  readonly instance: StoredInstance;
  /** The stored history of the current generation. */
  readonly past: LoadedHistory;
  /** Whether the orchestrator was asked before and did not come to an end. */
  readonly hasBroken: boolean;
}

/** What one episode comes to. */
export interface Episode {
  readonly commit: EpisodeCommit;
  /** The history as it is after the commit. */
  readonly history: LoadedHistory;
  readonly log: readonly LogLine[];
}

/** Continue-as-new without ever waiting has no end, and no request to terminate would be heard. */
const MOST_RENEWALS = 10_000;

type LoadedGeneration = Generation & { readonly past: LoadedHistory };

/**
 * One episode of an orchestration: takes all messages that wait for it, asks the orchestrator what it wants now, and works
 * out what follows. An orchestrator that continues as new goes on in the same episode.
 *
 * @param messages - at least one, oldest first
 * @returns undefined when none of the messages is for this generation, or the instance has ended: they are to be dropped
 */
export function* stepOrchestration(
  rules: StepRules,
  state: OrchestrationState,
  messages: readonly Message[],
  nowMs: number,
): Step<Episode | undefined> {
  let generation = takeUp(state, messages, nowMs);
  if (!generation) return undefined;
  const log: LogLine[] = [];
  let customStatusJson: string | null = null;
  let turn =
    (state.hasBroken ? terminatedTurn(generation) : undefined) ?? (yield* runGeneration(rules, generation, log));
  for (let renewals = 0; turn.replay.outcome.kind === 'continuedAsNew'; renewals++) {
    if (renewals === MOST_RENEWALS) {
      turn = failedTurn(generation, `it continued as new ${renewals} times without waiting for anything`, log);
      break;
    }
    // A status lasts until an episode sets none; those of one piece of work count as one.
    customStatusJson = turn.customStatusJson ?? customStatusJson;
    generation = nextGeneration(generation, turn.replay.outcome, turn.nowMs);
    turn = yield* runGeneration(rules, generation, log);
  }
  const commit = toCommit(rules.settings, generation, turn.replay, {
    nowMs: turn.nowMs,
    customStatusJson: turn.customStatusJson ?? customStatusJson,
    consumedThroughSeq: messages.at(-1)?.seq ?? 0,
    loadedExecutionId: state.instance.executionId,
  });
  const history = { ...appendToHistory(generation.past, commit.appended), reported: turn.reported };
  return { commit, history, log };
}

/** The instance's current generation with its new events; undefined when no message is for it. */
function takeUp(
  { instance, past }: OrchestrationState,
  messages: readonly Message[],
  nowMs: number,
): LoadedGeneration | undefined {
  const events = messages
    .filter(({ executionId }) => executionId === null || executionId === instance.executionId)
    .map(({ event }) => event);
  if (isFinished(instance) || events.length === 0) return undefined;
  const startedEvent = [...past.events.slice(0, 2), ...events].find(
    event => event.EventType === EventType.ExecutionStarted,
  );
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
  const executionId = executionIdAfter(instance.executionId, 'next');
  const next: StoredInstance = { ...instance, executionId, inputJson: toJson(outcome.input) };
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

interface Turn {
  readonly replay: Replay;
  readonly customStatusJson: string | null;
  readonly nowMs: number;
  /** What has been reported of this generation. */
  readonly reported: readonly DivergenceCode[];
}

/** A turn in which the orchestrator is not asked, because a request to terminate makes its answer idle. */
function terminatedTurn({ fresh }: LoadedGeneration): Turn | undefined {
  const request = fresh.find(event => event.EventType === EventType.ExecutionTerminated);
  if (!request) return undefined;
  const outcome = { kind: 'terminated', id: -1, reason: request.Input } as const;
  const nowMs = Date.parse(fresh[0]?.Timestamp ?? '');
  return { replay: { decisions: [], outcome, divergences: [] }, customStatusJson: null, nowMs, reported: [] };
}

/** A turn that ends in a failure of the host's own finding. */
function failedTurn({ instance, fresh }: LoadedGeneration, text: string, log: LogLine[]): Turn {
  const reason = `Orchestrator function '${instance.name}' failed: ${text}`;
  log.push({ level: 'error', text: `${instance.instanceId}: ${reason}` });
  const outcome = { kind: 'failed', id: -1, reason, details: `Message: ${reason}` } as const;
  const nowMs = Date.parse(fresh[0]?.Timestamp ?? '');
  return { replay: { decisions: [], outcome, divergences: [] }, customStatusJson: null, nowMs, reported: [] };
}

/** What an orchestrator can make the host stumble over must fail that instance alone. */
function replayOrText(...args: Parameters<typeof replay>): Replay | string {
  try {
    return replay(...args);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Asks the orchestrator, and works out what its answer means. */
function* runGeneration(
  { settings, isRegistered }: StepRules,
  generation: LoadedGeneration,
  log: LogLine[],
): Step<Turn> {
  const { instance, startedEvent, past, fresh } = generation;
  const { name, instanceId, executionId, parentInstanceId } = instance;
  const error = (text: string) => log.push({ level: 'error', text: `${instanceId}: ${text}` });
  if (!isRegistered('orchestrator', name)) {
    return terminatedTurn(generation) ?? failedTurn(generation, 'the app does not register it', log);
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
  const answer = yield { name, trigger };
  const { turn, customStatusJson, problem } = readTurn(name, answer.outcome);
  const environment = { name, instanceId, executionId, parentInstanceId, settings, isRegistered };
  const result = replayOrText(environment, past.events, fresh, turn);
  if (typeof result === 'string') return failedTurn(generation, `the host cannot follow it: ${result}`, log);
  if (problem) error(problem);
  const { reported = [] } = past;
  const news = notYetReported(result.divergences, reported);
  for (const { report } of news) error(report);
  if (result.outcome.kind === 'failed') error(result.outcome.reason);
  return {
    replay: result,
    customStatusJson,
    nowMs: answer.nowMs,
    reported: [...reported, ...news.map(({ code }) => code)],
  };
}
