// The command of the local Functions host; --help shows its arguments.
import { HELP, type HostArguments, readArguments, USAGE } from './arguments.ts';
import { startHost } from './host.ts';
import { createLineLog, describeError, type LogLevel, parseWorkerLogLevel } from './log.ts';
import { describeStartFailure } from './start-failure.ts';

/** When a host that has been asked to end is ended. Its own parts take less; this is for one that hangs. */
const LAST_RESORT_MS = 5_000;

function fail(exitCode: 1 | 2, line: string): never {
  console.error(line);
  process.exit(exitCode);
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
const host = await startHost({ ...given, log }).catch(error => fail(1, describeStartFailure(error, port, minLevel)));

let isStopping = false;
async function stop(signal: NodeJS.Signals): Promise<void> {
  if (isStopping) process.exit(1);
  isStopping = true;
  log('information', 'host', `${signal}: the host ends within 5 s; a second signal ends it at once`);
  setTimeout(() => fail(1, 'The host has not ended within 5 s, and is ended now.'), LAST_RESORT_MS).unref();
  await host.close().catch(error => fail(1, describeError(error)));
  process.exit(0);
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
console.log(
  `Functions host ready: ${host.url} (app ${appFolder}, ${host.functions.length} functions, state ${stateFile})`,
);
