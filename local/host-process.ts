import { join } from 'node:path';
import { type Child, startChild } from './child-process.ts';

/** How to start the host. */
export interface HostProcessOptions {
  readonly appFolder: string;
  /** 0 = any that is free. */
  readonly port: number;
  readonly stateFile: string;
  readonly env: Readonly<Record<string, string>>;
  /** Gets every line that the host writes. */
  readonly onLine?: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Starts the local Functions host as a process of its own and waits until it serves.
 *
 * @returns the process; `ready` is its URL, without a slash at the end
 * @throws {LocalError} when it ends before it serves, with its last lines of output
 */
export function startHostProcess({ appFolder, port, stateFile, ...rest }: HostProcessOptions): Promise<Child<string>> {
  return startChild({
    name: 'the host',
    command: [
      join(import.meta.dirname, 'host/main.ts'),
      '--app',
      appFolder,
      '--port',
      String(port),
      '--state',
      stateFile,
    ],
    readyFrom: line => /^Functions host ready: (\S+)/.exec(line)?.[1],
    ...rest,
  });
}
