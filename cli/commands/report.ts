import { Command } from 'commander';
import type { Context } from '../context.ts';
import { type ConnectionOptions, connect, withConnection } from '../options.ts';
import { reportView } from '../report-view.ts';

interface Options extends ConnectionOptions {
  readonly json?: boolean;
}

/** `report`: the fan-in of a run that has ended. */
export function reportCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('report')
    .summary('show the report of a run')
    .description('Shows the report of a run that has ended.')
    .argument('<run>', 'id of the run')
    .option('--json', 'the report as JSON in one line');
  return withConnection(command).action(async (runId: string, options: Options) => {
    const { terminal } = context;
    const client = connect(context, options);
    const { report } = await client.report(runId);
    if (options.json) terminal.out(JSON.stringify(report));
    else terminal.out(reportView(report, { isSimulated: await client.isSimulated(), paint: terminal.paint }));
    exit(0);
  });
}
