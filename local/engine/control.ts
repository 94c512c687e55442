import { randomUUID } from 'node:crypto';
import { type ControlResult, type Engine, type EntityRecord, type InstanceRecord, StartRefusedError } from './api.ts';
import { entityIdOf, isEntityId, parseEntityId } from './protocol/entities.ts';
import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import { rewindInstance } from './rewind.ts';
import type { EngineServices } from './services.ts';
import { requestEvent } from './step/entity-step.ts';
import { executionStarted } from './step/episode-commit.ts';
import { FINISHED_STATUSES, isFinished, type StoredInstance } from './store/store.ts';

const LONGEST_INSTANCE_ID = 256;
const PURGE_PAGE = 1_000;

/** The part of the engine that starts instances, looks at them and sends them messages. */
export type Control = Omit<Engine, 'start' | 'stop'>;

/** How the control side is joined to the rest. */
interface ControlOptions {
  /** Whether a start may take the id of an instance that has not ended. */
  readonly overridesRunning: boolean;
  /** Called with each instance or entity that has got a message. */
  wake(id: string): void;
}

/** Makes the management side of an engine. */
export function createControl(services: EngineServices, options: ControlOptions): Control {
  const { store } = services;
  return {
    ...createStarts(services, options),
    ...createMessages(services, options),
    ...createEntityControl(services, options),
    getInstance: id => (isEntityId(id) ? entityAsInstance(store.getEntity(parsedId(id))) : store.getInstance(id)),
    getHistory: instanceId => store.readHistory(instanceId),
    listInstances: filter => store.listInstances(filter),
    rewind(instanceId, reason) {
      const { result, woken } = rewindInstance(services, instanceId, reason);
      for (const id of woken) options.wake(id);
      return result;
    },
    purge: id => store.purgeInstance(parsedId(id)),
    purgeFinished: filter => purgeFinished(services, filter),
  };
}

function createStarts(services: EngineServices, { overridesRunning, wake }: ControlOptions) {
  const { store } = services;
  function startInstance(request: Parameters<Engine['startInstance']>[0]) {
    const instance = newInstance(services, request, overridesRunning);
    const start = { nowMs: instance.createdAtMs, inputJson: request.inputJson, parent: null };
    store.createInstance({ instance, startedEvent: executionStarted(instance, start) });
    wake(instance.instanceId);
    return { instanceId: instance.instanceId };
  }
  return {
    startInstance,
    restart(instanceId, keepsId) {
      const former = store.getInstance(instanceId);
      if (!former) return undefined;
      const { name, version, inputJson } = former;
      return startInstance({ name, version, inputJson: inputJson ?? 'null', ...(keepsId && { instanceId }) });
    },
  } satisfies Partial<Control>;
}

/** What is done to a running instance: it gets an event, and the next episode acts on it. */
function createMessages({ store, clock }: EngineServices, { wake }: ControlOptions) {
  function send(instanceId: string, event: HistoryEvent, isRightState = (_: InstanceRecord) => true): ControlResult {
    const instance = store.getInstance(instanceId);
    if (!instance) return 'not_found';
    if (isFinished(instance)) return 'finished';
    if (!isRightState(instance)) return 'wrong_state';
    store.sendMessage({ instanceId, executionId: null }, event);
    wake(instanceId);
    return 'accepted';
  }
  const base = () => eventBase(clock.nowMs());
  return {
    raiseEvent(instanceId, name, inputJson) {
      requireJson('Event data', inputJson);
      return send(instanceId, { ...base(), EventType: EventType.EventRaised, Name: name, Input: inputJson });
    },
    terminate: (instanceId, reason) =>
      send(instanceId, { ...base(), EventType: EventType.ExecutionTerminated, Input: reason }),
    suspend: (instanceId, reason) =>
      send(
        instanceId,
        { ...base(), EventType: EventType.ExecutionSuspended, Reason: reason },
        ({ runtimeStatus }) => runtimeStatus !== 'Suspended',
      ),
    resume: (instanceId, reason) =>
      send(
        instanceId,
        { ...base(), EventType: EventType.ExecutionResumed, Reason: reason },
        ({ runtimeStatus }) => runtimeStatus === 'Suspended',
      ),
  } satisfies Partial<Control>;
}

function createEntityControl({ store, clock, isRegistered }: EngineServices, { wake }: ControlOptions) {
  return {
    getEntity: entityId => store.getEntity(parsedId(entityId)),
    listEntities: filter => store.listEntities(filter),
    signalEntity(entityId, operation, inputJson) {
      const entity = parseEntityId(entityId);
      if (!entity || !isRegistered('entity', entity.name)) return false;
      if (inputJson !== null) requireJson('Input', inputJson);
      const input = inputJson === null ? {} : { input: inputJson };
      const request = { op: operation, signal: true, ...input, id: randomUUID() };
      const id = entityIdOf(entity);
      store.sendMessage({ instanceId: id, executionId: null }, requestEvent(request, clock.nowMs()));
      wake(id);
      return true;
    },
  } satisfies Partial<Control>;
}

/** An entity as a status request shows it: the real host keeps entities as orchestrations that never end. */
function entityAsInstance(entity: EntityRecord | undefined): InstanceRecord | undefined {
  if (!entity) return undefined;
  const { entityId, stateJson, lastOperationAtMs } = entity;
  const exists = stateJson !== null;
  return {
    instanceId: entityId,
    name: entityId,
    version: '',
    runtimeStatus: 'Running',
    inputJson: JSON.stringify({ exists, state: stateJson || null, sorter: {} }),
    outputJson: null,
    customStatusJson: JSON.stringify({ entityExists: exists }),
    parentInstanceId: null,
    createdAtMs: lastOperationAtMs,
    lastUpdatedAtMs: lastOperationAtMs,
  };
}

/** An id as it is stored: the names of entities are in lower case. */
function parsedId(id: string): string {
  const entity = parseEntityId(id);
  return entity ? entityIdOf(entity) : id;
}

function purgeFinished({ store }: EngineServices, filter: Parameters<Engine['purgeFinished']>[0]): number {
  const wanted: readonly string[] = filter.runtimeStatus ?? FINISHED_STATUSES;
  const runtimeStatus = FINISHED_STATUSES.filter(status => wanted.includes(status));
  let deleted = 0;
  while (runtimeStatus.length > 0) {
    const { instances, continuationToken } = store.listInstances({ ...filter, runtimeStatus, top: PURGE_PAGE });
    for (const { instanceId } of instances) if (store.purgeInstance(instanceId)) deleted += 1;
    if (!continuationToken) break;
  }
  return deleted;
}

function requireJson(what: string, json: string): void {
  try {
    JSON.parse(json);
  } catch (error) {
    throw new TypeError(`${what} is not JSON: ${json.slice(0, 80)}`, { cause: error });
  }
}

/** A new id of 32 hex digits. */
const newId = () => randomUUID().replaceAll('-', '');

function newInstance(
  { store, worker, clock, isRegistered }: EngineServices,
  { name, instanceId, version = '', inputJson }: Parameters<Engine['startInstance']>[0],
  overridesRunning: boolean,
): StoredInstance {
  requireJson('Input', inputJson);
  if (!isRegistered('orchestrator', name)) {
    const known = worker.functions.filter(({ kind }) => kind === 'orchestrator').map(info => info.name);
    throw new StartRefusedError(
      'unknown_function',
      `The function '${name}' doesn't exist or is not an orchestrator. Known orchestrators: ${known.join(', ') || 'none'}.`,
    );
  }
  const id = instanceId || newId();
  const flaw = flawOfId(id);
  if (flaw) throw new StartRefusedError('bad_instance_id', `Instance ID "${id.slice(0, 300)}" ${flaw}.`);
  const former = store.getInstance(id);
  if (former && !isFinished(former) && !overridesRunning) {
    throw new StartRefusedError(
      'already_running',
      `An instance with the ID '${id}' already exists and is ${former.runtimeStatus}.`,
    );
  }
  const nowMs = clock.nowMs();
  return {
    instanceId: id,
    executionId: newId(),
    name,
    version,
    runtimeStatus: 'Pending',
    inputJson,
    outputJson: null,
    customStatusJson: null,
    parentInstanceId: null,
    createdAtMs: nowMs,
    lastUpdatedAtMs: nowMs,
  };
}

function flawOfId(id: string): string | undefined {
  if (id.startsWith('@')) return 'starts with "@", which is kept for entities';
  if (id.length > LONGEST_INSTANCE_ID) return `has ${id.length} characters; allowed: 1 to ${LONGEST_INSTANCE_ID}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  if (/[/\\#?\u0000-\u001f\u007f-\u009f]/.test(id)) return 'has one of / \\ # ? or a control character';
  return undefined;
}
