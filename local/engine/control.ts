import { type ControlResult, type Engine, type InstanceRecord, StartRefusedError } from './api.ts';
import { EventType, eventBase, type HistoryEvent } from './protocol/history.ts';
import type { EngineServices } from './services.ts';
import { executionStarted, newId } from './step/episode-commit.ts';
import { isFinished, type StoredInstance } from './store/store.ts';

const LONGEST_INSTANCE_ID = 256;

/** The part of the engine that starts instances, looks at them and sends them messages. */
export type Control = Omit<Engine, 'start' | 'stop'>;

/**
 * Makes the management side of an engine.
 *
 * @param wake - called with each instance that has got a message
 */
export function createControl(services: EngineServices, wake: (instanceId: string) => void): Control {
  const { store, clock } = services;

  function send(instanceId: string, event: HistoryEvent, isRightState = (_: InstanceRecord) => true): ControlResult {
    const instance = store.getInstance(instanceId);
    if (!instance) return 'not_found';
    if (isFinished(instance)) return 'finished';
    if (!isRightState(instance)) return 'wrong_state';
    store.sendMessage({ instanceId, executionId: null }, event);
    wake(instanceId);
    return 'accepted';
  }

  return {
    startInstance(request) {
      const instance = newInstance(services, request);
      const start = { nowMs: instance.createdAtMs, inputJson: request.inputJson, parent: null };
      store.createInstance({ instance, startedEvent: executionStarted(instance, start) });
      wake(instance.instanceId);
      return { instanceId: instance.instanceId };
    },
    getInstance: instanceId => store.getInstance(instanceId),
    getHistory: instanceId => store.readHistory(instanceId),
    listInstances: filter => store.listInstances(filter),
    raiseEvent(instanceId, name, inputJson) {
      requireJson('Event data', inputJson);
      return send(instanceId, {
        ...eventBase(clock.nowMs()),
        EventType: EventType.EventRaised,
        Name: name,
        Input: inputJson,
      });
    },
    terminate: (instanceId, reason) =>
      send(instanceId, { ...eventBase(clock.nowMs()), EventType: EventType.ExecutionTerminated, Input: reason }),
    suspend: (instanceId, reason) =>
      send(
        instanceId,
        { ...eventBase(clock.nowMs()), EventType: EventType.ExecutionSuspended, Reason: reason },
        ({ runtimeStatus }) => runtimeStatus !== 'Suspended',
      ),
    resume: (instanceId, reason) =>
      send(
        instanceId,
        { ...eventBase(clock.nowMs()), EventType: EventType.ExecutionResumed, Reason: reason },
        ({ runtimeStatus }) => runtimeStatus === 'Suspended',
      ),
    purge: instanceId => store.purgeInstance(instanceId),
  };
}

function requireJson(what: string, json: string): void {
  try {
    JSON.parse(json);
  } catch (error) {
    throw new TypeError(`${what} is not JSON: ${json.slice(0, 80)}`, { cause: error });
  }
}

function newInstance(
  { store, worker, clock, isRegistered }: EngineServices,
  { name, instanceId, version = '', inputJson }: Parameters<Engine['startInstance']>[0],
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
  if (former && !isFinished(former)) {
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
