import { Command } from 'commander';
import { isUnderWay, type RunStatus } from '../../src/core/run-status.ts';
import type { ApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { type ConnectionOptions, commandLine, connect, withConnection } from '../options.ts';
import { createProgressView } from '../progress-view.ts';
import { isWhole } from '../run-issues.ts';
import { statusView } from '../status-view.ts';
import { waitForRun } from '../wait-for-run.ts';

interface Options extends ConnectionOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** `status`: where a run stands. */
export function statusCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('status')
    .summary('show where a run stands')
    .description(
      'Shows where a run stands; with --watch until its end, with exit code 1 unless every issue was analysed.',
    )
    .argument('<run>', 'id of the run')
    .option('--watch', 'stay until the end of the run')
    .option('--json', 'one JSON object as the last line of standard output');
  return withConnection(command).action(async (runId: string, options: Options) =>
    exit(await status(context, runId, options)),
  );
}

async function status(context: Context, runId: string, options: Options): Promise<number> {
  const { terminal } = context;
  const client = connect(context, options);
  const found = options.watch ? await watch(context, client, runId) : await client.status(runId);
  if (options.json) terminal.out(JSON.stringify(found));
  else for (const line of [...statusView(found), ...hint(client, found)]) terminal.out(line);
  return options.watch && !isWhole(found) ? 1 : 0;
}

async function watch(context: Context, client: ApiClient, runId: string): Promise<RunStatus> {
  const { progress } = await client.status(runId);
  const view = createProgressView({ terminal: context.terminal, nowMs: context.nowMs, issues: progress.total });
  try {
    return await waitForRun(context, client, runId, view);
  } finally {
    view.stop();
  }
}

function hint(client: ApiClient, { runId, status: state, summary }: RunStatus): string[] {
  if (isUnderWay(state)) return [`Watch it with: ${commandLine(client, 'status', runId, '--watch')}`];
  return summary ? [`Read its report with: ${commandLine(client, 'report', runId)}`] : [];
}
