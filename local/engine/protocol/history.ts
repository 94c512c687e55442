/** The engine's event numbers, as they stand in histories. */
export const EventType = {
  ExecutionStarted: 0,
  ExecutionCompleted: 1,
  ExecutionTerminated: 3,
  TaskScheduled: 4,
  TaskCompleted: 5,
  TaskFailed: 6,
  SubOrchestrationInstanceCreated: 7,
  SubOrchestrationInstanceCompleted: 8,
  SubOrchestrationInstanceFailed: 9,
  TimerCreated: 10,
  TimerFired: 11,
  OrchestratorStarted: 12,
  OrchestratorCompleted: 13,
  EventSent: 14,
  EventRaised: 15,
  ContinueAsNew: 16,
  GenericEvent: 17,
  HistoryState: 18,
  ExecutionSuspended: 19,
  ExecutionResumed: 20,
} as const;

type Types = typeof EventType;

/** Members that every event has; `Timestamp` is ISO 8601, UTC; `EventId` is -1 unless the orchestrator scheduled the event. */
interface EventBase {
  readonly EventId: number;
  readonly IsPlayed: boolean;
  readonly Timestamp: string;
}

type Event<Type extends number, Fields = object> = EventBase & { readonly EventType: Type } & Readonly<Fields>;

/** Which instance, and which generation of it: continue-as-new gives a new `ExecutionId` (32 hex digits). */
export interface OrchestrationInstance {
  readonly InstanceId: string;
  readonly ExecutionId: string;
}

/** Who started a sub-orchestration, and under which id it waits. */
export interface ParentInstance {
  readonly Name: string;
  readonly OrchestrationInstance: OrchestrationInstance;
  readonly TaskScheduleId: number;
  readonly Version: string;
}

/** First event of an execution; `Input` is JSON text. */
export type ExecutionStarted = Event<
  Types['ExecutionStarted'],
  {
    Name: string;
    Version: string;
    Input: string | null;
    OrchestrationInstance: OrchestrationInstance;
    ParentInstance: ParentInstance | null;
    Tags: null;
  }
>;

/** A failed task; v3 reads the error's message from `Reason` and `Details`, and cannot read a `Details` of null. */
interface Failure {
  readonly TaskScheduledId: number;
  readonly Reason: string;
  readonly Details: string | null;
}

/** A finished task; `Result` is JSON text. */
interface Completion {
  readonly TaskScheduledId: number;
  readonly Result: string | null;
}

/** One event of an orchestration's history, in the spelling of the classic out-of-process protocol. */
export type HistoryEvent =
  | ExecutionStarted
  /** `OrchestrationStatus` is the status' name. */
  | Event<
      Types['ExecutionCompleted'],
      { OrchestrationStatus: 'Completed' | 'Failed' | 'Terminated'; Result: string | null; Details: string | null }
    >
  | Event<Types['ExecutionTerminated'], { Input: string }>
  /** `Input` is JSON text; null unless the host stores inputs. */
  | Event<Types['TaskScheduled'], { Name: string; Version: string; Input: string | null }>
  | Event<Types['TaskCompleted'], Completion>
  | Event<Types['TaskFailed'], Failure>
  | Event<
      Types['SubOrchestrationInstanceCreated'],
      { Name: string; Version: string; InstanceId: string; Input: string | null }
    >
  | Event<Types['SubOrchestrationInstanceCompleted'], Completion>
  | Event<Types['SubOrchestrationInstanceFailed'], Failure>
  | Event<Types['TimerCreated'], { FireAt: string }>
  | Event<Types['TimerFired'], { TimerId: number; FireAt: string }>
  | Event<Types['OrchestratorStarted']>
  | Event<Types['OrchestratorCompleted']>
  /** `Input` is JSON text: for an entity, its request. */
  | Event<Types['EventSent'], { Name: string; InstanceId: string; Input: string }>
  /** `Input` is JSON text; an entity's answer has the request's id as its name. */
  | Event<Types['EventRaised'], { Name: string; Input: string }>
  /** What a rewind has put in the place of a failure. */
  | Event<Types['GenericEvent'], { Reason: string }>
  | Event<Types['ExecutionSuspended'], { Reason: string }>
  | Event<Types['ExecutionResumed'], { Reason: string }>;

/**
 * The members that all events share, for an event that has not been played.
 *
 * @param timestampMs - milliseconds since 1970
 * @param eventId - the id that the orchestrator gave; default -1 = none
 */
export function eventBase(timestampMs: number, eventId = -1): EventBase {
  return { EventId: eventId, IsPlayed: false, Timestamp: new Date(timestampMs).toISOString() };
}
