import type { ActivityHandler } from 'durable-functions';
import type { z } from 'zod';
import { ModelCallError } from '../core/failures.ts';
import { InvalidInputError } from '../core/problems.ts';

/**
 * Makes an activity of a contract and the work behind it: input and output are parsed, and whatever is thrown leaves as
 * an error of fixed text. Its message goes into the history, where no text of an issue may lie; the log has the rest.
 */
export function defineActivity<I, O>(
  contract: { readonly name: string; readonly input: z.ZodType<I>; readonly output: z.ZodType<O> },
  work: (input: I, log: (line: string) => void) => Promise<O>,
): ActivityHandler {
  return async (input, context) => {
    try {
      return contract.output.parse(await work(contract.input.parse(input), line => context.log(line)));
    } catch (error) {
      if (error instanceof ModelCallError) throw error;
      context.error(`${contract.name} failed`, error);
      throw new Error(`${contract.name} failed: ${factsOf(error)}`);
    }
  };
}

function factsOf(error: unknown): string {
  if (error instanceof InvalidInputError)
    return error.violations.map(({ field, allowed }) => `${field} must be ${allowed}`).join('; ');
  const { name, code, statusCode } = error as { name?: unknown; code?: unknown; statusCode?: unknown };
  return [name, code, statusCode].filter(fact => typeof fact === 'string' || typeof fact === 'number').join(' ');
}
