import { z } from 'zod';

/** One thing wrong with an input: where, what was given, what is allowed. */
export interface Violation {
  /** Path of the field, for example `source.issues.3.title` or `AI_BATCH_SIZE`; `body` for the input as a whole. */
  readonly field: string;
  /** What was given, shortened to 100 characters of JSON. */
  readonly value: string;
  /** What would be accepted, as a noun phrase: "an integer from 1 to 100". */
  readonly allowed: string;
}

/** Input that cannot be accepted; its message names each field, value and allowed range. */
export class InvalidInputError extends Error {
  readonly violations: readonly Violation[];

  constructor(violations: readonly Violation[]) {
    super(violations.map(({ field, value, allowed }) => `${field} is ${value}; allowed: ${allowed}`).join('. '));
    this.violations = violations;
  }
}

/** Builds the error for a single field. */
export function invalid(field: string, value: unknown, allowed: string): InvalidInputError {
  return new InvalidInputError([{ field, value: shown(value), allowed }]);
}

/**
 * Checks an input against a schema.
 *
 * @param schema - each check carries as its error text what is allowed
 * @param whole - the field name for a fault of the input as a whole
 * @throws {InvalidInputError} naming every fault
 */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown, whole = 'body'): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw new InvalidInputError(result.error.issues.flatMap(issue => violationsOf(issue, input, whole)));
}

function violationsOf(issue: z.core.$ZodIssue, input: unknown, whole: string): Violation[] {
  const paths = issue.code === 'unrecognized_keys' ? issue.keys.map(key => [...issue.path, key]) : [issue.path];
  return paths.map(path => ({
    field: path.map(String).join('.') || whole,
    value: shown(path.reduce<unknown>(memberOf, input)),
    allowed:
      issue.code === 'unrecognized_keys'
        ? 'no such field'
        : issue.message.replace(/^Invalid input: expected (.*), received .*$/, 'a value of type $1'),
  }));
}

function memberOf(value: unknown, key: PropertyKey): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
}

function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** An integer within bounds, both included; the error text names them. */
export function integer(min: number, max: number): z.ZodNumber {
  const error = `an integer from ${min} to ${max}`;
  return z.int(error).min(min, error).max(max, error);
}
