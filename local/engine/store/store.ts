import type { EntityFilter, EntityRecord, InstanceFilter, InstanceRecord } from '../api.ts';
import type { ExecutionStarted, HistoryEvent } from '../protocol/history.ts';

/** An instance with the id of its current generation. */
export interface StoredInstance extends InstanceRecord {
  readonly executionId: string;
}

/** Where a message goes. A message for another generation than the current one is dropped. */
export interface Address {
  /** An instance, or an entity as `@name@key`. */
  readonly instanceId: string;
  /** Null = whichever generation is current; always null for entities. */
  readonly executionId: string | null;
}

/** An event that waits for the next step of its instance or entity. */
export interface Message {
  /** Grows with the order of arrival. */
  readonly seq: number;
  readonly executionId: string | null;
  readonly event: HistoryEvent;
}

/** An activity that an orchestrator has called. */
export interface NewActivity {
  readonly instanceId: string;
  readonly executionId: string;
  readonly taskId: number;
  readonly name: string;
  /** JSON; null = no input. */
  readonly inputJson: string | null;
}

/** An activity that has not ended. */
export interface ActivityTask extends NewActivity {
  /** Grows with the order in which they became due; given by the store. */
  readonly seq: number;
}

/** A new instance and its first event. */
export interface NewInstance {
  readonly instance: StoredInstance;
  readonly startedEvent: ExecutionStarted;
}

/** A message with its address. */
export interface Letter {
  readonly to: Address;
  readonly event: HistoryEvent;
}

/**
 * What leaves a step, for somebody else or for later: a message (a timer is a message to oneself, due later), a call of an
 * activity, or the start of a child. Where a child's id belongs to a running instance, `refused` is sent instead.
 */
export type Delivery = {
  /** Milliseconds since 1970; absent = at once. */
  readonly dueAtMs?: number;
} & (
  | ({ readonly kind: 'message' } & Letter)
  | { readonly kind: 'activity'; readonly activity: NewActivity }
  | { readonly kind: 'start'; readonly child: NewInstance; readonly refused: Letter }
);

/** All that one episode of an orchestration changes. It is written whole or not at all. */
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
  readonly deliveries: readonly Delivery[];
}

/** All that one batch of operations changes at an entity. It is written whole or not at all. */
export interface BatchCommit {
  /** The entity as it is after the batch; without state it is gone. */
  readonly entity: EntityRecord;
  readonly consumedThroughSeq: number;
  readonly deliveries: readonly Delivery[];
}

/** An instance put back to before its failure. Its activities that have not ended are forgotten. */
export interface Rewound {
  readonly instance: StoredInstance;
  /** The whole history, with the failures taken out. */
  readonly history: readonly HistoryEvent[];
  /** What makes it run again, and what it had been waiting for. */
  readonly deliveries: readonly Delivery[];
}

/**
 * The writes of a store, each of them one transaction. These are the points at which a crash can come between two states:
 * a crash before the point leaves the old state, a crash after it the new one.
 */
export const COMMIT_POINTS = [
  'setMeta',
  'createInstance',
  'purgeInstance',
  'sendMessage',
  'dropMessages',
  'commitEpisode',
  'commitBatch',
  'completeActivity',
  'deliverDue',
  'rewind',
] as const satisfies readonly (keyof Store)[];

/** A write of a store, by its name. */
export type CommitPoint = (typeof COMMIT_POINTS)[number];

/**
 * Where the engine keeps what must survive. Each write is one transaction: after a kill it has happened or it has not.
 * One engine at a time uses a store. Where a write takes `dueAtMs`, its message comes at that instant; default: at once.
 */
export interface Store {
  getMeta(key: string): string | undefined;
  setMeta(key: string, value: string): void;

  getInstance(instanceId: string): StoredInstance | undefined;
  /** In the order of ids, by code points; the token is the last id of the page. */
  listInstances(filter: InstanceFilter): {
    readonly instances: readonly StoredInstance[];
    readonly continuationToken?: string;
  };
  /** Writes a new instance in the place of any former one of its id. */
  createInstance(created: NewInstance, dueAtMs?: number): void;
  /**
   * Deletes an instance or an entity with all that waits for it; false when there is none of that id. Activities already
   * called still run; their results are dropped.
   */
  purgeInstance(instanceId: string): boolean;

  getEntity(entityId: string): EntityRecord | undefined;
  /** Entities that have a state, in the order of ids; the token is the last id of the page. */
  listEntities(filter: EntityFilter): {
    readonly entities: readonly EntityRecord[];
    readonly continuationToken?: string;
  };

  readHistory(instanceId: string): readonly HistoryEvent[];
  /** Adds a message; false when the instance is missing, has ended, or is in another generation. An entity takes any. */
  sendMessage(to: Address, event: HistoryEvent, dueAtMs?: number): boolean;
  /** Messages of one instance or entity, oldest first. */
  readMessages(instanceId: string): readonly Message[];
  dropMessages(instanceId: string, throughSeq: number): void;
  /** Instances and entities that have messages, the longest waiting first. */
  instancesWithMessages(): readonly string[];
  /**
   * Writes an episode. Timers of an instance that has ended go with it.
   *
   * @returns who has got a message, each once; undefined, and nothing is written, when the instance was purged or replaced
   *   meanwhile
   * @throws when the history is not as long as the episode says; nothing is written
   */
  commitEpisode(commit: EpisodeCommit): readonly string[] | undefined;
  /**
   * Writes a batch of operations.
   *
   * @returns who has got a message, each once; undefined, and nothing is written, when the entity was purged meanwhile
   */
  commitBatch(commit: BatchCommit): readonly string[] | undefined;
  /**
   * Writes instances anew, each with its whole history.
   *
   * @returns who has got a message, each once
   */
  rewind(rewound: readonly Rewound[]): readonly string[];

  /** Unfinished activities after the given one, oldest first; those in flight too, because only their end is stored. */
  readActivities(afterSeq: number, limit: number): readonly ActivityTask[];
  /** Ends an activity and sends its event; false when it had ended before or nobody waits for it any more. */
  completeActivity(task: ActivityTask, event: HistoryEvent, dueAtMs?: number): boolean;

  /** The instant of the earliest delivery that waits, past or future, in milliseconds since 1970. */
  nextDueAtMs(): number | undefined;
  /**
   * Delivers whatever is due, the earliest first; of what is due at the same instant, the first sent comes first. Writes
   * nothing when nothing is due.
   *
   * @returns who has got a message, each once
   */
  deliverDue(nowMs: number): readonly string[];

  close(): void;
}

/** How many records a page of a list has, unless the filter says. */
export const DEFAULT_PAGE_SIZE = 100;

/** Statuses of instances that take no more messages. */
export const FINISHED_STATUSES = ['Completed', 'Failed', 'Canceled', 'Terminated'] as const;

/** Whether the instance has ended. */
export function isFinished({ runtimeStatus }: Pick<InstanceRecord, 'runtimeStatus'>): boolean {
  return FINISHED_STATUSES.some(status => status === runtimeStatus);
}
