import type { HttpHandler } from '@azure/functions';
import type { RunControlMessage } from '../../src/core/capacity/messages.ts';
import { NO_PROGRESS } from '../../src/core/progress.ts';
import type { RootStatus } from '../../src/core/run-status.ts';
import type { RunRow } from '../../src/services/run-store.ts';
import { callHandler, type HandlerReply, httpRequest } from './http.ts';
import { startServer } from './http-server.ts';

/** An orchestration of the fake task hub. */
interface Instance {
  readonly runtimeStatus: string;
  readonly customStatus?: unknown;
  readonly input?: unknown;
  readonly output?: unknown;
}

/** A request to the hub, in words: `terminate run-1`, `signal gpt-4o-mini`. */
export type HubCall = `${'start' | 'terminate' | 'signal' | 'purge'} ${string}`;

/** How the hub behaves. */
export interface HubOptions {
  /** Looks at a request first; true = it is answered with HTTP 500. */
  readonly fails?: (call: HubCall) => boolean;
  /** Happens when a request has come in, before it has any effect. */
  readonly on?: (call: HubCall) => void | Promise<void>;
  /** Looks at an instance until a terminated one shows it. Default 0. */
  readonly endsAfterLooks?: number;
}

/** A task hub of instances that a test sets: it runs nothing, but starts, terminates, purges and is told. */
export async function startFakeHub({ fails, on, endsAfterLooks = 0 }: HubOptions = {}) {
  const instances = new Map<string, Instance>();
  const ending = new Map<string, number>();
  const calls: HubCall[] = [];
  const starts: unknown[] = [];
  const told: RunControlMessage[] = [];

  function look(id: string): Answer {
    const found = instances.get(id);
    const looks = ending.get(id);
    if (looks !== undefined) ending.set(id, looks - 1);
    if (looks === 0) end(id);
    const shown = instances.get(id) ?? found;
    const times = { createdTime: '2026-01-01T12:00:00Z', lastUpdatedTime: '2026-01-01T12:00:00Z' };
    return shown ? [200, { name: 'x', instanceId: id, input: null, output: null, ...times, ...shown }] : [404];
  }

  function end(id: string): void {
    ending.delete(id);
    instances.set(id, { ...instances.get(id), runtimeStatus: 'Terminated' });
  }

  function terminate(id: string): Answer {
    const found = instances.get(id);
    if (!found) return [404];
    if (!LIVE.has(found.runtimeStatus)) return [410];
    if (endsAfterLooks === 0) end(id);
    else if (!ending.has(id)) ending.set(id, endsAfterLooks);
    return [202];
  }

  function start(id: string, input: unknown): Answer {
    if (LIVE.has(instances.get(id)?.runtimeStatus ?? '')) return [409];
    starts.push(input);
    instances.set(id, { runtimeStatus: 'Pending', input });
    return [202, { id }];
  }

  async function act(method: string, path: string, body: string): Promise<Answer> {
    const { pathname } = new URL(path, 'http://hub');
    const [kind = '', name = '', last = ''] = pathname.slice(1).split('/').map(decodeURIComponent);
    if (method === 'GET') return look(name);
    const target = kind === 'entities' ? last : kind === 'orchestrators' ? last : name;
    const verb =
      kind === 'entities' ? 'signal' : kind === 'orchestrators' ? 'start' : method === 'DELETE' ? 'purge' : 'terminate';
    const call: HubCall = `${verb} ${target}`;
    calls.push(call);
    await on?.(call);
    if (fails?.(call)) return [500];
    if (verb === 'start') return start(target, JSON.parse(body));
    if (verb === 'terminate') return terminate(target);
    if (verb === 'purge') return instances.delete(target) ? [200, { instancesDeleted: 1 }] : [404];
    told.push(JSON.parse(body));
    return [202];
  }

  const server = await startServer((response, { method = '', url = '' }) => {
    const { body = '' } = server.received.at(-1) ?? {};
    act(method, url, body).then(([status, answer = {}]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
    });
  });

  return {
    instances,
    /** All requests but looks, in order. */
    calls,
    /** Inputs of orchestrations that were started. */
    starts,
    /** What the capacity entity was told. */
    told,
    /** Sets the root of a run, and as many streams as it says it has. */
    set(row: RunRow, runtimeStatus: string, live: Partial<RootStatus> | null = {}, streamStatus = runtimeStatus): void {
      const customStatus = live && { phase: 'analyzing', total: 60, units: 60, streams: 2, kept: NO_PROGRESS, ...live };
      const input = { runId: row.runId, attempt: row.attempt };
      instances.set(row.runId, { runtimeStatus, customStatus, input });
      for (let stream = 0; stream < (customStatus?.streams ?? 0); stream += 1) {
        instances.set(`${row.runId}:${row.attempt}:${stream}`, { runtimeStatus: streamStatus });
      }
    },
    statusOf: (id: string) => instances.get(id)?.runtimeStatus ?? null,
    /** Calls a handler whose durable client is one of this hub. */
    send(
      handler: HttpHandler,
      method: 'POST' | 'DELETE',
      params: { runId: string; action?: string },
      { query = {}, body = '' }: { query?: Record<string, string>; body?: string | object } = {},
    ): Promise<HandlerReply> {
      const url = `https://app.example/api/runs/${params.runId}${params.action ? `/${params.action}` : ''}`;
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const given = text === '' ? {} : { body: { string: text } };
      const request = httpRequest({ method, url, params: { ...params }, query, ...given });
      return callHandler(handler, request, [], `${server.url}/`);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

type Answer = readonly [status: number, body?: unknown];

const LIVE = new Set(['Pending', 'Running', 'ContinuedAsNew', 'Suspended']);
