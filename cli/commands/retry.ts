import { Command } from 'commander';
import type { RetryRequest } from '../../src/core/retry-request.ts';
import { isUnderWay } from '../../src/core/run-status.ts';
import { BOUNDS } from '../../src/core/settings.ts';
import type { ApiClient, RetryEnd } from '../api-client.ts';
import type { Context } from '../context.ts';
import { amountFlag, type ConnectionOptions, commandLine, connect, integerFlag, withConnection } from '../options.ts';

interface Options extends ConnectionOptions, RetryRequest {
  readonly json?: boolean;
}

/** `retry`: does what a run that has ended left undone. */
export function retryCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('retry')
    .summary('do what a run left undone')
    .description(
      'Starts a run that has ended once more: what is answered or skipped stays, what failed or was not started is done.',
    )
    .argument('<run>', 'id of the run')
    .option(
      '--max-cost-usd <n>',
      'most that the run may cost in all its attempts; default as before',
      amountFlag('--max-cost-usd', BOUNDS.maxCostUsd),
    )
    .option(
      '--max-tokens <n>',
      'most tokens that the run may take in all its attempts; default as before',
      integerFlag('--max-tokens', BOUNDS.maxTokens),
    )
    .option(
      '--deadline-seconds <n>',
      'nothing new is started after that time; default as before',
      integerFlag('--deadline-seconds', BOUNDS.deadlineSeconds),
    )
    .option('--json', 'one JSON object in one line');
  return withConnection(command).action(async (runId: string, options: Options) => {
    const { maxCostUsd, maxTokens, deadlineSeconds, json } = options;
    const client = connect(context, options);
    const { status, attempt } = await client.status(runId);
    // By its number an attempt is started once, however often the request has to be sent.
    const wanted = isUnderWay(status) ? {} : { attempt: attempt + 1 };
    const reply = await client.retry(runId, { ...wanted, maxCostUsd, maxTokens, deadlineSeconds });
    context.terminal.out(json ? JSON.stringify({ runId, ...reply }) : retriedLine(client, runId, reply));
    exit(0);
  });
}

function retriedLine(client: ApiClient, runId: string, { attempt, isStarted, isReplayed }: RetryEnd): string {
  if (!isStarted) return `Run ${runId} left nothing undone: nothing was started.`;
  const said = isReplayed
    ? `Attempt ${attempt} of run ${runId} was started already, and is not started twice.`
    : `Run ${runId} is started again, attempt ${attempt}.`;
  return `${said} Watch it with: ${commandLine(client, 'status', runId, '--watch')}`;
}
