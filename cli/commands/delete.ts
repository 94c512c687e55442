import { Command } from 'commander';
import type { Context } from '../context.ts';
import { BAD_INPUT, CliError } from '../errors.ts';
import { type ConnectionOptions, connect, withConnection } from '../options.ts';

interface Options extends ConnectionOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
}

/** `delete`: removes a run and all that is kept of it. */
export function deleteCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('delete')
    .summary('remove a run and its results')
    .description('Removes a run that has ended: its issues, results, report and history. Uploaded files stay.')
    .argument('<run>', 'id of the run')
    .option('--force', 'also one that is under way: it is ended first')
    .option('--yes', 'do not ask');
  return withConnection(command).action(async (runId: string, options: Options) => {
    const client = connect(context, options);
    // To the app a run that is not there is as good as deleted; to whoever has mistyped an id it is not.
    await client.status(runId);
    if (!(await isAgreed(context, runId, options.yes ?? false))) {
      context.terminal.err('Nothing was deleted.');
      return exit(1);
    }
    await client.remove(runId, options.force ?? false);
    context.terminal.out(`Run ${runId} is deleted.`);
    return exit(0);
  });
}

async function isAgreed({ terminal: { confirm } }: Context, runId: string, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!confirm) throw new CliError('nobody can be asked here whether to delete: repeat with --yes to agree', BAD_INPUT);
  return confirm(`Delete run ${runId} with its results?`);
}
