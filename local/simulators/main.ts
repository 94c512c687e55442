import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { startOpenAiSimulator } from './openai-server.ts';

/** Runs the Azure OpenAI simulator from the command line until it is interrupted. Wrong options end it with code 2. */
const command = new Command('openai-simulator')
  .description('Simulates Azure OpenAI over HTTP(S): same wire format, invented answers.')
  .option('--port <n>', 'port to listen on, 0 = any free one', numeric, 0)
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--seed <n>', 'one seed = one run (default 1)', numeric)
  .option('--latency-ms <n>', 'mean time to an answer (default 400)', numeric)
  .option('--latency-cv <n>', 'spread: standard deviation over mean (default 0.6)', numeric)
  .option('--deployments <names>', 'comma separated (default gpt-4o-mini)', names => names.split(','))
  .option('--model <name>', 'model behind the deployments')
  .option('--context-tokens <n>', 'context window', numeric)
  .option('--tokens-per-minute <n>', 'admission in tokens (default: practically none)', numeric)
  .option('--requests-per-minute <n>', 'admission in requests (default: practically none)', numeric)
  .option('--slice-seconds <n>', 'window of the request limit (default 1)', numeric)
  .option('--token-slice-seconds <n>', 'window of the token limit (default 60)', numeric)
  .option('--rate-limit-headers <mode>', 'normal, missing or minusOne')
  .option('--throttle-form <form>', 'standard, short, current, capacity or legacy')
  .option('--faults <file>', 'JSON file with a list of faults', file => readJson('--faults', file))
  .option('--quote-in-errors', 'put the issue text into bodies of 400 and 5xx')
  .option('--tls-key <file>', 'PEM; with --tls-cert serves HTTPS', file => readText('--tls-key', file))
  .option('--tls-cert <file>', 'PEM', file => readText('--tls-cert', file))
  .exitOverride();

/** What is no number stays as written, so that the error can show it. */
function numeric(value: string): number | string {
  return value.trim() === '' || Number.isNaN(Number(value)) ? value : Number(value);
}

function readText(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new RangeError(
      `${flag} must name a file that can be read, got ${file} (${String((error as Error).message)})`,
    );
  }
}

function readJson(flag: string, file: string): unknown {
  try {
    return JSON.parse(readText(flag, file));
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new RangeError(`${flag} must name a file with JSON, got ${file}`);
  }
}

async function run(): Promise<void> {
  const { tlsKey, tlsCert, ...options } = command.parse().opts();
  if ((tlsKey === undefined) !== (tlsCert === undefined))
    throw new RangeError('--tls-key and --tls-cert go together, got one of them');
  const tls = tlsKey === undefined ? {} : { tls: { key: tlsKey, cert: tlsCert } };
  const simulator = await startOpenAiSimulator({ port: 0, ...options, ...tls });
  console.log(
    `Azure OpenAI simulator ready: ${simulator.url} (seed ${options['seed'] ?? 1}, latency ${options['latencyMs'] ?? 400} ms, answers are invented)`,
  );
  const stop = () => void simulator.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
}

try {
  await run();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = error instanceof RangeError ? 2 : 1;
  }
}
