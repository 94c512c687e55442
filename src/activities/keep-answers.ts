import { analysisNamed } from '../core/analyses.ts';
import { familyOf } from '../core/answer-cache.ts';
import type { ReportInput } from '../core/contracts.ts';
import type { ResultLine } from '../core/report.ts';
import type { AnswerCache } from '../services/answer-cache.ts';

/**
 * Puts what a run has bought into the cache, for later runs; also where the run itself asked everything anew. What earlier
 * attempts bought is among it, since one that was ended by force came to no report. All of it counts from its purchase.
 *
 * A cache that cannot be written costs the run nothing but a line in the log.
 */
export function openAnswerKeeper(
  cache: Pick<AnswerCache, 'openWriter'>,
  { runId, plan }: Pick<ReportInput, 'runId' | 'plan'>,
  log: (line: string) => void,
) {
  const writer = cache.openWriter(familyOf(analysisNamed(plan.analysis), plan.deployment));
  let isOpen = plan.cacheTtlMs > 0;

  async function attemptTo(write: () => Promise<void>): Promise<void> {
    try {
      if (isOpen) await write();
    } catch (error) {
      isOpen = false;
      log(`run ${runId}: the answers are not all in the cache (${(error as Error).name})`);
    }
  }

  return {
    /** Takes a line of the results that stands for an answered call of the run; passes over any other. */
    async add(line: ResultLine, fingerprint: string): Promise<void> {
      const { answer, usage, answeredAtMs: storedAtMs } = line;
      const isBought = line.outcome === 'succeeded' && !line.cached && line.coalescedWith === null;
      if (!isBought || storedAtMs === null) return;
      await attemptTo(() => writer.add({ fingerprint, answer, usage, storedAtMs }));
    },
    /** Writes what is left. */
    close: () => attemptTo(() => writer.close()),
  };
}
