import { once } from 'node:events';
import { Command } from 'commander';
import type { LocalEnvironment } from '../../local/start.ts';
import { BOUNDS } from '../../src/core/settings.ts';
import type { Context } from '../context.ts';
import { startLocally } from '../local-app.ts';
import { commandLine, integerFlag } from '../options.ts';

interface Options {
  readonly port: number;
  readonly folder: string;
  readonly latencyMs?: number;
  readonly seed?: number;
  readonly tokensPerMinute?: number;
  readonly requestsPerMinute?: number;
}

const ROUTES = [
  'POST /api/uploads                 a CSV, NDJSON or JSON file of issues',
  'POST /api/runs                    start a run; ?plan=true says what it would take',
  'GET  /api/runs                    the newest runs',
  'GET  /api/runs/{id}               where a run stands',
  'GET  /api/runs/{id}/results       what came out; ?format=json|ndjson|csv&outcome=',
  'GET  /api/runs/{id}/report        the report',
  'POST /api/runs/{id}/{action}      cancel, pause, resume or retry it',
  'DELETE /api/runs/{id}             remove it and its results',
  'GET  /api/cache                   how many answers are kept for later runs, and of what',
  'DELETE /api/cache                 forget them; ?analysis=&deployment=&olderThanSeconds=',
  'GET  /api/health                  what answers, and warnings',
];

/** `start`: the app on this machine, until Ctrl-C. */
export function startCommand(context: Context, exit: (code: number) => void): Command {
  return new Command('start')
    .summary('start the app on this machine')
    .description(
      'Starts storage, a simulator of Azure OpenAI (or uses the real one, if AZURE_OPENAI_ENDPOINT is set) and the app.',
    )
    .option('--port <n>', 'port of the app; 0 takes a free one', integerFlag('--port', { min: 0, max: 65_535 }), 7_071)
    .option('--folder <folder>', 'keeps orchestrations and storage', '.fanfold')
    .option(
      '--latency-ms <n>',
      'mean time the simulator takes for an answer; default 400',
      integerFlag('--latency-ms', { min: 0, max: 600_000 }),
    )
    .option(
      '--seed <n>',
      'one seed = the same answers and latencies; default 1',
      integerFlag('--seed', { min: 0, max: 2_147_483_647 }),
    )
    .option(
      '--tokens-per-minute <n>',
      'what the simulator admits; default more than one machine can send',
      integerFlag('--tokens-per-minute', BOUNDS.tokensPerMinute),
    )
    .option(
      '--requests-per-minute <n>',
      'what the simulator admits; default more than one machine can send',
      integerFlag('--requests-per-minute', { min: 1, max: 1_000_000 }),
    )
    .action(async (options: Options) => exit(await start(context, options)));
}

async function start(context: Context, { port, folder, ...simulator }: Options): Promise<number> {
  const { terminal, signal } = context;
  const environment = await startLocally(context, {
    folder,
    port,
    isUsualStorage: true,
    simulator,
    onHostLine: line => terminal.err(line),
  });
  try {
    for (const line of whatIsWhere(environment, folder)) terminal.out(line);
    const interrupted = signal.aborted ? Promise.resolve() : once(signal, 'abort');
    const failure = await Promise.race([environment.broken, interrupted.then(() => null)]);
    if (failure) throw failure;
    terminal.err('Stopping; work in flight ends first ...');
    return 0;
  } finally {
    await environment.stop();
  }
}

function whatIsWhere({ url, service, connectionString, stateFile }: LocalEnvironment, folder: string): string[] {
  const { simulator, endpoint, deployment } = service;
  const example = commandLine(
    { url: url.replace('localhost', '127.0.0.1') },
    'run',
    '--file',
    'examples/sample-issues.csv',
  );
  return [
    '',
    `The app runs at ${url}`,
    ...ROUTES.map(route => `  ${route}`),
    `Model calls     ${simulator ? 'a simulator (nothing is billed)' : 'the REAL service'}: ${endpoint}, deployment ${deployment}`,
    `State           ${stateFile} and ${folder}/storage`,
    `Storage         ${connectionString}`,
    '',
    `Try it from another terminal: ${example}`,
    'Ctrl-C ends it; runs under way go on at the next start.',
    '',
  ];
}
