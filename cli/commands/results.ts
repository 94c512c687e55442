import { extname } from 'node:path';
import { Command } from 'commander';
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
  // As JSON the app answers page by page, and reads all that goes before each.
  const chunks =
    format === 'json' ? jsonList(client.results(runId, 'ndjson', outcome)) : client.results(runId, format, outcome);
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

/** One JSON list, an element a line, of results that arrive as lines. */
async function* jsonList(ndjson: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const [decoder, encoder] = [new TextDecoder(), new TextEncoder()];
  let lead = '[\n';
  for await (const chunk of ndjson) {
    const text = decoder.decode(chunk, { stream: true });
    if (text === '') continue;
    // Whether a comma belongs after the last line shows only when another follows.
    const isLineEnd = text.endsWith('\n');
    const lines = isLineEnd ? text.slice(0, -1) : text;
    yield encoder.encode(lead + lines.replaceAll('\n', ',\n'));
    lead = isLineEnd ? ',\n' : '';
  }
  yield encoder.encode(lead === '[\n' ? '[]\n' : '\n]\n');
}
