import inspector from 'node:inspector';

/** Where debuggers can attach to the worker processes. */
export interface Inspect {
  readonly host: string;
  /** Of the first process; each further one has the next port. 0 = any, told in the log. */
  readonly port: number;
  /** Whether a process waits for its debugger before it loads the app. */
  readonly waits: boolean;
}

const ADDRESS = /^(?:(?<host>.+):)?(?<port>\d+)$/;
const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 9229;
const MAX_PORT = 65_535;

/**
 * Reads the value of `--inspect` or `--inspect-brk`: `[host:]port`. Default: 127.0.0.1:9229.
 *
 * @param flag - as it was written, for the message
 * @throws when it is anything else
 */
export function parseInspect(flag: '--inspect' | '--inspect-brk', value: string): Inspect {
  const waits = flag === '--inspect-brk';
  if (value === '') return { host: DEFAULT_HOST, port: DEFAULT_PORT, waits };
  const { host = DEFAULT_HOST, port } = ADDRESS.exec(value)?.groups ?? {};
  if (port === undefined || Number(port) > MAX_PORT)
    throw new Error(`${flag} is "${value}"; allowed: [host:]port, a port from 0 to ${MAX_PORT}`);
  return { host, port: Number(port), waits };
}

/** The address for the process at `index`, from 0. */
export function inspectAddress({ host, port }: Inspect, index: number): string {
  return `${host}:${port === 0 ? 0 : port + index}`;
}

/** The arguments by which the process at `index` is told to open that address. */
export function inspectArguments(inspect: Inspect, index: number): string[] {
  return [inspect.waits ? '--inspect-brk' : '--inspect', inspectAddress(inspect, index)];
}

/** Reads what {@link inspectArguments} has written; undefined when there is nothing. */
export function readInspectArguments([flag, value = '']: readonly string[]): Inspect | undefined {
  return flag === '--inspect' || flag === '--inspect-brk' ? parseInspect(flag, value) : undefined;
}

/**
 * Opens this process to a debugger, and waits for it where that is asked for. Unlike by the options of Node, threads run
 * while it waits.
 *
 * @throws when the address cannot be had
 */
export function openToDebugger({ host, port, waits }: Inspect): void {
  inspector.open(port, host.replaceAll(/[[\]]/g, ''), waits);
  if (inspector.url() === undefined)
    throw new Error(`No debugger can attach at ${host}:${port}: it is taken, or not allowed`);
  // biome-ignore lint/suspicious/noDebugger: this is what --inspect-brk asks for
  if (waits) debugger;
}
