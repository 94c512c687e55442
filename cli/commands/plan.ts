import { Command } from 'commander';
import type { Context } from '../context.ts';
import { openIssueFile } from '../issue-file.ts';
import { connect } from '../options.ts';
import { planView } from '../plan-view.ts';
import { type RunFlags, runSettingsOf, withRunFlags } from '../run-flags.ts';

interface Options extends RunFlags {
  readonly json?: boolean;
}

/** `plan`: what a run would take. */
export function planCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('plan')
    .summary('show what a run would take')
    .description(
      'Uploads a file of issues and shows what a run over it would take: calls, tokens, cost and time. Nothing is started.',
    );
  return withRunFlags(command)
    .option('--json', 'the plan as JSON in one line')
    .action(async (options: Options) => {
      const client = connect(context, options);
      const { uploadId } = await client.upload(await openIssueFile(options.file));
      const plan = await client.plan({ ...runSettingsOf(options), source: { uploadId } });
      context.terminal.out(options.json ? JSON.stringify(plan) : planView(plan));
      exit(0);
    });
}
