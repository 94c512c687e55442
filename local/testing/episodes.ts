import type { Clock } from '../engine/clock.ts';
import { type Action, ActionType } from '../engine/protocol/actions.ts';
import { EventType, type HistoryEvent } from '../engine/protocol/history.ts';
import { readTurn } from '../engine/protocol/payloads.ts';
import type { InvocationOutcome, RpcTypedData, Worker } from '../engine/protocol/worker.ts';

/** One replay of an orchestrator: it ran from its beginning to where it waits or ends. */
export interface Episode {
  readonly instanceId: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** 1 + the times that the instance had continued as new. */
  readonly generation: number;
  /** How many events it was replayed from. */
  readonly historyLength: number;
  /** Those of them that it had not seen in the episode before. */
  readonly newEvents: readonly HistoryEvent[];
  /** The custom status that it set; undefined = none. */
  readonly customStatus: unknown;
}

/** The episodes of all instances, and what the last one of each waits for. */
export interface EpisodeLog {
  /** In order. */
  readonly episodes: readonly Episode[];
  /** The worker, with a note taken of each episode. */
  watch(worker: Worker): Worker;
  /** Names of the events that an instance waits for, as its last episode showed them. */
  awaitedEvents(instanceId: string): readonly string[];
}

interface Trigger {
  readonly instanceId: string;
  readonly isReplaying: boolean;
  readonly history: readonly HistoryEvent[];
}

interface LastEpisode {
  readonly generation: number;
  readonly history: readonly HistoryEvent[];
  readonly actions: readonly Action[];
}

function waitsIn(actions: readonly Action[]): string[] {
  return actions.flatMap(action => {
    if (action.actionType === ActionType.WaitForExternalEvent) return action.externalEventName;
    return 'compoundActions' in action ? waitsIn(action.compoundActions) : [];
  });
}

/** @param clock - for the instants of episodes */
export function createEpisodeLog(clock: Pick<Clock, 'nowMs'>): EpisodeLog {
  const episodes: Episode[] = [];
  const lastByInstance = new Map<string, LastEpisode>();

  function note(name: string, trigger: RpcTypedData, outcome: InvocationOutcome): void {
    if (outcome.kind !== 'returned' && outcome.kind !== 'threw') return;
    const { instanceId, isReplaying, history } = JSON.parse(trigger.string ?? '') as Trigger;
    const { turn, customStatusJson } = readTurn(name, outcome);
    const last = lastByInstance.get(instanceId);
    const generation = (last?.generation ?? 0) + (isReplaying ? 0 : 1);
    lastByInstance.set(instanceId, { generation, history, actions: turn.actions });
    episodes.push({
      instanceId,
      name,
      atMs: clock.nowMs(),
      generation,
      historyLength: history.length,
      newEvents: history.slice(isReplaying ? (last?.history.length ?? 0) : 0),
      customStatus: customStatusJson === null ? undefined : (JSON.parse(customStatusJson) as unknown),
    });
  }

  return {
    episodes,
    watch: worker => {
      const orchestrators = new Set(
        worker.functions.filter(({ kind }) => kind === 'orchestrator').map(info => info.name.toLowerCase()),
      );
      return {
        functions: worker.functions,
        async invoke(name, trigger, metadata) {
          const outcome = await worker.invoke(name, trigger, metadata);
          if (orchestrators.has(name.toLowerCase())) note(name, trigger, outcome);
          return outcome;
        },
      };
    },
    awaitedEvents(instanceId) {
      const { history, actions } = lastByInstance.get(instanceId) ?? { history: [], actions: [] };
      const raised = history.flatMap(event => (event.EventType === EventType.EventRaised ? event.Name : []));
      return waitsIn(actions).filter(name => {
        const at = raised.indexOf(name);
        if (at >= 0) raised.splice(at, 1);
        return at < 0;
      });
    },
  };
}
