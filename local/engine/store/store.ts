import type { InstanceFilter, InstanceRecord } from '../api.ts';
import type { ExecutionStarted, HistoryEvent } from '../protocol/history.ts';

/** An instance with the id of its current generation. */
export interface StoredInstance extends InstanceRecord {
  readonly executionId: string;
}

/** Where a message goes. A message for another generation than the current one is dropped. */
export interface Address {
  readonly instanceId: string;
  /** Null = whichever generation is current. */
  readonly executionId: string | null;
}

/** An event that waits for its instance's next episode. */
export interface Message {
  /** Grows with the order of arrival. */
  readonly seq: number;
  readonly executionId: string | null;
  readonly event: HistoryEvent;
}

/** An activity that an orchestrator has called and that has not ended. */
export interface ActivityTask {
  /** Grows with the order of the calls; given by the store. */
  readonly seq: number;
  readonly instanceId: string;
  readonly executionId: string;
  readonly taskId: number;
  readonly name: string;
  /** JSON; null = no input. */
  readonly inputJson: string | null;
}

/** A new instance and its first event. */
export interface NewInstance {
  readonly instance: StoredInstance;
  readonly startedEvent: ExecutionStarted;
}

/** All that one episode changes. It is written whole or not at all. */
export interface EpisodeCommit {
  /** The instance as it is after the episode, maybe in a new generation. */
  readonly instance: StoredInstance;
  /** The generation that the episode began with. */
  readonly loadedExecutionId: string;
  /** The episode has taken the messages up to this one. */
  readonly consumedThroughSeq: number;
  /** How many events the history has before the appended ones; 0 also drops what is stored. */
  readonly pastEventCount: number;
  readonly appended: readonly HistoryEvent[];
  readonly activities: readonly Pick<ActivityTask, 'taskId' | 'name' | 'inputJson'>[];
  readonly timers: readonly { readonly timerId: number; readonly fireAtMs: number }[];
  /** Children to start; where the id belongs to a running instance, the parent gets `refusedEvent` instead. */
  readonly children: readonly (NewInstance & { readonly refusedEvent: HistoryEvent })[];
  /** Messages for other instances. */
  readonly messages: readonly { readonly to: Address; readonly event: HistoryEvent }[];
}

/**
 * Where the engine keeps what must survive. Each method is one transaction: after a kill it has happened or it has not.
 * One engine at a time uses a store.
 */
export interface Store {
  getMeta(key: string): string | undefined;
  setMeta(key: string, value: string): void;

  getInstance(instanceId: string): StoredInstance | undefined;
  /** In the order of ids; the token is the last id of the page. */
  listInstances(filter: InstanceFilter): {
    readonly instances: readonly StoredInstance[];
    readonly continuationToken?: string;
  };
  /** Writes a new instance in the place of any former one of its id. */
  createInstance(created: NewInstance): void;
  /** False when there is none of that id. Activities already called still run; their results are dropped. */
  purgeInstance(instanceId: string): boolean;

  readHistory(instanceId: string): readonly HistoryEvent[];
  /** Adds a message; false when the instance is missing, has ended, or is in another generation. */
  sendMessage(to: Address, event: HistoryEvent): boolean;
  /** Messages of one instance, oldest first. */
  readMessages(instanceId: string): readonly Message[];
  dropMessages(instanceId: string, throughSeq: number): void;
  /** Instances that have messages, the longest waiting first. */
  instancesWithMessages(): readonly string[];
  /**
   * Writes an episode.
   *
   * @returns the instances that now have messages; undefined, and nothing is written, when the instance was purged or replaced meanwhile
   */
  commitEpisode(commit: EpisodeCommit): readonly string[] | undefined;

  /** Unfinished activities after the given one, oldest first; those in flight too, because only their end is stored. */
  readActivities(afterSeq: number, limit: number): readonly ActivityTask[];
  /** Ends an activity and sends its event; false when it had ended before or nobody waits for it any more. */
  completeActivity(task: ActivityTask, event: HistoryEvent): boolean;

  /** The instant of the earliest timer, in milliseconds since 1970. */
  nextTimerAtMs(): number | undefined;
  /** Turns every timer that is due into a message; returns the instances that got one, earliest timer first. */
  fireTimers(nowMs: number): readonly string[];

  close(): void;
}

/** Statuses of instances that take no more messages. */
export const FINISHED_STATUSES = ['Completed', 'Failed', 'Canceled', 'Terminated'] as const;

/** Whether the instance has ended. */
export function isFinished({ runtimeStatus }: Pick<InstanceRecord, 'runtimeStatus'>): boolean {
  return FINISHED_STATUSES.some(status => status === runtimeStatus);
}
