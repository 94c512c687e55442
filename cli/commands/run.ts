import { Command } from 'commander';
import type { Context } from '../context.ts';
import { INTERRUPTED } from '../errors.ts';
import { openIssueFile } from '../issue-file.ts';
import { commandLine, connect, patternFlag } from '../options.ts';
import { type RunFlags, runSettingsOf, withRunFlags } from '../run-flags.ts';
import { runIssues } from '../run-issues.ts';

interface Options extends RunFlags {
  readonly idempotencyKey?: string;
  readonly out?: string;
  readonly json?: boolean;
  readonly yes?: boolean;
}

/** What an HTTP header carries unchanged: spaces at its ends are lost on the way. */
const IDEMPOTENCY_KEY = /^[!-~]([ -~]{0,198}[!-~])?$/;

/** `run`: analyses the issues of a file. */
export function runCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('run')
    .summary('analyse the issues of a file')
    .description('Uploads a file of issues, starts a run, watches it, and brings the report and the results here.');
  return withRunFlags(command)
    .option(
      '--idempotency-key <key>',
      'a repeated start with the same key shows the same run; default random',
      patternFlag('--idempotency-key', IDEMPOTENCY_KEY, '1 to 200 printable ASCII characters, no space at either end'),
    )
    .option('--out <folder>', 'where the results go; default results/<run id>')
    .option('--json', 'one JSON object as the last line of standard output, progress on standard error')
    .option('--yes', 'do not ask before the real service is called')
    .action(async (options: Options) => exit(await run(context, options)));
}

async function run(context: Context, options: Options): Promise<number> {
  const client = connect(context, options);
  const { idempotencyKey = null, out = null, json = false, yes = false } = options;
  const file = await openIssueFile(options.file);
  const job = { file, settings: runSettingsOf(options), idempotencyKey, folder: out, json, yes };
  const end = await runIssues(context, client, job);
  if (end.kind === 'ended') return end.exitCode;
  if (end.kind === 'declined') {
    context.terminal.err('Nothing was started.');
    return 1;
  }
  context.terminal.err(
    `Run ${end.runId} goes on without you. Look at it with: ${commandLine(client, 'status', end.runId)}`,
  );
  return INTERRUPTED;
}
