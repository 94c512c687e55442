import { z } from 'zod';

/** A number within bounds (both included); the error states what was read and what is allowed. */
export function numberIn(min: number, max: number) {
  const error = (issue: { input?: unknown }) => `must be a number from ${min} to ${max}, got ${shown(issue.input)}`;
  return z.number({ error }).refine(value => value >= min && value <= max, { error });
}

/** A whole number within bounds (both included); the error states what was read and what is allowed. */
export function integerIn(min: number, max: number) {
  const error = (issue: { input?: unknown }) => `must be an integer from ${min} to ${max}, got ${shown(issue.input)}`;
  return z.number({ error }).refine(value => Number.isInteger(value) && value >= min && value <= max, { error });
}

/** One of a few words; the error states what was read and what is allowed. */
export function oneOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z.enum(values, { error: issue => `must be one of ${values.join(', ')}; got ${shown(issue.input)}` });
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  return typeof value === 'number' ? String(value) : JSON.stringify(value);
}

/**
 * Parses options and names the first wrong one in a single line.
 *
 * @throws {RangeError} "field must be …, got …"
 */
export function parseOptions<S extends z.ZodType>(schema: S, options: unknown): z.output<S> {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw new RangeError('options are not valid');
  if (issue.code === 'unrecognized_keys') throw new RangeError(`unknown option ${issue.keys.join(', ')}`);
  throw new RangeError(`${issue.path.map(String).join('.') || 'options'} ${issue.message}`);
}
