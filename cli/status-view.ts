import { countText, durationText, percentText, usdText } from '../src/core/format.ts';
import { isUnderWay, type RunStatus } from '../src/core/run-status.ts';
import { callsText, ofLimitText, waitsText } from './figure-words.ts';
import { plainTable } from './plain-table.ts';
import { takenText, waitingText } from './run-words.ts';

/** A run's status in a few lines. */
export function statusView(status: RunStatus): string[] {
  const { runId, analysis, deployment, progress, summary, error, phase } = status;
  const { total, done, succeeded, failed, skipped } = progress;
  const { usd } = status.taken;
  const counts = `${countText(succeeded)} succeeded, ${countText(failed)} failed, ${countText(skipped)} skipped`;
  const waiting = waitingText(status);
  const taken = takenText(status);
  const notStarted = summary && summary.notStarted > 0 ? `, ${countText(summary.notStarted)} not started` : '';
  return [
    `Run ${runId} is ${status.status}${phase ? ` (${phase})` : ''}`,
    `  ${countText(done)} of ${total === null ? '?' : countText(total)} done: ${counts}${notStarted}`,
    `  "${analysis}" on deployment ${deployment}, ${timesText(status)}`,
    ...(waiting !== null && waiting !== status.status ? [`  ${waiting}`] : []),
    ...(usd === null ? [] : [`  cost ${isUnderWay(status.status) ? 'so far ' : ''}${usdText(usd)} by list price`]),
    ...(taken === null ? [] : [`  ${taken}`]),
    ...figureLines(status).map(line => `  ${line}`),
    ...(summary?.verdict ? [`  ${summary.verdict.sentence}`] : []),
    ...(error ? [`  ${error}`] : []),
  ];
}

/** What the run has taken, as far as there is anything to tell. */
function figureLines({ progress, figures }: RunStatus): string[] {
  const { hitRate, storagePerIssue, tokensPerMinute, streams } = figures;
  const without = hitRate ? `; ${percentText(hitRate)} of the answers took no call` : '';
  const waits = waitsText(progress.waitedMs, streams);
  return [
    ...(progress.calls + progress.cached + progress.deferrals > 0 ? [`calls: ${callsText(progress)}${without}`] : []),
    ...(tokensPerMinute && tokensPerMinute.achieved > 0
      ? [`tokens a minute, as the limits count them: ${ofLimitText(tokensPerMinute)}`]
      : []),
    ...(waits === null ? [] : [`waits: ${waits}`]),
    ...(storagePerIssue > 0 ? [`storage: ${storagePerIssue.toFixed(1)} operations an issue`] : []),
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
