import { countText, durationText, usdText } from '../src/core/format.ts';
import { isUnderWay, type RunStatus } from '../src/core/run-status.ts';
import { plainTable } from './plain-table.ts';
import { takenText, waitingText } from './run-words.ts';

/** A run's status in a few lines. */
export function statusView(status: RunStatus): string[] {
  const { runId, analysis, deployment, progress, summary, error, phase } = status;
  const { total, done, succeeded, failed, skipped, costUsd, deferrals } = progress;
  const counts = `${countText(succeeded)} succeeded, ${countText(failed)} failed, ${countText(skipped)} skipped`;
  const waiting = waitingText(status);
  const taken = takenText(status);
  const notStarted = summary && summary.notStarted > 0 ? `, ${countText(summary.notStarted)} not started` : '';
  return [
    `Run ${runId} is ${status.status}${phase ? ` (${phase})` : ''}`,
    `  ${countText(done)} of ${total === null ? '?' : countText(total)} done: ${counts}${notStarted}`,
    `  "${analysis}" on deployment ${deployment}, ${timesText(status)}`,
    ...(waiting !== null && waiting !== status.status ? [`  ${waiting}`] : []),
    ...(costUsd === null
      ? []
      : [`  cost ${isUnderWay(status.status) ? 'so far ' : ''}${usdText(costUsd)} by list price`]),
    ...(taken === null ? [] : [`  ${taken}`]),
    ...(deferrals > 0 ? [`  ${countText(deferrals)} times put back because the service was busy`] : []),
    ...(summary?.verdict ? [`  ${summary.verdict.sentence}`] : []),
    ...(error ? [`  ${error}`] : []),
  ];
}

/** When the run began and how long it took; of a run that was retried, the last attempt's own times beside it. */
function timesText({ createdAt, attempt, attempts, summary }: RunStatus): string {
  const own = attempt === 1 ? '' : `; attempt ${attempt} started ${attempts.at(-1)?.startedAt ?? '?'}`;
  return `started ${createdAt}${own}${summary ? `, took ${durationText(summary.durationMs)}` : ''}`;
}

/** Runs as a table, in the order given. */
export function runsTable(runs: readonly RunStatus[]): string {
  if (runs.length === 0) return 'No run has been started yet.';
  const rows = runs.map(({ runId, status, createdAt, progress, analysis }) => {
    const done = `${countText(progress.done)}/${progress.total === null ? '?' : countText(progress.total)}`;
    return [runId, status, createdAt.slice(0, 19).replace('T', ' '), done, countText(progress.failed), analysis];
  });
  const head = ['run', 'status', 'started (UTC)', 'done', 'failed', 'analysis'];
  return plainTable([head, ...rows], ['left', 'left', 'left', 'right', 'right', 'left']);
}
