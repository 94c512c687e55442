import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { PlanReply } from '../src/core/plan-reply.ts';
import type { Report } from '../src/core/report.ts';
import type { RunStatus } from '../src/core/run-status.ts';
import type { ApiClient, RunBody } from './api-client.ts';
import type { Context } from './context.ts';
import { BAD_INPUT, CliError } from './errors.ts';
import type { IssueFile } from './issue-file.ts';
import { costSentence, planLines } from './plan-view.ts';
import { createProgressView } from './progress-view.ts';
import type { StartReply } from './replies.ts';
import { reportView } from './report-view.ts';
import { prepareFolder, RESULTS_FOLDER, saveRun } from './run-files.ts';
import { waitForRun } from './wait-for-run.ts';

/** A run as asked for. */
export interface RunJob {
  readonly file: IssueFile;
  readonly settings: Omit<RunBody, 'source' | 'runId'>;
  /** Null = a random one. */
  readonly idempotencyKey: string | null;
  /** Where the results go; null = `results/<runId>`. */
  readonly folder: string | null;
  /** One JSON object on standard output, and nothing else there. */
  readonly json: boolean;
  /** Do not ask before the real service is called. */
  readonly yes: boolean;
}

/** How it went. */
export type RunEnd =
  | { readonly kind: 'ended'; readonly exitCode: number }
  | { readonly kind: 'declined' }
  /** The user stopped watching; the run goes on. */
  | { readonly kind: 'interrupted'; readonly runId: string };

/**
 * Uploads issues, shows the plan, asks where it costs money, starts the run, watches it, and brings the results here.
 *
 * @throws {CliError} when one of these is refused or the app is gone
 */
export async function runIssues(context: Context, client: ApiClient, job: RunJob): Promise<RunEnd> {
  const { terminal, signal } = context;
  const say = (line: string) => (job.json ? terminal.err(line) : terminal.out(line));
  await prepareFolder(job.folder ?? RESULTS_FOLDER);
  const { uploadId } = await client.upload(job.file);
  const body: RunBody = { ...job.settings, source: { uploadId } };
  const plan = await client.plan(body, job.idempotencyKey);
  for (const line of planLines(plan)) say(line);
  const isGo = await isAgreed(context, plan, job.yes);
  signal.throwIfAborted();
  if (!isGo) return { kind: 'declined' };

  const started = await client.start(body, job.idempotencyKey ?? randomUUID());
  say(startedLine(started));
  const view = createProgressView({ terminal, nowMs: context.nowMs, issues: plan.issues });
  let status: RunStatus;
  try {
    status = await waitForRun(context, client, started.runId, view);
  } catch (error) {
    if (signal.aborted) return { kind: 'interrupted', runId: started.runId };
    throw error;
  } finally {
    view.stop();
  }
  return {
    kind: 'ended',
    exitCode: await finish(context, client, { job, status, isSimulated: plan.service.simulator }),
  };
}

function startedLine({ runId, replayed }: StartReply): string {
  return replayed
    ? `Run ${runId} was started before with this idempotency key; this shows it`
    : `Run ${runId} is started`;
}

async function isAgreed({ terminal }: Context, plan: PlanReply, yes: boolean): Promise<boolean> {
  if (plan.service.simulator || plan.calls === 0) return true;
  const sentence = costSentence(plan);
  const { confirm } = terminal;
  const ask = yes ? () => true : confirm && (() => confirm('Start it?'));
  if (!ask) throw new CliError(`${sentence} Nobody can be asked here: repeat with --yes to agree`, BAD_INPUT);
  terminal.err(sentence);
  return ask();
}

async function finish(
  { terminal }: Context,
  client: ApiClient,
  { job, status, isSimulated }: { job: RunJob; status: RunStatus; isSimulated: boolean },
): Promise<number> {
  const { runId, summary } = status;
  const folder = job.folder ?? join(RESULTS_FOLDER, runId);
  const report = summary ? await saveRun(client, runId, folder) : null;
  if (job.json) {
    terminal.out(JSON.stringify(resultOf(status, report, report && folder)));
  } else if (report) {
    terminal.out('');
    terminal.out(reportView(report, { isSimulated, paint: terminal.paint }));
    terminal.out('');
    terminal.out(`Results: ${join(folder, 'report.json')}, results.ndjson, results.csv`);
  }
  if (!report) terminal.err(`error: ${endedWithoutReport(status)}`);
  return isWhole(status) ? 0 : 1;
}

/** Whether each issue was analysed, and not all in vain: then the command has done what it was asked. */
export function isWhole({ status, summary }: RunStatus): boolean {
  if (status !== 'completed' || summary === null) return false;
  const { notStarted, failed, succeeded } = summary;
  return notStarted === 0 && (succeeded > 0 || failed === 0);
}

/** Why there is nothing to show. */
export function endedWithoutReport({ runId, status, error, progress }: RunStatus): string {
  return `run ${runId} is ${status} after ${progress.done} issues, without a report${error ? `: ${error}` : ''}`;
}

/** The run in one object for programs; figures of a run without a report are what was counted until then. */
function resultOf(status: RunStatus, report: Report | null, folder: string | null) {
  const { runId, progress, createdAt } = status;
  const counted = () => {
    const { total, done, succeeded, failed, skipped, cached, coalesced, calls, usage, costUsd } = progress;
    const tokens = { ...usage, totalTokens: usage.promptTokens + usage.completionTokens };
    const notStarted = total === null ? null : total - done;
    return {
      total,
      succeeded,
      failed,
      skipped,
      notStarted,
      cached,
      coalesced,
      calls,
      durationMs: null,
      tokens,
      costUsd,
      callMs: null,
      incomplete: null,
      verdict: null,
    };
  };
  const { errors = [] } = report ?? {};
  return {
    ...(status.summary ?? counted()),
    runId,
    status: status.status,
    createdAt,
    errors,
    error: status.error,
    folder,
  };
}
