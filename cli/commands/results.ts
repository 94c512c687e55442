import { extname } from 'node:path';
import { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import type { Context } from '../context.ts';
import { type ConnectionOptions, connect, withConnection, wordFlag } from '../options.ts';
import { saveStream } from '../run-files.ts';

const FORMATS = ['json', 'ndjson', 'csv'] as const;
type Format = (typeof FORMATS)[number];

interface Options extends ConnectionOptions {
  readonly format?: Format;
  readonly outcome?: string;
  readonly out?: string;
}

/** `results`: what came out for each issue. */
export function resultsCommand(context: Context, exit: (code: number) => void): Command {
  const command = new Command('results')
    .summary('print or save what came out for each issue')
    .description(
      'Prints the results of a run that has ended, a line for each issue in input order, or saves them to a file.',
    )
    .argument('<run>', 'id of the run')
    .option(
      '--format <format>',
      'json, ndjson or csv; default by the name of --out, else ndjson',
      wordFlag('--format', FORMATS),
    )
    .option(
      '--outcome <outcome>',
      'only these',
      wordFlag('--outcome', ['succeeded', 'failed', 'skipped', 'not_started']),
    )
    .option('--out <file>', 'a file in place of standard output');
  return withConnection(command).action(async (runId: string, options: Options) =>
    exit(await results(context, runId, options)),
  );
}

async function results(context: Context, runId: string, options: Options): Promise<number> {
  const { out, outcome = null, format = formatOf(out) } = options;
  const client = connect(context, options);
  const chunks = format === 'json' ? jsonList(client, runId, outcome) : client.results(runId, format, outcome);
  if (out !== undefined) {
    await saveStream(chunks, out);
    context.terminal.err(`Results: ${out}`);
    return 0;
  }
  for await (const chunk of chunks) if (!(await context.terminal.write(chunk))) break;
  return 0;
}

function formatOf(out = ''): Format {
  const extension = extname(out).slice(1).toLowerCase();
  return FORMATS.find(format => format === extension) ?? 'ndjson';
}

/** One JSON list, an element a line, written as the pages arrive. */
async function* jsonList(client: ApiClient, runId: string, outcome: string | null): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let lead = '[\n';
  for await (const page of client.resultPages(runId, outcome)) {
    if (page.length === 0) continue;
    yield encoder.encode(lead + page.map(line => JSON.stringify(line)).join(',\n'));
    lead = ',\n';
  }
  yield encoder.encode(lead === '[\n' ? '[]\n' : '\n]\n');
}
