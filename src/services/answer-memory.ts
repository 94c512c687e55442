import { LRUCache } from 'lru-cache';

/** Answers that this process keeps in memory for a while, by fingerprint: the fast level of the cache. */
export interface AnswerMemory {
  /** The answer, a fresh copy each time; undefined where there is none any more. */
  recall(fingerprint: string): unknown;
  /** Keeps a checked answer; the one used least lately gives way. One that is too large is not kept. */
  remember(fingerprint: string, answer: unknown): void;
  clear(): void;
}

const BYTES_PER_CHARACTER = 2;
/** What an entry takes beside its texts, roughly. */
const ENTRY_BYTES = 200;
/** How often in their time answers that are past it are let go, beside those that are asked for. */
const PURGES = 10;

/**
 * A memory of at most `maxBytes`.
 *
 * @param options.ttlMs - how long an answer is kept, in milliseconds; 0 = nothing is kept
 */
export function createAnswerMemory(options: {
  readonly maxBytes: number;
  readonly ttlMs: number;
  readonly nowMs: () => number;
}): AnswerMemory {
  const { maxBytes, ttlMs, nowMs } = options;
  if (ttlMs === 0) return { recall: () => undefined, remember: () => {}, clear: () => {} };
  const texts = new LRUCache<string, string>({
    maxSize: maxBytes,
    sizeCalculation: (text, fingerprint) => ENTRY_BYTES + BYTES_PER_CHARACTER * (text.length + fingerprint.length),
    ttl: ttlMs,
    // The clock is asked each time: tests move it.
    ttlResolution: 0,
    perf: { now: nowMs },
  });
  let purgeAtMs = nowMs() + ttlMs / PURGES;
  function purge(): void {
    if (nowMs() < purgeAtMs) return;
    texts.purgeStale();
    purgeAtMs = nowMs() + ttlMs / PURGES;
  }
  return {
    recall(fingerprint) {
      const text = texts.get(fingerprint);
      return text === undefined ? undefined : JSON.parse(text);
    },
    remember(fingerprint, answer) {
      purge();
      texts.set(fingerprint, JSON.stringify(answer));
    },
    clear: () => texts.clear(),
  };
}
