import {
  type ControlResult,
  type Engine,
  type EntityRecord,
  type InstanceRecord,
  StartRefusedError,
} from '../../local/engine/api.ts';
import type { HistoryEvent } from '../../local/engine/protocol/history.ts';

/** One call that the engine got, with its arguments. */
export type EngineCall = readonly [method: string, ...args: readonly unknown[]];

/** An instance record with defaults. */
export function instanceRecord(given: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    instanceId: 'i1',
    name: 'hello',
    version: '',
    runtimeStatus: 'Running',
    inputJson: '{"n":1}',
    outputJson: null,
    customStatusJson: null,
    parentInstanceId: null,
    createdAtMs: Date.UTC(2026, 0, 1, 0, 0, 0, 999),
    lastUpdatedAtMs: Date.UTC(2026, 0, 1, 0, 1, 2),
    ...given,
  };
}

/**
 * An engine of records that a test sets; it runs nothing. Starting `unknown` is refused, as is an id that is running;
 * control requests answer by the record's status, and a suspended instance cannot be suspended again.
 */
export function createFakeEngine(history: readonly HistoryEvent[] = []) {
  const records = new Map<string, InstanceRecord>();
  const entities = new Map<string, EntityRecord>();
  const calls: EngineCall[] = [];
  const control =
    (method: string) =>
    (instanceId: string, ...args: readonly string[]): ControlResult => {
      calls.push([method, instanceId, ...args]);
      const status = records.get(instanceId)?.runtimeStatus;
      if (!status) return 'not_found';
      if (status === 'Completed') return 'finished';
      return method === 'suspend' && status === 'Suspended' ? 'wrong_state' : 'accepted';
    };
  const engine: Engine = {
    startInstance(request) {
      calls.push(['startInstance', request]);
      const { name, instanceId = 'f'.repeat(32), inputJson } = request;
      if (name === 'unknown') throw new StartRefusedError('unknown_function', 'The function unknown does not exist.');
      if (instanceId.startsWith('@')) throw new StartRefusedError('bad_instance_id', 'An id must not start with @.');
      if (records.get(instanceId)?.runtimeStatus === 'Running') {
        throw new StartRefusedError('already_running', `Instance ${instanceId} is running.`);
      }
      records.set(instanceId, instanceRecord({ instanceId, name, inputJson, runtimeStatus: 'Pending' }));
      return { instanceId };
    },
    getInstance: instanceId => records.get(instanceId),
    getHistory: () => history,
    listInstances(filter) {
      calls.push(['listInstances', filter]);
      return {
        instances: [...records.values()],
        ...(filter.continuationToken !== 'last' && { continuationToken: 'last' }),
      };
    },
    raiseEvent: control('raiseEvent'),
    terminate: control('terminate'),
    suspend: control('suspend'),
    resume: control('resume'),
    rewind: control('rewind'),
    restart(instanceId, keepsId) {
      calls.push(['restart', instanceId, String(keepsId)]);
      return records.has(instanceId) ? { instanceId: keepsId ? instanceId : 'f'.repeat(32) } : undefined;
    },
    purge: instanceId => records.delete(instanceId),
    purgeFinished(filter) {
      calls.push(['purgeFinished', filter]);
      return records.size;
    },
    getEntity: entityId => entities.get(entityId),
    listEntities(filter) {
      calls.push(['listEntities', filter]);
      return {
        entities: [...entities.values()],
        ...(filter.continuationToken !== 'last' && { continuationToken: 'last' }),
      };
    },
    signalEntity(entityId, operation, inputJson) {
      calls.push(['signalEntity', entityId, operation, inputJson ?? 'null']);
      return entityId.startsWith('@counter@');
    },
    start: () => {},
    stop: async () => {},
  };
  return {
    engine,
    calls,
    set: (given: Partial<InstanceRecord>) => {
      const record = instanceRecord(given);
      records.set(record.instanceId, record);
    },
    setEntity: (record: EntityRecord) => void entities.set(record.entityId, record),
  };
}
