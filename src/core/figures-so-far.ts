import type { RunSummary } from './contracts.ts';
import { addProgress, doneIn, NO_PROGRESS, type Progress } from './progress.ts';
import type { Rate } from './run-figures.ts';

/**
 * What can be told of a run at any time beside what its progress counts. Percentiles of calls, the time that issues spent,
 * and the greatest number in flight need every row of the ledger: these are the report's alone.
 */
export interface FiguresSoFar {
  /** Share of the successes that came without a call of their own, 0 to 1; null without a success. */
  readonly hitRate: number | null;
  /** Requests to storage for each issue that got its outcome in this attempt. */
  readonly storagePerIssue: number;
  /**
   * In tokens as the service counts them for admission, over this attempt; null for one that ended without a report. Under
   * way it counts from the attempt's start, and knows as allowed only what was set.
   */
  readonly tokensPerMinute: Rate | null;
  /** Streams of this attempt; their waits are added up in the progress. */
  readonly streams: number;
}

const MINUTE_MS = 60_000;

/**
 * The figures of a run without a summary.
 *
 * @param all - what is done in all attempts
 * @param streams - what the streams of this attempt have done
 * @param elapsedMs - since the attempt's start, of which less than a minute counts as one; null once it has ended
 * @param allowed - tokens per minute that were set; null = none
 */
export function figuresSoFar(
  all: Progress,
  streams: readonly Progress[],
  elapsedMs: number | null,
  allowed: number | null,
): FiguresSoFar {
  const own = streams.reduce(addProgress, NO_PROGRESS);
  const minutes = elapsedMs === null ? null : Math.max(MINUTE_MS, elapsedMs) / MINUTE_MS;
  return {
    hitRate: all.succeeded === 0 ? null : all.withoutCall / all.succeeded,
    storagePerIssue: own.storage.operations / Math.max(1, doneIn(own)),
    tokensPerMinute: minutes === null ? null : { achieved: own.admittedTokens / minutes, allowed },
    streams: streams.length,
  };
}

/** The figures of a run with a summary. */
export function figuresOfSummary({ hitRate, storage, tokensPerMinute, streams }: RunSummary): FiguresSoFar {
  return { hitRate, storagePerIssue: storage.perIssue, tokensPerMinute, streams };
}
