// The command of the local Functions host.
// usage: node local/host/main.ts --app DIR --state FILE [--port N]
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startHost } from './host.ts';
import { createLineLog, describeError, type LogLevel, parseWorkerLogLevel } from './log.ts';

const USAGE = 'usage: node local/host/main.ts --app DIR --state FILE [--port N]';
const DEFAULT_PORT = '7071';

interface Arguments {
  readonly appFolder: string;
  readonly stateFile: string;
  readonly port: number;
  readonly minLevel: LogLevel;
}

function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: { app: { type: 'string' }, state: { type: 'string' }, port: { type: 'string', default: DEFAULT_PORT } },
  });
  const { app, state, port } = values;
  if (!app) throw new Error('--app is missing: the folder of the built function app');
  if (!state) throw new Error('--state is missing: the file that keeps orchestrations');
  if (!/^\d+$/.test(port) || Number(port) > 65_535) throw new Error(`--port is "${port}"; allowed: 0 to 65535`);
  const minLevel = parseWorkerLogLevel(process.env['FUNCTIONS_WORKER_LOG_LEVEL']);
  return { appFolder: resolve(app), stateFile: resolve(state), port: Number(port), minLevel };
}

function fail(exitCode: 1 | 2, line: string): never {
  console.error(line);
  process.exit(exitCode);
}

function startFailure(error: unknown, { port, minLevel }: Arguments): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `Port ${port} is taken: another program listens there. Choose another one by --port.`;
  }
  const cause = error instanceof Error ? error.cause : undefined;
  if (minLevel === 'debug') return describeError(cause ?? error);
  return `The host could not start: ${error instanceof Error ? error.message : error}`;
}

let parsed: Arguments;
try {
  parsed = readArguments(process.argv.slice(2));
} catch (error) {
  fail(2, `${error instanceof Error ? error.message : error} (${USAGE})`);
}
const { appFolder, stateFile, port, minLevel } = parsed;
const log = createLineLog({ minLevel, write: line => process.stderr.write(line) });
const host = await startHost({ appFolder, port, stateFile, log }).catch(error => fail(1, startFailure(error, parsed)));

let isStopping = false;
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (isStopping) process.exit(1);
  isStopping = true;
  log('information', 'host', `${signal}: ending the work in flight; a second signal ends at once`);
  await host.close().catch(error => fail(1, describeError(error)));
  process.exit(0);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
console.log(
  `Functions host ready: ${host.url} (app ${appFolder}, ${host.functions.length} functions, state ${stateFile})`,
);
