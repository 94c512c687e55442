/** The numbers by which an orchestrator's state names what it asks for. */
export const ActionType = {
  CallActivity: 0,
  CallActivityWithRetry: 1,
  CallSubOrchestrator: 2,
  CallSubOrchestratorWithRetry: 3,
  ContinueAsNew: 4,
  CreateTimer: 5,
  WaitForExternalEvent: 6,
  CallEntity: 7,
  CallHttp: 8,
  SignalEntity: 9,
  ScheduledSignalEntity: 10,
  WhenAny: 11,
  WhenAll: 12,
  LockEntities: 13,
  ReleaseEntities: 14,
} as const;

type Types = typeof ActionType;

/** When and how often a failed call is tried again; attempts count the first one. */
export interface RetryOptions {
  readonly firstRetryIntervalInMilliseconds: number;
  readonly maxNumberOfAttempts: number;
  /** Default 1. */
  readonly backoffCoefficient?: number;
  /** Default 6 days. */
  readonly maxRetryIntervalInMilliseconds?: number;
  /** Default: none. */
  readonly retryTimeoutInMilliseconds?: number;
}

/** A call of an activity; `input` is JSON text where the app gave a string, else the value. */
export type ActivityAction = { readonly functionName: string; readonly input?: unknown } & (
  | { readonly actionType: Types['CallActivity'] }
  | { readonly actionType: Types['CallActivityWithRetry']; readonly retryOptions: RetryOptions }
);

/** A call of a sub-orchestrator; without `instanceId` the child gets a name made from its id. */
export type SubOrchestratorAction = {
  readonly functionName: string;
  readonly instanceId?: string;
  readonly version?: string;
  readonly input?: unknown;
} & (
  | { readonly actionType: Types['CallSubOrchestrator'] }
  | { readonly actionType: Types['CallSubOrchestratorWithRetry']; readonly retryOptions: RetryOptions }
);

/** An operation of an entity; `instanceId` is `@name@key`, the name in lower case. */
export interface EntityAction {
  readonly actionType: Types['CallEntity' | 'SignalEntity'];
  readonly instanceId: string;
  readonly operation: string;
  readonly input?: unknown;
}

/** An HTTP request that the host makes for an orchestrator. */
export interface DurableHttpRequest {
  readonly method: string;
  readonly uri: string;
  readonly content?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tokenSource?: object;
  /** Whether an answer 202 is followed by asking its `Location` until another status comes. */
  readonly asynchronousPatternEnabled: boolean;
}

/** An HTTP call. */
export interface HttpAction {
  readonly actionType: Types['CallHttp'];
  readonly httpRequest: DurableHttpRequest;
}

/** Something that an orchestrator asked for, as it stands in its state. */
export type Action =
  | ActivityAction
  | SubOrchestratorAction
  | { readonly actionType: Types['ContinueAsNew']; readonly input?: unknown }
  | { readonly actionType: Types['CreateTimer']; readonly fireAt: string; readonly isCanceled: boolean }
  | { readonly actionType: Types['WaitForExternalEvent']; readonly externalEventName: string }
  | { readonly actionType: Types['WhenAny' | 'WhenAll']; readonly compoundActions: readonly Action[] }
  | EntityAction
  | HttpAction
  | { readonly actionType: Types['ScheduledSignalEntity' | 'LockEntities' | 'ReleaseEntities'] };

/** An action's name, for messages. */
export function actionName(action: Action): string {
  const entry = Object.entries(ActionType).find(([, type]) => type === action.actionType);
  return entry ? entry[0] : `number ${action.actionType}`;
}
