import type { HistoryEvent } from './protocol/history.ts';

/** Runtime status of an instance, by the names of the Durable management API. */
export type RuntimeStatus =
  | 'Running'
  | 'Completed'
  | 'ContinuedAsNew'
  | 'Failed'
  | 'Canceled'
  | 'Terminated'
  | 'Pending'
  | 'Suspended';

/** One orchestration instance as the management API shows it. The JSON members hold stored text, unparsed. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly name: string;
  readonly version: string;
  readonly runtimeStatus: RuntimeStatus;
  readonly inputJson: string | null;
  readonly outputJson: string | null;
  readonly customStatusJson: string | null;
  readonly parentInstanceId: string | null;
  readonly createdAtMs: number;
  readonly lastUpdatedAtMs: number;
}

/** Which instances to list; every member narrows. */
export interface InstanceFilter {
  readonly instanceIdPrefix?: string;
  readonly createdFromMs?: number;
  readonly createdToMs?: number;
  readonly runtimeStatus?: readonly RuntimeStatus[];
  /** Page size. Default 100. */
  readonly top?: number;
  /** As returned with the page before. */
  readonly continuationToken?: string;
}

/** An entity as the management API shows it. */
export interface EntityRecord {
  /** `@name@key`, the name in lower case. */
  readonly entityId: string;
  /** JSON text; null = it does not exist (any more). */
  readonly stateJson: string | null;
  readonly lastOperationAtMs: number;
}

/** Which entities to list; every member narrows. */
export interface EntityFilter {
  /** In any case. */
  readonly name?: string;
  readonly lastOperationFromMs?: number;
  readonly lastOperationToMs?: number;
  /** Page size. Default 100. */
  readonly top?: number;
  /** As returned with the page before. */
  readonly continuationToken?: string;
}

/** What a control request came to. */
export type ControlResult = 'accepted' | 'not_found' | 'finished' | 'wrong_state';

/** The durable engine as the host's management API uses it. */
export interface Engine {
  /**
   * Creates an instance; it runs at the next round.
   *
   * @throws {StartRefusedError} `unknown_function`, `bad_instance_id` (see `message`) or `already_running`
   */
  startInstance(request: {
    readonly name: string;
    readonly instanceId?: string;
    readonly version?: string;
    /** JSON text, kept as sent. */
    readonly inputJson: string;
  }): { readonly instanceId: string };
  getInstance(instanceId: string): InstanceRecord | undefined;
  /** Every event of the current generation, oldest first. */
  getHistory(instanceId: string): readonly HistoryEvent[];
  listInstances(filter: InstanceFilter): {
    readonly instances: readonly InstanceRecord[];
    readonly continuationToken?: string;
  };
  raiseEvent(instanceId: string, name: string, inputJson: string): ControlResult;
  terminate(instanceId: string, reason: string): ControlResult;
  suspend(instanceId: string, reason: string): ControlResult;
  resume(instanceId: string, reason: string): ControlResult;
  /**
   * Puts a failed instance back to before its failure, with every failed child that it waits for, and runs it on: what had
   * succeeded stays done, what had failed is done again.
   */
  rewind(instanceId: string, reason: string): ControlResult;
  /**
   * Starts an instance anew with the name and input of a former one.
   *
   * @param keepsId - true: in the place of the former one; false: under a new id
   * @returns undefined when there is no such instance
   * @throws {StartRefusedError} as `startInstance`
   */
  restart(instanceId: string, keepsId: boolean): { readonly instanceId: string } | undefined;
  /** Deletes an instance with its history, or an entity (`@name@key`), in any state. */
  purge(instanceId: string): boolean;
  /**
   * Deletes the finished instances that the filter admits.
   *
   * @returns how many
   */
  purgeFinished(filter: Pick<InstanceFilter, 'createdFromMs' | 'createdToMs' | 'runtimeStatus'>): number;
  getEntity(entityId: string): EntityRecord | undefined;
  listEntities(filter: EntityFilter): {
    readonly entities: readonly EntityRecord[];
    readonly continuationToken?: string;
  };
  /**
   * Sends an operation to an entity without waiting for it.
   *
   * @param entityId - `@name@key`
   * @param inputJson - JSON text; null = none
   * @returns false when the app registers no entity of that name
   */
  signalEntity(entityId: string, operation: string, inputJson: string | null): boolean;
  /** Starts the pump: work runs as it becomes due until `stop`. */
  start(): void;
  /** Ends the pump after the work in flight has ended. */
  stop(): Promise<void>;
}

/** A start that the engine refuses. */
export class StartRefusedError extends Error {
  readonly code: 'unknown_function' | 'bad_instance_id' | 'already_running';
  constructor(code: StartRefusedError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
