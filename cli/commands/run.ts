import { Command } from 'commander';
import { ANALYSES } from '../../src/core/analyses.ts';
import { BOUNDS } from '../../src/core/settings.ts';
import type { Context } from '../context.ts';
import { INTERRUPTED } from '../errors.ts';
import { openIssueFile } from '../issue-file.ts';
import {
  type ConnectionOptions,
  commandLine,
  connect,
  integerFlag,
  patternFlag,
  withConnection,
  wordFlag,
} from '../options.ts';
import { type RunJob, runIssues } from '../run-issues.ts';

interface Options extends ConnectionOptions {
  readonly file: string;
  readonly analysis?: string;
  readonly limit?: number;
  readonly concurrency?: number;
  readonly batchSize?: number;
  readonly deployment?: string;
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
    .description('Uploads a file of issues, starts a run, watches it, and brings the report and the results here.')
    .requiredOption('--file <file>', 'issues as .csv, .ndjson, .jsonl (to 90 MB) or .json (to 10 MB)')
    .option('--analysis <name>', 'what to ask of each issue', wordFlag('--analysis', Object.keys(ANALYSES)))
    .option('--limit <n>', 'only the first so many issues', integerFlag('--limit', { min: 1, max: 1_000_000 }))
    .option(
      '--concurrency <n>',
      'calls at a time, at most the ceiling of the app',
      integerFlag('--concurrency', BOUNDS.concurrency),
    )
    .option('--batch-size <n>', 'issues in a batch', integerFlag('--batch-size', BOUNDS.batchSize))
    .option('--deployment <name>', 'deployment of Azure OpenAI; default that of the app')
    .option(
      '--idempotency-key <key>',
      'a repeated start with the same key shows the same run; default random',
      patternFlag('--idempotency-key', IDEMPOTENCY_KEY, '1 to 200 printable ASCII characters, no space at either end'),
    )
    .option('--out <folder>', 'where the results go; default results/<run id>')
    .option('--json', 'one JSON object as the last line of standard output, progress on standard error')
    .option('--yes', 'do not ask before the real service is called');
  return withConnection(command).action(async (options: Options) => exit(await run(context, options)));
}

async function run(context: Context, options: Options): Promise<number> {
  const client = connect(context, options);
  const job = await jobOf(options);
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

async function jobOf(options: Options): Promise<RunJob> {
  const {
    analysis,
    limit,
    concurrency,
    batchSize,
    deployment,
    idempotencyKey = null,
    out = null,
    json = false,
    yes = false,
  } = options;
  const given = Object.entries({ analysis, limit, concurrency, batchSize, deployment }).filter(
    ([, value]) => value !== undefined,
  );
  return {
    file: await openIssueFile(options.file),
    settings: Object.fromEntries(given),
    idempotencyKey,
    folder: out,
    json,
    yes,
  };
}
