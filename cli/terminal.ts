import { createInterface } from 'node:readline';
import { styleText } from 'node:util';

/** Looks of a text, by the names of `util.styleText`. */
export type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green';

/** Gives a text a look, or leaves it plain where there is none. */
export type Paint = (style: Style, text: string) => string;

/** No look at all. */
export const plain: Paint = (_style, text) => text;

/** Where the user reads and answers. */
export interface Terminal {
  /** Writes a line of result to standard output. */
  out(line: string): void;
  /** Writes a line about what goes on to standard error. */
  err(line: string): void;
  /** For text that goes to standard output; plain where that is no terminal, or with NO_COLOR. */
  readonly paint: Paint;
  /**
   * Writes raw bytes to standard output.
   *
   * @returns false once nobody reads any more
   */
  write(bytes: Uint8Array): Promise<boolean>;
  /** Asks a question that only "y" or "yes" agrees to; null where nobody can answer. */
  readonly confirm: ((question: string) => Promise<boolean>) | null;
  /** Where a progress bar can be drawn; null where lines have to do. */
  readonly barStream: NodeJS.WriteStream | null;
}

/** The terminal of this process. */
export function createTerminal(signal: AbortSignal): Terminal {
  const { stdin, stdout, stderr } = process;
  let isRead = true;
  // A reader that has seen enough (`| head`) must not end a run that is under way.
  stdout.on('error', () => {
    isRead = false;
  });
  stderr.on('error', () => {});
  return {
    out: line => void (isRead && stdout.write(`${line}\n`)),
    err: line => void stderr.write(`${line}\n`),
    paint: (style, text) => styleText(style, text, { stream: stdout }),
    write: bytes =>
      isRead ? new Promise(resolve => stdout.write(bytes, error => resolve(!error))) : Promise.resolve(false),
    confirm: stdin.isTTY && stderr.isTTY ? question => confirm(question, signal) : null,
    barStream: stderr.isTTY && process.env['TERM'] !== 'dumb' ? stderr : null,
  };
}

/** Everything but a clear yes is a no: an empty line, the end of the input, Ctrl-C. */
function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // While lines are read, the terminal does not make a signal of Ctrl-C.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  return new Promise(resolve => {
    lines.once('close', () => resolve(false));
    signal.addEventListener('abort', () => lines.close(), { once: true });
    lines.question(`${question} [y/N] `, answer => {
      resolve(/^\s*y(es)?\s*$/i.test(answer));
      lines.close();
    });
  });
}
