import { expect } from 'vitest';
import { createLoadIssues } from '../../src/activities/load-issues.ts';
import { questionOf } from '../../src/core/analysis.ts';
import { familyOf } from '../../src/core/answer-cache.ts';
import type { Loaded, RunInput } from '../../src/core/contracts.ts';
import type { Issue } from '../../src/core/issues.ts';
import { triage } from '../../src/core/triage.ts';
import { createIssuePages } from '../../src/services/issue-pages.ts';
import * as source from '../../src/services/issue-source.ts';
import { ANSWER, runActivity } from './activities.ts';
import { NOON_MS, plan } from './factories.ts';
import { createMemoryBlobs, createMemoryCache, createMemoryLedger } from './memory-stores.ts';
import { UNDELETED } from './run-rows.ts';

/** `loadIssues` over stores in memory, at noon, for the run `run`; `changes` replace services. */
export function createLoadBench(changes: Partial<Parameters<typeof createLoadIssues>[0]> = {}) {
  const blobs = createMemoryBlobs();
  const pages = createIssuePages(blobs);
  const ledger = createMemoryLedger();
  const cache = createMemoryCache();
  const handler = createLoadIssues({
    ...UNDELETED,
    blobs,
    pages,
    source,
    ledger: () => ledger,
    cache,
    nowMs: () => NOON_MS,
    ...changes,
  });
  const input: RunInput = {
    runId: 'run',
    attempt: 1,
    source: { blob: 'source', format: 'json', limit: null },
    plan: plan(),
  };
  return {
    blobs,
    pages,
    ledger,
    cache,
    input,
    /** Loads what lies in the blob `source`. */
    load: (changes: Partial<RunInput> = {}) => runActivity<Loaded>(handler, { ...input, ...changes }),
    /** Puts the issues into the blob `source`. */
    give: (issues: readonly Issue[]) => blobs.write('source', JSON.stringify(issues)),
    /** Puts an answer into the cache as another run would have, an hour ago. */
    async cacheAnswer(issue: Issue, answer: unknown = ANSWER, storedAtMs = NOON_MS - 3_600_000) {
      const writer = cache.openWriter(familyOf(triage, 'gpt-4o-mini'));
      const fingerprint = source.sha256(questionOf(triage, 'gpt-4o-mini', issue));
      const usage = { promptTokens: 50, completionTokens: 5, cachedTokens: 0 };
      await writer.add({ fingerprint, answer, storedAtMs, usage });
      await writer.close();
    },
    /** The indexes of what is still to be done, in the order of its units. */
    async open({ units, openList }: Loaded) {
      const indexes: number[] = [];
      for (let unit = 0; unit < units; unit++) indexes.push((await pages.unit('run', openList, unit)).index);
      await expect(pages.unit('run', openList, units)).rejects.toThrow(`Run run has no unit ${units}`);
      return indexes;
    },
  };
}
