import type { ControlResult, Engine, InstanceRecord, RuntimeStatus } from '../engine/api.ts';
import { entityIdOf } from '../engine/protocol/entities.ts';
import type { HistoryEvent } from '../engine/protocol/history.ts';
import { jsonValue } from '../host/durable/durable-status.ts';

/** An instance as a client sees it. What is stored as JSON is parsed; a failure's output is its text. */
export interface InstanceStatus {
  readonly instanceId: string;
  readonly name: string;
  readonly runtimeStatus: RuntimeStatus;
  readonly input: unknown;
  /** Null = none. */
  readonly output: unknown;
  /** As the last episode set it; null = it set none. */
  readonly customStatus: unknown;
  /** Milliseconds since 1970, as all instants here. */
  readonly createdAtMs: number;
  /** Of an instance that has ended: when it did. */
  readonly lastUpdatedAtMs: number;
}

/** What a client can ask of a test hub. Requests take effect when time next goes on, at the earliest by `tick`. */
export interface HubClient {
  /**
   * Starts an orchestration.
   *
   * @param input - default null
   * @param options.instanceId - default: a new one
   * @returns the instance's id
   * @throws {StartRefusedError} when no orchestrator has that name, or the id is bad or belongs to a running instance
   */
  start(name: string, input?: unknown, options?: { readonly instanceId?: string }): string;
  /**
   * Sends an event to an instance.
   *
   * @param data - default null
   * @throws when there is no such instance, or it has ended
   */
  raiseEvent(instanceId: string, eventName: string, data?: unknown): void;
  /** @throws when there is no such instance, or it has ended */
  terminate(instanceId: string, reason?: string): void;
  /** @throws when there is no such instance, or it has ended or is suspended */
  suspend(instanceId: string, reason?: string): void;
  /** @throws when there is no such instance, or it is not suspended */
  resume(instanceId: string, reason?: string): void;
  /**
   * Puts a failed instance back to before its failure; what has succeeded stays done.
   *
   * @throws when there is no such instance, or it has not failed
   */
  rewind(instanceId: string, reason?: string): void;
  /**
   * Deletes an instance, in any state.
   *
   * @returns whether there was one
   */
  purge(instanceId: string): boolean;
  /** The status of an instance; undefined when there is none of that id. */
  status(instanceId: string): InstanceStatus | undefined;
  /** The status of every instance, sub-orchestrations too. */
  list(): readonly InstanceStatus[];
  /** The events of the instance's current generation, oldest first. */
  history(instanceId: string): readonly HistoryEvent[];
  /**
   * Sends an operation to an entity.
   *
   * @throws when no entity has that name
   */
  signalEntity(name: string, key: string, operation: string, input?: unknown): void;
  /** The state of an entity; undefined when it does not exist. */
  entity(name: string, key: string): unknown;
}

function toStatus(record: InstanceRecord): InstanceStatus {
  const { instanceId, name, runtimeStatus, createdAtMs, lastUpdatedAtMs } = record;
  return {
    instanceId,
    name,
    runtimeStatus,
    input: jsonValue(record.inputJson),
    output: jsonValue(record.outputJson),
    customStatus: jsonValue(record.customStatusJson),
    createdAtMs,
    lastUpdatedAtMs,
  };
}

const toJson = (value: unknown): string => JSON.stringify(value ?? null);

/** Makes the client's side of a hub. */
export function createHubClient(engine: Engine): HubClient {
  /** @throws when the engine has refused */
  function mustBeAccepted(result: ControlResult, what: string, instanceId: string): void {
    if (result === 'accepted') return;
    const status = engine.getInstance(instanceId)?.runtimeStatus;
    throw new Error(`Cannot ${what} instance "${instanceId}": ${status ? `it is ${status}` : 'there is none'}`);
  }

  return {
    start: (name, input, options = {}) =>
      engine.startInstance({ name, inputJson: toJson(input), ...options }).instanceId,
    raiseEvent: (instanceId, eventName, data) =>
      mustBeAccepted(engine.raiseEvent(instanceId, eventName, toJson(data)), 'raise an event at', instanceId),
    terminate: (instanceId, reason = '') =>
      mustBeAccepted(engine.terminate(instanceId, reason), 'terminate', instanceId),
    suspend: (instanceId, reason = '') => mustBeAccepted(engine.suspend(instanceId, reason), 'suspend', instanceId),
    resume: (instanceId, reason = '') => mustBeAccepted(engine.resume(instanceId, reason), 'resume', instanceId),
    rewind: (instanceId, reason = '') => mustBeAccepted(engine.rewind(instanceId, reason), 'rewind', instanceId),
    purge: instanceId => engine.purge(instanceId),
    status(instanceId) {
      const record = engine.getInstance(instanceId);
      return record && toStatus(record);
    },
    list() {
      const all: InstanceStatus[] = [];
      let token: string | undefined;
      do {
        const page = engine.listInstances(token === undefined ? {} : { continuationToken: token });
        all.push(...page.instances.map(toStatus));
        token = page.continuationToken;
      } while (token !== undefined);
      return all;
    },
    history: instanceId => engine.getHistory(instanceId),
    signalEntity(name, key, operation, input) {
      const inputJson = input === undefined ? null : toJson(input);
      if (!engine.signalEntity(entityIdOf({ name, key }), operation, inputJson))
        throw new Error(`Cannot signal entity "${name}": the app registers none of that name`);
    },
    entity(name, key) {
      const stateJson = engine.getEntity(entityIdOf({ name, key }))?.stateJson ?? null;
      return stateJson === null ? undefined : jsonValue(stateJson);
    },
  };
}
