import { Command } from 'commander';
import { countOf, countText } from '../../src/core/format.ts';
import type { Context } from '../context.ts';
import { BAD_INPUT, CliError } from '../errors.ts';
import { type ConnectionOptions, connect, integerFlag, withConnection } from '../options.ts';
import { plainTable } from '../plain-table.ts';
import type { CacheStats } from '../replies.ts';

interface Options extends ConnectionOptions {
  readonly json?: boolean;
}

interface ClearOptions extends Options {
  readonly analysis?: string;
  readonly deployment?: string;
  readonly olderThan?: number;
  readonly yes?: boolean;
}

/** `cache`: what answers are kept for later runs, and forgetting them. */
export function cacheCommand(context: Context, exit: (code: number) => void): Command {
  const stats = new Command('stats')
    .summary('show what is kept')
    .description('Shows how many answers are kept for later runs, of what, and since when.')
    .option('--json', 'one JSON object in one line');
  const clear = new Command('clear')
    .summary('forget what is kept')
    .description(
      'Forgets the answers that are kept for later runs: all, or those that every given flag names. ' +
        'What the processes of the app have in memory, they forget by themselves, after five minutes unless set otherwise.',
    )
    .option('--analysis <name>', 'only answers of this analysis')
    .option('--deployment <name>', 'only answers of this deployment')
    .option('--older-than <days>', 'only answers older', integerFlag('--older-than', { min: 0, max: 36_500 }))
    .option('--json', 'one JSON object in one line')
    .option('--yes', 'do not ask');
  return new Command('cache')
    .summary('show or forget the answers that are kept')
    .description('Shows or forgets the answers that are kept for later runs.')
    .addCommand(withConnection(stats).action(async (options: Options) => exit(await show(context, options))))
    .addCommand(withConnection(clear).action(async (options: ClearOptions) => exit(await forget(context, options))));
}

async function show(context: Context, options: Options): Promise<number> {
  const found = await connect(context, options).cacheStats();
  context.terminal.out(options.json ? JSON.stringify(found) : statsText(found));
  return 0;
}

async function forget(context: Context, options: ClearOptions): Promise<number> {
  const { analysis, deployment, olderThan, json, yes = false } = options;
  const client = connect(context, options);
  if (!(await isAgreed(context, yes))) {
    context.terminal.err('Nothing was forgotten.');
    return 1;
  }
  const removed = await client.clearCache({
    ...(analysis === undefined ? {} : { analysis }),
    ...(deployment === undefined ? {} : { deployment }),
    ...(olderThan === undefined ? {} : { olderThanSeconds: String(olderThan * DAY_S) }),
  });
  context.terminal.out(json ? JSON.stringify({ removed }) : `${countOf(removed, 'answer')} forgotten.`);
  return 0;
}

const DAY_S = 86_400;

async function isAgreed({ terminal: { confirm } }: Context, yes: boolean): Promise<boolean> {
  if (yes) return true;
  if (!confirm) throw new CliError('nobody can be asked here whether to forget: repeat with --yes to agree', BAD_INPUT);
  return confirm('Forget answers that were paid for? What is asked again is paid again.');
}

function statsText({ entries, bytes, families }: CacheStats): string {
  if (entries === 0) return 'No answer is kept.';
  const rows = families.map(({ analysis, version, deployment, ...family }) => [
    `${analysis} (version ${version})`,
    deployment,
    countText(family.entries),
    megabytes(family.bytes),
    (family.oldestAt ?? '').slice(0, 16).replace('T', ' '),
  ]);
  const head = ['analysis', 'deployment', 'answers', 'size', 'oldest (UTC)'];
  const table = plainTable([head, ...rows], ['left', 'left', 'right', 'right', 'left']);
  return `${countOf(entries, 'answer')} kept, ${megabytes(bytes)}\n${table}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
