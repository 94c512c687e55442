import { Command, CommanderError } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { cacheCommand } from './commands/cache.ts';
import { cancelCommand, pauseCommand, resumeCommand } from './commands/control.ts';
import { deleteCommand } from './commands/delete.ts';
import { demoCommand } from './commands/demo.ts';
import { planCommand } from './commands/plan.ts';
import { reportCommand } from './commands/report.ts';
import { resultsCommand } from './commands/results.ts';
import { retryCommand } from './commands/retry.ts';
import { runCommand } from './commands/run.ts';
import { runsCommand } from './commands/runs.ts';
import { startCommand } from './commands/start.ts';
import { statusCommand } from './commands/status.ts';
import type { Context } from './context.ts';
import { BAD_INPUT, reportFailure } from './errors.ts';

const COMMANDS = [
  demoCommand,
  startCommand,
  planCommand,
  runCommand,
  statusCommand,
  reportCommand,
  resultsCommand,
  runsCommand,
  cancelCommand,
  pauseCommand,
  resumeCommand,
  retryCommand,
  deleteCommand,
  cacheCommand,
];

/**
 * Runs the command line.
 *
 * @param args - without the program's own name
 * @returns the exit code; whatever goes wrong has been said on standard error
 */
export async function runCli(args: readonly string[], context: Context): Promise<number> {
  const { terminal, signal } = context;
  let exitCode = 0;
  const program = new Command('fanfold')
    .description(manifest.description)
    .version(manifest.version)
    .exitOverride()
    .configureOutput({
      writeOut: text => terminal.out(text.trimEnd()),
      writeErr: text => terminal.err(text.trimEnd()),
    });
  for (const create of COMMANDS) {
    const command = create(context, code => {
      exitCode = code;
    });
    program.addCommand(command.copyInheritedSettings(program));
    for (const part of command.commands) part.copyInheritedSettings(command);
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has said it already; help and version are no failure.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : BAD_INPUT;
    return reportFailure(error, text => terminal.err(text), signal.aborted);
  }
}
