// The command of the local Functions host; --help shows its arguments.
import { HELP, type HostArguments, readArguments, USAGE } from './arguments.ts';
import { startHost } from './host.ts';
import { createLineLog, describeError, type LogLevel, parseWorkerLogLevel } from './log.ts';

function fail(exitCode: 1 | 2, line: string): never {
  console.error(line);
  process.exit(exitCode);
}

function startFailure(error: unknown, port: number, minLevel: LogLevel): string {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
    return `Port ${port} is taken: another program listens there. Choose another one by --port.`;
  }
  const cause = error instanceof Error ? error.cause : undefined;
  if (minLevel === 'debug') return describeError(cause ?? error);
  return `The host could not start: ${error instanceof Error ? error.message : error}`;
}

let given: HostArguments | 'help';
let minLevel: LogLevel;
try {
  given = readArguments(process.argv.slice(2));
  minLevel = parseWorkerLogLevel(process.env['FUNCTIONS_WORKER_LOG_LEVEL']);
} catch (error) {
  fail(2, `${error instanceof Error ? error.message : error} (${USAGE})`);
}
if (given === 'help') {
  process.stdout.write(HELP);
  process.exit(0);
}
const { appFolder, stateFile, port } = given;
const log = createLineLog({ minLevel, write: line => process.stderr.write(line) });
const host = await startHost({ ...given, log }).catch(error => fail(1, startFailure(error, port, minLevel)));

let isStopping = false;
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (isStopping) process.exit(1);
  isStopping = true;
  log('information', 'host', `${signal}: the host ends within 5 s; a second signal ends it at once`);
  await host.close().catch(error => fail(1, describeError(error)));
  process.exit(0);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
console.log(
  `Functions host ready: ${host.url} (app ${appFolder}, ${host.functions.length} functions, state ${stateFile})`,
);
