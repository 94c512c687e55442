/** One value on the wire between host and worker; exactly one member is set (the Functions host's TypedData). */
export interface RpcTypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: unknown;
}

/** What a registered function is triggered by. */
export type FunctionKind = 'orchestrator' | 'activity' | 'entity' | 'http' | 'timer' | 'other';

/** A function that the app has registered. */
export interface FunctionInfo {
  readonly name: string;
  readonly kind: FunctionKind;
  /** The function's bindings as registered: binding name → binding JSON. */
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What an orchestrator's library waits for, under the id that it gave. */
export interface ExecutorTask {
  readonly id: number;
  readonly kind: 'activity' | 'child' | 'timer' | 'http' | 'entity' | 'other';
  /** Of the activity or sub-orchestrator; `@name@key` of an entity; absent for timers and HTTP calls. */
  readonly name?: string;
  /** Place of its action in the answer's list: actions other than compounds, counted from 0, depth first. */
  readonly place?: number;
}

/**
 * The bookkeeping of the orchestrator's library after an episode. Its answer carries no ids, so this travels beside it: the
 * host compares it with its own ids and reports where the two have parted.
 */
export interface ExecutorView {
  /** How many ids it has given. */
  readonly sequenceNumber: number;
  readonly openTasks: readonly ExecutorTask[];
  /** Ids of completions that arrived for no task it knows; the next task that gets such an id is handed the wrong result. */
  readonly parkedIds: readonly number[];
  /** Actions that stand more than once in its list, as one object: tasks that are sent again. Places, as {@link ExecutorTask}. */
  readonly repeatedActions: readonly { readonly first: number; readonly again: number }[];
  /** Names of events that it waits for. */
  readonly awaitedEvents: readonly string[];
  /** Names of events of which one went to a wait that had its event already, and overwrote it. */
  readonly swallowedEvents: readonly string[];
}

/** How a function ended by itself. A throw is data here, because it crosses a process boundary. */
export type FunctionEnd =
  | { readonly kind: 'returned'; readonly returnValue?: RpcTypedData; readonly executor?: ExecutorView }
  | { readonly kind: 'threw'; readonly message: string; readonly stack: string; readonly executor?: ExecutorView };

/** How an invocation ended. */
export type InvocationOutcome = (
  | FunctionEnd
  /** It ran longer than `functionTimeout`, and the process that ran it is gone. */
  | { readonly kind: 'timedOut'; readonly message: string }
  /** The process that ran it is gone; whether it did its work is not known. */
  | { readonly kind: 'lost'; readonly message: string }
  /** Nothing runs any more, because the host closes. */
  | { readonly kind: 'closed' }
) & {
  /** How long a worker process had it, in milliseconds; absent when it came to no end in one. */
  readonly ranMs?: number;
};

/** The seam between the engine and the code of the app, which runs in this process or in others. */
export interface Worker {
  /** Every function that the app registered. */
  readonly functions: readonly FunctionInfo[];
  /**
   * Runs one function.
   *
   * @param name - the registered name, in any case
   * @param trigger - the trigger's value
   * @param metadata - trigger metadata, for example `instanceId` of an activity
   * @throws when no function of that name is registered
   */
  invoke(
    name: string,
    trigger: RpcTypedData,
    metadata?: Readonly<Record<string, RpcTypedData>>,
  ): Promise<InvocationOutcome>;
}
