import type { InstanceFilter, RuntimeStatus } from '../../engine/api.ts';
import type { HttpCall } from '../http/http-server.ts';
import { MANAGEMENT_PATH, RPC_PATH } from './durable-client.ts';
import type { StatusView } from './durable-status.ts';

/** The header that pages a list, in the request and in the reply. */
export const CONTINUATION_HEADER = 'x-ms-continuation-token';

const STATUSES: ReadonlySet<string> = new Set<RuntimeStatus>([
  'Running',
  'Completed',
  'ContinuedAsNew',
  'Failed',
  'Canceled',
  'Terminated',
  'Pending',
  'Suspended',
]);

/** A true/false of the query; anything else counts as absent. */
export function flag({ url }: HttpCall, name: string, fallback: boolean): boolean {
  const text = url.searchParams.get(name)?.toLowerCase();
  return text === 'true' || (text !== 'false' && fallback);
}

/** A number of the query; what is not a number counts as absent, as in the real API. */
export function numberOf({ url }: HttpCall, name: string): number | undefined {
  const text = url.searchParams.get(name);
  const value = Number(text);
  return text && Number.isFinite(value) ? value : undefined;
}

/** An instant of the query, in milliseconds since 1970; what is none counts as absent. */
export function instantOf({ url }: HttpCall, name: string): number | undefined {
  const instantMs = Date.parse(url.searchParams.get(name) ?? '');
  return Number.isNaN(instantMs) ? undefined : instantMs;
}

/** Which parts of a status the request wants: input unless refused, history only when asked for. */
export function viewOf(call: HttpCall): StatusView {
  return {
    showInput: flag(call, 'showInput', true),
    showHistory: flag(call, 'showHistory', false),
    showHistoryOutput: flag(call, 'showHistoryOutput', false),
  };
}

/** The filter of a list request; what cannot be read narrows nothing, as in the real API. */
export function filterOf(call: HttpCall): InstanceFilter {
  const { searchParams } = call.url;
  const instanceIdPrefix = searchParams.get('instanceIdPrefix');
  const createdFromMs = instantOf(call, 'createdTimeFrom');
  const createdToMs = instantOf(call, 'createdTimeTo');
  const names = searchParams.getAll('runtimeStatus').flatMap(text => text.split(','));
  const runtimeStatus = names.filter((name): name is RuntimeStatus => STATUSES.has(name));
  const top = numberOf(call, 'top');
  const continuationToken = call.headers[CONTINUATION_HEADER];
  return {
    ...(instanceIdPrefix && { instanceIdPrefix }),
    ...(createdFromMs !== undefined && { createdFromMs }),
    ...(createdToMs !== undefined && { createdToMs }),
    ...(runtimeStatus.length > 0 && { runtimeStatus }),
    ...(top !== undefined && top >= 1 && { top: Math.trunc(top) }),
    ...(continuationToken && { continuationToken }),
  };
}

/** The path's segments behind the API's root, decoded; undefined when the path lies elsewhere. */
export function segmentsOf({ url: { pathname } }: HttpCall): string[] | undefined {
  const root = [MANAGEMENT_PATH, RPC_PATH].find(path => `${pathname.toLowerCase()}/`.startsWith(`${path}/`));
  if (!root) return undefined;
  try {
    return pathname.slice(root.length).split('/').filter(Boolean).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
