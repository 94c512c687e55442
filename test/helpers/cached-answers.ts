import type { AnswerFamily, CachedAnswer } from '../../src/core/answer-cache.ts';
import type { AnswerCache, CacheFilter } from '../../src/services/answer-cache.ts';
import { sha256 } from '../../src/services/issue-source.ts';
import { NOON_MS } from './factories.ts';

/** The family of an analysis' answers by the deployment `d1`. */
export const FAMILY: AnswerFamily = { analysis: 'triage', version: 1, deployment: 'd1', maxCompletionTokens: 500 };
/** Whatever there is. */
export const ALL: CacheFilter = { analysis: null, deployment: null, storedBeforeMs: null };
/** What each answer took. */
export const USAGE = { promptTokens: 100, completionTokens: 10, cachedTokens: 5 };

/** The answer `{ n }` to the question of that number, bought at noon. */
export const cachedAnswer = (n: number, changes: Partial<CachedAnswer> = {}): CachedAnswer => ({
  fingerprint: sha256(String(n)),
  answer: { n },
  storedAtMs: NOON_MS,
  usage: USAGE,
  ...changes,
});

/** 0, 1, 2, … */
export const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

/** The fingerprints of questions. */
export const fingerprintsOf = (ns: readonly number[]) => new Set(ns.map(n => sha256(String(n))));

/** Puts answers into a cache. */
export async function put(cache: AnswerCache, answers: readonly CachedAnswer[], family = FAMILY): Promise<void> {
  const writer = cache.openWriter(family);
  for (const answer of answers) await writer.add(answer);
  await writer.close();
}
