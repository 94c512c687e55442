import { Command } from 'commander';
import type { RunAction } from '../../src/core/run-control.ts';
import { isUnderWay, type RunStatus } from '../../src/core/run-status.ts';
import type { ApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { type ConnectionOptions, commandLine, connect, withConnection } from '../options.ts';

interface Options extends ConnectionOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `cancel`: nothing new is started; the run ends with its report. */
export function cancelCommand(context: Context, exit: (code: number) => void): Command {
  const command = controlCommand(context, exit, 'cancel')
    .summary('stop a run')
    .description('Stops a run: calls in flight end, the rest is not started, and the report is written.');
  return command.option('--force', 'end it at once, without a report');
}

/** `pause`: nothing new is started until `resume`. */
export function pauseCommand(context: Context, exit: (code: number) => void): Command {
  return controlCommand(context, exit, 'pause')
    .summary('let a run wait')
    .description('Lets a run wait: calls in flight end, and nothing new is started until it is resumed.');
}

/** `resume`: a paused run goes on. */
export function resumeCommand(context: Context, exit: (code: number) => void): Command {
  return controlCommand(context, exit, 'resume')
    .summary('let a paused run go on')
    .description('Lets a paused run go on, within half a minute.');
}

function controlCommand(context: Context, exit: (code: number) => void, action: RunAction): Command {
  const command = new Command(action)
    .argument('<run>', 'id of the run')
    .option('--json', 'the status of the run as JSON in one line');
  return withConnection(command).action(async (runId: string, options: Options) => {
    const client = connect(context, options);
    const status = await client.control(runId, action, options.force ?? false);
    context.terminal.out(options.json ? JSON.stringify(status) : toldLine(client, status));
    exit(0);
  });
}

function toldLine(client: ApiClient, { runId, status }: RunStatus): string {
  const watch = `Watch it with: ${commandLine(client, 'status', runId, '--watch')}`;
  if (status === 'paused') {
    const resume = `Go on with: ${commandLine(client, 'resume', runId)}`;
    return `Run ${runId} is paused: calls in flight end, nothing new is started. ${resume}`;
  }
  if (status === 'cancelling') {
    return `Run ${runId} is cancelling: calls in flight end, the rest is not started. ${watch}`;
  }
  if (isUnderWay(status)) return `Run ${runId} is ${status}. ${watch}`;
  if (status === 'terminated') {
    const retry = `Do the rest with: ${commandLine(client, 'retry', runId)}`;
    return `Run ${runId} is terminated, without a report; what was answered is kept. ${retry}`;
  }
  return `Run ${runId} has ended before: it is ${status}, and stays so.`;
}
