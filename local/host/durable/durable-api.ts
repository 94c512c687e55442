import type { ControlResult, Engine, RuntimeStatus } from '../../engine/api.ts';
import { StartRefusedError } from '../../engine/api.ts';
import type { Clock } from '../../engine/clock.ts';
import type { HttpCall, HttpHandler, HttpReply } from '../http/http-server.ts';
import { failure, json } from '../http/replies.ts';
import { managementLinks } from './durable-client.ts';
import { CONTINUATION_HEADER, filterOf, flag, numberOf, segmentsOf, viewOf } from './durable-query.ts';
import { jsonValue, statusBody } from './durable-status.ts';
import { entityReply } from './entity-routes.ts';

/** What the API works with. */
export interface DurableApiServices {
  readonly engine: Engine;
  /** The task hub, as links name it. */
  readonly hubName: string;
  /** By which a start with `timeout` waits. */
  readonly clock: Clock;
  /** Aborted when the host closes: waits then end as if their time were up. */
  readonly closing: AbortSignal;
}

const FINISHED: ReadonlySet<RuntimeStatus> = new Set<RuntimeStatus>(['Completed', 'Failed', 'Canceled', 'Terminated']);

const CONTROL_STATUS = { accepted: 202, not_found: 404, finished: 410 } as const;

function controlReply(engine: Engine, result: ControlResult, operation: string, instanceId: string): HttpReply {
  if (result !== 'wrong_state') return { status: CONTROL_STATUS[result] };
  const state = engine.getInstance(instanceId)?.runtimeStatus;
  return failure(500, `Cannot ${operation} instance '${instanceId}' in the state '${state}'.`);
}

function startedReply({ hubName }: DurableApiServices, call: HttpCall, instanceId: string): HttpReply {
  const { rewindPostUri: _, ...links } = managementLinks(call.url.origin, hubName, instanceId);
  return json(202, links, [
    ['Location', links.statusQueryGetUri],
    ['Retry-After', '10'],
  ]);
}

function getStatus({ engine }: DurableApiServices, call: HttpCall, instanceId: string): HttpReply {
  const record = engine.getInstance(instanceId);
  if (!record) return { status: 404 };
  const view = viewOf(call);
  const hasHistory = view.showHistory && record.runtimeStatus !== 'Pending';
  const history = hasHistory ? engine.getHistory(instanceId).map(event => ({ ...event })) : undefined;
  const body = statusBody(record, view, history);
  if (!FINISHED.has(record.runtimeStatus)) {
    return json(202, body, [
      ['Location', call.url.href],
      ['Retry-After', '5'],
    ]);
  }
  const isServerError = record.runtimeStatus === 'Failed' && flag(call, 'returnInternalServerErrorOnFailure', false);
  return json(isServerError ? 500 : 200, body);
}

/** Looks every `pollMs` until the instance has ended or the time is up. */
async function waitForEnd(
  services: DurableApiServices,
  call: HttpCall,
  instanceId: string,
  timeoutMs: number,
  pollMs: number,
): Promise<HttpReply> {
  const { engine, clock, closing } = services;
  const deadlineMs = clock.nowMs() + timeoutMs;
  for (;;) {
    const record = engine.getInstance(instanceId);
    if (record?.runtimeStatus === 'Completed') return json(200, jsonValue(record.outputJson));
    if (record && FINISHED.has(record.runtimeStatus)) return getStatus(services, call, instanceId);
    const nowMs = clock.nowMs();
    if (nowMs >= deadlineMs || closing.aborted) return startedReply(services, call, instanceId);
    await new Promise<void>(resolve => {
      const wake = () => {
        withdraw();
        closing.removeEventListener('abort', wake);
        resolve();
      };
      const withdraw = clock.callAt(Math.min(nowMs + pollMs, deadlineMs), wake);
      closing.addEventListener('abort', wake);
    });
  }
}

async function start(
  services: DurableApiServices,
  call: HttpCall,
  name: string,
  instanceId?: string,
): Promise<HttpReply> {
  const { engine } = services;
  const text = Buffer.from(call.body).toString('utf8');
  const version = call.url.searchParams.get('version');
  const inputJson = text === '' ? 'null' : text;
  try {
    JSON.parse(inputJson);
  } catch (error) {
    return failure(400, 'Invalid JSON content', error);
  }
  const started = engine.startInstance({
    name,
    inputJson,
    ...(instanceId && { instanceId }),
    ...(version && { version }),
  });
  const timeoutS = numberOf(call, 'timeout');
  const pollS = numberOf(call, 'pollingInterval');
  if (timeoutS === undefined || pollS === undefined) return startedReply(services, call, started.instanceId);
  return await waitForEnd(services, call, started.instanceId, timeoutS * 1000, Math.max(pollS * 1000, 1));
}

function list({ engine }: DurableApiServices, call: HttpCall): HttpReply {
  const view = { ...viewOf(call), showHistory: false };
  const { instances, continuationToken } = engine.listInstances(filterOf(call));
  const headers = continuationToken ? ([[CONTINUATION_HEADER, continuationToken]] as const) : [];
  return json(
    200,
    instances.map(record => statusBody(record, view)),
    headers,
  );
}

function raiseEvent({ engine }: DurableApiServices, call: HttpCall, instanceId: string, eventName: string): HttpReply {
  const record = engine.getInstance(instanceId);
  if (!record) return { status: 404 };
  if (FINISHED.has(record.runtimeStatus)) return { status: 410 };
  const mediaType = call.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') return failure(400, 'Only application/json request content is supported');
  const text = Buffer.from(call.body).toString('utf8');
  try {
    JSON.parse(text);
  } catch (error) {
    return failure(400, 'Invalid JSON content', error);
  }
  return controlReply(engine, engine.raiseEvent(instanceId, eventName, text), 'raise an event to', instanceId);
}

function postInstance(
  services: DurableApiServices,
  call: HttpCall,
  instanceId: string,
  operation: string,
  eventName?: string,
): HttpReply {
  const { engine } = services;
  const reason = call.url.searchParams.get('reason') ?? '';
  switch (operation.toLowerCase()) {
    case 'raiseevent':
      return eventName ? raiseEvent(services, call, instanceId, eventName) : { status: 404 };
    case 'terminate':
      return controlReply(engine, engine.terminate(instanceId, reason), 'terminate', instanceId);
    case 'suspend':
      return controlReply(engine, engine.suspend(instanceId, reason), 'suspend', instanceId);
    case 'resume':
      return controlReply(engine, engine.resume(instanceId, reason), 'resume', instanceId);
    case 'rewind':
      return controlReply(engine, engine.rewind(instanceId, reason), 'rewind', instanceId);
    case 'restart':
      return restart(services, call, instanceId);
    default:
      return { status: 404 };
  }
}

function restart(services: DurableApiServices, call: HttpCall, instanceId: string): HttpReply {
  const started = services.engine.restart(instanceId, !flag(call, 'restartWithNewInstanceId', true));
  if (!started) return failure(400, `An instance with the ID '${instanceId}' doesn't exist.`);
  return startedReply(services, call, started.instanceId);
}

function purgeFinished(engine: Engine, call: HttpCall): HttpReply {
  const { createdFromMs, createdToMs, runtimeStatus } = filterOf(call);
  if (createdFromMs === undefined) {
    return failure(
      400,
      'createdTimeFrom is missing or no instant: instances are deleted by filter only from an instant on',
    );
  }
  const instancesDeleted = engine.purgeFinished({
    createdFromMs,
    ...(createdToMs !== undefined && { createdToMs }),
    ...(runtimeStatus && { runtimeStatus }),
  });
  return instancesDeleted > 0 ? json(200, { instancesDeleted }) : { status: 404 };
}

function instances(
  services: DurableApiServices,
  call: HttpCall,
  [instanceId, operation, eventName]: readonly string[],
): HttpReply {
  const { engine } = services;
  if (call.method === 'GET') {
    if (instanceId === undefined) return list(services, call);
    return operation === undefined ? getStatus(services, call, instanceId) : { status: 404 };
  }
  if (call.method === 'DELETE' && operation === undefined) {
    if (instanceId === undefined) return purgeFinished(engine, call);
    return engine.purge(instanceId) ? json(200, { instancesDeleted: 1 }) : { status: 404 };
  }
  if (call.method === 'POST' && instanceId && operation)
    return postInstance(services, call, instanceId, operation, eventName);
  return { status: 404 };
}

async function route(services: DurableApiServices, call: HttpCall, segments: readonly string[]): Promise<HttpReply> {
  const [collection = '', ...rest] = segments;
  switch (collection.toLowerCase()) {
    case 'orchestrators': {
      const [name, instanceId] = rest;
      return call.method === 'POST' && name && rest.length <= 2
        ? start(services, call, name, instanceId)
        : { status: 404 };
    }
    case 'instances':
      return instances(services, call, rest);
    case 'entities':
      return entityReply(services, call, rest);
    default:
      return { status: 404 };
  }
}

/**
 * Serves the durable management API in its public and its client form; both have the same routes.
 * Keys are not asked for, as with the local tools. Links carry the origin that the request came to.
 */
export function createDurableApi(services: DurableApiServices): HttpHandler {
  return async call => {
    const segments = segmentsOf(call);
    if (!segments) return undefined;
    try {
      return await route(services, call, segments);
    } catch (error) {
      if (!(error instanceof StartRefusedError)) throw error;
      return failure(error.code === 'already_running' ? 409 : 400, error.message);
    }
  };
}
