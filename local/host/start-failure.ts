import { pathToFileURL } from 'node:url';
import { describeError, type LogLevel } from './log.ts';

const HOST_FOLDER = import.meta.dirname;

/** A stack's line of Node's or of this host's own code. */
const isForeignLine = (line: string) =>
  line.includes('node:') || line.includes(HOST_FOLDER) || line.includes(pathToFileURL(HOST_FOLDER).href);

/** A line that names a place in a file: a frame of a stack, or the head of a syntax error. */
const isPlace = (line: string) => /^\s+at .*:\d+\)?$/.test(line) || /^(\/|[A-Za-z]:\\|file:).*:\d+$/.test(line);

/** A stack up to its last line of the app; undefined when no line is of the app. */
function stackOfApp(detail: string): string | undefined {
  const lines = detail.split('\n');
  const last = lines.findLastIndex(line => isPlace(line) && !isForeignLine(line));
  if (last === -1) return undefined;
  const frames = lines.findIndex(line => /^\s+at /.test(line));
  // The head of a syntax error stands above its message, which is wanted too.
  return lines.slice(0, last < frames ? frames : last + 1).join('\n');
}

/**
 * What the command says when the host could not start: one line, and below it the app's own stack when it was the app that
 * failed. At `debug` the whole stack, the host's part included.
 *
 * @param port - the one that was asked for
 */
export function describeStartFailure(error: unknown, port: number, minLevel: LogLevel): string {
  if (!(error instanceof Error)) return `The host could not start: ${error}`;
  if ('code' in error && error.code === 'EADDRINUSE')
    return `Port ${port} is taken: another program listens there. Choose another one by --port.`;
  const { message, cause } = error;
  const whole = describeError(cause ?? error);
  const stack = minLevel === 'debug' ? whole : stackOfApp(typeof cause === 'string' ? cause : '');
  return [`The host could not start: ${message}`, ...(stack ? [stack] : [])].join('\n');
}
