import type { EntityFilter, EntityRecord } from '../../engine/api.ts';
import { entityIdOf, parseEntityId } from '../../engine/protocol/entities.ts';
import type { HttpCall, HttpReply } from '../http/http-server.ts';
import { failure, json } from '../http/replies.ts';
import type { DurableApiServices } from './durable-api.ts';
import { CONTINUATION_HEADER, flag, instantOf, numberOf } from './durable-query.ts';
import { jsonValue } from './durable-status.ts';

/** How an empty key is written in a path. */
const EMPTY_KEY = '$';

/** The answer for `entities[/{name}[/{key}]]`: lists, reads, and sends operations. */
export function entityReply(
  services: DurableApiServices,
  call: HttpCall,
  [name, key, ...rest]: readonly string[],
): HttpReply {
  if (rest.length > 0) return { status: 404 };
  if (name === undefined || key === undefined) {
    return call.method === 'GET' ? listEntities(services, call, name) : { status: 404 };
  }
  const entityId = entityIdOf({ name, key: key === EMPTY_KEY ? '' : key });
  switch (call.method) {
    case 'GET': {
      const stateJson = services.engine.getEntity(entityId)?.stateJson ?? null;
      return stateJson === null ? { status: 404 } : json(200, jsonValue(stateJson || null));
    }
    case 'POST':
      return signal(services, call, entityId, call.url.searchParams.get('op') ?? '');
    case 'DELETE':
      return signal(services, { ...call, body: new Uint8Array() }, entityId, 'delete');
    default:
      return { status: 404 };
  }
}

function signal({ engine }: DurableApiServices, call: HttpCall, entityId: string, operation: string): HttpReply {
  const text = Buffer.from(call.body).toString('utf8');
  const isJson = call.headers['content-type']?.split(';')[0]?.trim().toLowerCase() === 'application/json';
  let inputJson: string | null = null;
  try {
    if (text !== '') inputJson = JSON.stringify(isJson ? JSON.parse(text) : text);
  } catch (error) {
    return failure(400, 'Invalid JSON content', error);
  }
  if (engine.signalEntity(entityId, operation, inputJson)) return { status: 202 };
  return failure(400, `The function '${parseEntityId(entityId)?.name}' doesn't exist or is not an entity.`);
}

function listEntities({ engine }: DurableApiServices, call: HttpCall, name: string | undefined): HttpReply {
  const lastOperationFromMs = instantOf(call, 'lastOperationTimeFrom');
  const lastOperationToMs = instantOf(call, 'lastOperationTimeTo');
  const top = numberOf(call, 'top');
  const token = call.headers[CONTINUATION_HEADER];
  const filter: EntityFilter = {
    ...(name !== undefined && { name }),
    ...(lastOperationFromMs !== undefined && { lastOperationFromMs }),
    ...(lastOperationToMs !== undefined && { lastOperationToMs }),
    ...(top !== undefined && top >= 1 && { top: Math.trunc(top) }),
    ...(token && { continuationToken: token }),
  };
  const { entities, continuationToken } = engine.listEntities(filter);
  const headers = continuationToken ? ([[CONTINUATION_HEADER, continuationToken]] as const) : [];
  const showsState = flag(call, 'fetchState', false);
  return json(
    200,
    entities.map(entity => shownEntity(entity, showsState)),
    headers,
  );
}

function shownEntity({ entityId, stateJson, lastOperationAtMs }: EntityRecord, showsState: boolean): object {
  return {
    entityId: parseEntityId(entityId),
    lastOperationTime: new Date(lastOperationAtMs).toISOString(),
    ...(showsState && { state: jsonValue(stateJson || null) }),
  };
}
