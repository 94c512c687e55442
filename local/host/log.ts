/** How grave a log line is, by the names of the Functions worker. `none` is never written. */
export type LogLevel = 'trace' | 'debug' | 'information' | 'warning' | 'error' | 'critical' | 'none';

/** Takes one log line; `source` is the function that it belongs to, or `host`. */
export type Log = (level: LogLevel, source: string, message: string) => void;

const GRAVITY: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  information: 2,
  warning: 3,
  error: 4,
  critical: 5,
  none: 6,
};

const LABEL: Readonly<Record<LogLevel, string>> = {
  trace: 'TRACE',
  debug: 'DEBUG',
  information: 'INFO',
  warning: 'WARN',
  error: 'ERROR',
  critical: 'CRIT',
  none: '',
};

const WORKER_LEVELS: Readonly<Record<string, LogLevel>> = {
  DEBUG: 'debug',
  INFO: 'information',
  WARNING: 'warning',
  ERROR: 'error',
};

/**
 * Reads `FUNCTIONS_WORKER_LOG_LEVEL`, in any case.
 *
 * @param text - the setting; unset or empty = `INFO`
 * @throws when it is none of ERROR, WARNING, INFO, DEBUG
 */
export function parseWorkerLogLevel(text: string | undefined): LogLevel {
  if (!text) return 'information';
  const level = WORKER_LEVELS[text.toUpperCase()];
  if (!level)
    throw new Error(`FUNCTIONS_WORKER_LOG_LEVEL is "${text}"; allowed: ${Object.keys(WORKER_LEVELS).join(', ')}`);
  return level;
}

/** A level that exists: log hooks of apps may give any text. */
const knownLevel = (level: LogLevel): LogLevel => (Object.hasOwn(GRAVITY, level) ? level : 'information');

/**
 * A log that writes each entry as one line: time of day (UTC), level, source, message.
 * Line breaks within a message are shown as `\n`, so that lines can be filtered.
 * An unknown level counts as `information`.
 *
 * @param options.minLevel - less grave entries are dropped
 * @param options.write - takes the line with its line break
 * @param options.nowMs - default: the machine's clock
 */
export function createLineLog(options: {
  readonly minLevel: LogLevel;
  readonly write: (line: string) => void;
  readonly nowMs?: () => number;
}): Log {
  const { minLevel, write, nowMs = Date.now } = options;
  return (given, source, message) => {
    const level = knownLevel(given);
    if (level === 'none' || GRAVITY[level] < GRAVITY[minLevel]) return;
    const time = new Date(nowMs()).toISOString().slice(11, 23);
    write(`${time} ${LABEL[level].padEnd(5)} ${source}: ${message.trimEnd().replaceAll(/\r?\n/g, '\\n')}\n`);
  };
}

/** A message and its stack as one text; most stacks begin with the message. */
export function traceText({ message, stack }: { readonly message: string; readonly stack: string }): string {
  return stack.includes(message) ? stack : `${message}\n${stack}`;
}

/** An error's message and stack as one text, whatever was thrown. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return traceText({ message: error.message, stack: error.stack ?? '' });
}
