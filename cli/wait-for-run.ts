import { isUnderWay, type RunStatus } from '../src/core/run-status.ts';
import type { ApiClient } from './api-client.ts';
import { notRunning } from './app-fetch.ts';
import type { Context } from './context.ts';
import type { ProgressView } from './progress-view.ts';

/** How long an app may stay silent: long enough to restart it. */
const PATIENCE_MS = 60_000;
const POLL_MS = { min: 250, max: 2_000 };

/** Short at first, so that a small run ends when it ends; at most 2 s later on. */
function pollDelayMs(elapsedMs: number): number {
  return Math.min(Math.max(elapsedMs / 20, POLL_MS.min), POLL_MS.max);
}

/**
 * Watches a run until its end.
 *
 * @throws {CliError} when the app has not answered for a minute, or does not know the run
 * @throws the signal's reason when the user interrupts
 */
export async function waitForRun(
  context: Pick<Context, 'nowMs' | 'wait' | 'signal'>,
  client: Pick<ApiClient, 'statusIfReachable' | 'url'>,
  runId: string,
  view: ProgressView,
): Promise<RunStatus> {
  const { nowMs, wait, signal } = context;
  const startedMs = nowMs();
  let silentSinceMs: number | null = null;
  for (;;) {
    const answer = await client.statusIfReachable(runId);
    if ('status' in answer) {
      silentSinceMs = null;
      view.note('');
      view.update(answer.status);
      if (!isUnderWay(answer.status.status)) return answer.status;
    } else {
      silentSinceMs ??= nowMs();
      if (nowMs() - silentSinceMs >= PATIENCE_MS) throw notRunning(client.url, `${answer.unreachable}, for a minute`);
      view.note(`the app does not answer (${answer.unreachable}); trying on ...`);
    }
    await wait(pollDelayMs(nowMs() - startedMs), signal);
  }
}
