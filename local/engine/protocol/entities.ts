import type { FunctionEnd, RpcTypedData } from './worker.ts';

/** Name of every event that carries a request to an entity. */
export const REQUEST_EVENT = 'op';

/** A request to an entity, as it travels and as it stands in the sender's history. */
export interface EntityRequest {
  /** The operation. */
  readonly op: string;
  /** Whether nobody waits for an answer. */
  readonly signal?: boolean;
  /** JSON text. */
  readonly input?: string;
  /** A GUID; the answer is an event of this name. */
  readonly id: string;
  /** Instance and generation of the orchestrator that sent it. */
  readonly parent?: string;
  readonly parentExecution?: string;
}

/** An entity's name, in lower case, and its key. */
export interface EntityName {
  readonly name: string;
  readonly key: string;
}

/** Whether an id is an entity's, not an orchestration's. */
export const isEntityId = (id: string): boolean => id.startsWith('@');

/** The id by which an entity gets its messages. */
export const entityIdOf = ({ name, key }: EntityName): string => `@${name.toLowerCase()}@${key}`;

/** Name and key of an id such as `@counter@a`; undefined when it is none. */
export function parseEntityId(entityId: string): EntityName | undefined {
  const [, name, key] = /^@([^@]+)@(.*)$/s.exec(entityId) ?? [];
  return name === undefined || key === undefined ? undefined : { name: name.toLowerCase(), key };
}

/**
 * What an entity function is called with.
 *
 * @param stateJson - JSON text; empty = it exists without a state, null = it does not exist
 */
export function entityTrigger(
  self: EntityName,
  stateJson: string | null,
  requests: readonly EntityRequest[],
): RpcTypedData {
  const batch = requests.map(({ op, input, signal }) => ({
    name: op,
    input: input ?? null,
    isSignal: signal === true,
  }));
  return { string: JSON.stringify({ self, exists: stateJson !== null, state: stateJson || null, batch }) };
}

/** How one operation ended; `result` is JSON text. */
export interface OperationResult {
  readonly isError: boolean;
  readonly result?: string;
}

/** What a batch of operations came to. */
export interface BatchAnswer {
  /** In the order of the requests. */
  readonly results: readonly OperationResult[];
  readonly signals: readonly { readonly target: EntityName; readonly name: string; readonly input?: string }[];
  /** As in {@link entityTrigger}. */
  readonly stateJson: string | null;
}

interface EntityFunctionState {
  readonly results: readonly OperationResult[];
  readonly signals?: BatchAnswer['signals'];
  readonly entityExists?: boolean;
  readonly entityState?: string | null;
}

/**
 * Reads what an entity function answered.
 *
 * @throws when it threw, or answered something else: then none of the batch counts and it is delivered again
 */
export function readBatch(outcome: FunctionEnd): BatchAnswer {
  if (outcome.kind === 'threw') throw new Error(outcome.message);
  const state = JSON.parse(outcome.returnValue?.json ?? 'null') as EntityFunctionState | null;
  if (!Array.isArray(state?.results))
    throw new Error('The entity function did not return an entity state with results.');
  const { results, signals = [], entityExists, entityState } = state;
  return { results, signals, stateJson: entityExists ? (entityState ?? '') : null };
}
