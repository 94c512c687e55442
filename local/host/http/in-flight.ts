import type { HttpHandler, HttpReply } from './http-server.ts';

/** What a host says that takes no more work. */
export const CLOSING_REPLY: HttpReply = { status: 503, body: 'The host is closing.' };

/** A handler whose calls can be waited for. */
export interface TrackedHandler {
  readonly handler: HttpHandler;
  /** Refuses new calls by 503 and resolves when those in flight have been answered. */
  drain(): Promise<void>;
}

/** Counts the calls of a handler, so that a host that closes can let them end. */
export function trackInFlight(handler: HttpHandler): TrackedHandler {
  const inFlight = new Set<Promise<unknown>>();
  let isDraining = false;
  return {
    handler(call) {
      if (isDraining) return Promise.resolve(CLOSING_REPLY);
      const reply = handler(call);
      inFlight.add(reply);
      const forget = () => inFlight.delete(reply);
      reply.then(forget, forget);
      return reply;
    },
    async drain() {
      isDraining = true;
      await Promise.allSettled(inFlight);
    },
  };
}
