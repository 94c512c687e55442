import type { HttpReply } from './http-server.ts';

/** A JSON reply. */
export function json(status: number, body: unknown, headers: readonly (readonly [string, string])[] = []): HttpReply {
  return {
    status,
    headers: [['Content-Type', 'application/json; charset=utf-8'], ...headers],
    body: JSON.stringify(body),
  };
}

/** An error in the shape of the real API; with the error that caused it, where there is one. */
export function failure(status: number, message: string, error?: unknown): HttpReply {
  if (!(error instanceof Error)) return json(status, { Message: message });
  const { message: ExceptionMessage, name: ExceptionType, stack: StackTrace } = error;
  return json(status, { Message: message, ExceptionMessage, ExceptionType, StackTrace });
}
