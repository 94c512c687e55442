import { createHmac, timingSafeEqual } from 'node:crypto';
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import type { DurableClient } from 'durable-functions';
import { RETRY_AFTER_SECONDS } from './responses.ts';

/** Where a run's pages are, for a caller with a key and for one without. */
export interface RunLinks {
  readonly status: string;
  readonly results: string;
  readonly report: string;
}

/** How long a link without a key works. */
const LINK_LIFE_MS = 30 * 24 * 3_600_000;

/** Links for callers that send a key, by the origin of the request. */
export function runLinks(request: HttpRequest, runId: string): RunLinks {
  const status = `${apiRoot(request)}/runs/${encodeURIComponent(runId)}`;
  return { status, results: `${status}/results`, report: `${status}/report` };
}

/**
 * The link for a poller that sends no header: read-only, for this run alone, expiring.
 *
 * @param secret - the run's own, so that no link opens another run
 */
export function signedLink(request: HttpRequest, runId: string, secret: string, nowMs: number): string {
  const expiresAtMs = nowMs + LINK_LIFE_MS;
  return `${apiRoot(request)}/links/${runId}~${expiresAtMs}~${signatureOf(runId, expiresAtMs, secret)}`;
}

/**
 * The answer to a start: 202, where to look for a caller without a key, and all else for one with a key.
 *
 * @param more - members of the body that tell of this start
 */
export function acceptedReply(
  request: HttpRequest,
  client: DurableClient,
  { runId, linkSecret }: { readonly runId: string; readonly linkSecret: string },
  more: Readonly<Record<string, unknown>>,
): HttpResponseInit {
  const management = client.createHttpManagementPayload(runId);
  return {
    status: 202,
    headers: { Location: signedLink(request, runId, linkSecret, Date.now()), 'Retry-After': RETRY_AFTER_SECONDS },
    jsonBody: { runId, ...more, links: runLinks(request, runId), management },
  };
}

/** The parts of a token, before its signature is checked; null if it is none. */
export function readToken(token: string): { runId: string; expiresAtMs: number; signature: string } | null {
  const [, runId, expires, signature] = /^([^~]+)~(\d{13})~([^~]+)$/.exec(token) ?? [];
  return runId && expires && signature ? { runId, expiresAtMs: Number(expires), signature } : null;
}

/** Whether a token is genuine and in time. */
export function isValidToken(
  { runId, expiresAtMs, signature }: { runId: string; expiresAtMs: number; signature: string },
  secret: string,
  nowMs: number,
): boolean {
  const given = Buffer.from(signature);
  const genuine = Buffer.from(signatureOf(runId, expiresAtMs, secret));
  return given.length === genuine.length && timingSafeEqual(given, genuine) && nowMs < expiresAtMs;
}

function signatureOf(runId: string, expiresAtMs: number, secret: string): string {
  return createHmac('sha256', secret).update(`${runId}~${expiresAtMs}`).digest('base64url');
}

/** Everything up to `/api`, as the caller wrote it. */
function apiRoot(request: HttpRequest): string {
  const url = new URL(request.url);
  const prefix = /^(.*?)\/(runs|links|uploads|health)(\/|$)/.exec(url.pathname)?.[1] ?? '/api';
  return `${url.origin}${prefix}`;
}
