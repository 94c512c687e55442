import { InvalidInputError } from '../src/core/problems.ts';

/** Exit code for input that cannot be accepted: a flag, a file, a setting. */
export const BAD_INPUT = 2;
/** Exit code after Ctrl-C. */
export const INTERRUPTED = 130;

/** A failure whose message is all that a user needs; everything else is a defect and shows its stack. */
export class CliError extends Error {
  readonly exitCode: number;

  /** @param exitCode - default 1 */
  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/**
 * Says what went wrong.
 *
 * @param say - takes the text, without a line break at its end
 * @param isInterrupted - then the failure is what Ctrl-C broke off
 * @returns the exit code
 */
export function reportFailure(error: unknown, say: (text: string) => void, isInterrupted: boolean): number {
  if (isInterrupted) {
    say('Interrupted.');
    return INTERRUPTED;
  }
  if (error instanceof CliError) {
    say(`error: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof InvalidInputError) {
    say(`error: ${error.message}`);
    return BAD_INPUT;
  }
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  return 1;
}
