import { Command } from 'commander';
import type { Context } from '../context.ts';
import { type ConnectionOptions, connect, withConnection } from '../options.ts';
import { runsTable } from '../status-view.ts';

interface Options extends ConnectionOptions {
  readonly json?: boolean;
}

/** `runs`: the newest runs. */
export function runsCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('runs')
    .summary('list the newest runs')
    .description('Lists the newest runs of the app.')
    .option('--json', 'a JSON list in one line');
  return withConnection(command).action(async (options: Options) => {
    const runs = await connect(context, options).runs();
    context.terminal.out(options.json ? JSON.stringify(runs) : runsTable(runs));
    exit(0);
  });
}
